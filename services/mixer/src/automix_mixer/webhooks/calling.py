"""Calls to addresses that users have chosen: to the public network alone, patient for seconds, deaf to answers.

A name is resolved once for each call, every address that it has is checked, and the connection goes to one of those: a
name that leads elsewhere a moment later (DNS rebinding) leads nowhere. TLS still proves the name.
"""

import asyncio
import socket
import ssl
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import httpcore

from automix_mixer.webhooks.addresses import is_public
from automix_mixer.webhooks.domain import Answer, Sending

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 15.0
"""Seconds for one attempt as a whole."""
SUCCESS = range(200, 300)
REDIRECT = range(300, 400)
REFUSED = "its name leads to an address of a private network"


class Checked(httpcore.AsyncNetworkBackend):
    """Connects to addresses that were checked; `private` allows all."""

    def __init__(self, *, private: bool) -> None:
        self._private = private
        self._plain = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the interface's
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connection to the first address of the host that takes one."""
        try:
            async with asyncio.timeout(timeout):
                found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise httpcore.ConnectError("its name has no address") from None
        except TimeoutError:
            raise httpcore.ConnectTimeout from None
        addresses = list(dict.fromkeys(str(place[4][0]) for place in found))
        if not self._private and not all(map(is_public, addresses)):
            raise httpcore.ConnectError(REFUSED)
        last: Exception = httpcore.ConnectError("its name has no address")
        for address in addresses:
            try:
                return await self._plain.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                last = error
        raise last

    async def connect_unix_socket(self, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        """Never."""
        raise httpcore.ConnectError("no sockets of this machine")

    async def sleep(self, seconds: float) -> None:
        """Sleeps, as the interface asks."""
        await asyncio.sleep(seconds)


class Caller:
    """Posts deliveries."""

    def __init__(self, *, private: bool, authorities: Path | None = None) -> None:
        """`private` allows addresses of private networks; `authorities` is a PEM file beside the system's."""
        self._backend = Checked(private=private)
        self._tls = ssl.create_default_context()
        if authorities is not None:
            self._tls.load_verify_locations(authorities)

    async def post(self, sending: Sending) -> Answer:
        """Sends it and looks at the status of the answer, at nothing else of it."""
        headers: list[tuple[bytes | str, bytes | str]] = [
            ("content-type", "application/json"),
            ("user-agent", "AutoMix-Webhooks"),
            *sending.headers.items(),
        ]
        timeout = {"connect": CONNECT_SECONDS, "read": ANSWER_SECONDS, "write": ANSWER_SECONDS, "pool": CONNECT_SECONDS}
        try:
            async with (
                asyncio.timeout(ANSWER_SECONDS),
                # A pool for each call: no connection outlives the check of its address.
                httpcore.AsyncConnectionPool(
                    ssl_context=self._tls, max_connections=1, max_keepalive_connections=0, network_backend=self._backend
                ) as pool,
                pool.stream(
                    "POST",
                    sending.url,
                    headers=headers,
                    content=sending.body.encode(),
                    extensions={"timeout": timeout},
                ) as answer,
            ):
                return _judged(int(answer.status))
        except (TimeoutError, httpcore.TimeoutException):
            return Answer(None, "it took too long")
        except ssl.SSLError as error:
            return Answer(None, f"TLS: {error.reason or 'failed'}"[:200])
        except httpcore.ConnectError as error:
            return Answer(None, f"it cannot be reached: {_words(error)}")
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol, UnicodeError, OSError):
            return Answer(None, "what answered does not speak HTTP, or broke off")


def _judged(status: int) -> Answer:
    if status in SUCCESS:
        return Answer(status)
    if status in REDIRECT:
        return Answer(status, f"it answered {status}: redirects are not followed")
    return Answer(status, f"it answered {status}")


def _words(error: Exception) -> str:
    """What the webhook's owner is told of a failure: our own words, or the short text of a system's error."""
    cause = error.__cause__ or error.__context__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"TLS: {cause.verify_message}"[:200]
    text = str(error)
    return text[:200] if text in {REFUSED, "its name has no address"} else "nothing answers there"
