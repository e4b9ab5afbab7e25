"""Pages by key: a token names the last id of the page before, newest first."""

import asyncio
import base64
import binascii
import time
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar
from uuid import UUID

from automix_common.rpc.errors import FieldViolation, InvalidArgument

DEFAULT_SIZE = 50
TURN_SECONDS = 0.01
"""Processor time after which others have their turn of the event loop."""
LAST = UUID(int=2**128 - 1)


class HasId(Protocol):
    """Anything with an id."""

    @property
    def id(self) -> UUID:
        """Its id."""


Item = TypeVar("Item", bound=HasId)
Message = TypeVar("Message")


def page_start(token: str) -> UUID:
    """The id that every item of the page is below.

    Raises InvalidArgument for a token that no list returned.
    """
    if not token:
        return LAST
    try:
        return UUID(bytes=base64.urlsafe_b64decode(token))
    except (ValueError, binascii.Error):
        raise InvalidArgument(
            "BAD_PAGE_TOKEN",
            "page_token must be the next_page_token of an earlier answer",
            violations=[FieldViolation("page_token", "not a token of an earlier answer")],
        ) from None


def page_limit(page_size: int) -> int:
    """How many rows to fetch: one more than the page holds tells whether another page follows."""
    return (page_size or DEFAULT_SIZE) + 1


def page_of(rows: Sequence[Item], limit: int) -> tuple[Sequence[Item], str]:
    """The rows of this page and the token of the next, empty when there is none."""
    if len(rows) < limit:
        return rows, ""
    page = rows[: limit - 1]
    return page, base64.urlsafe_b64encode(page[-1].id.bytes).decode()


async def page_messages(make: Callable[[Item], Message], rows: Sequence[Item]) -> list[Message]:
    """What `make` makes of the rows. Others have their turn of the event loop meanwhile: a hundred jobs of many tracks
    take longer than anybody may hold it.
    """
    made, began = [], time.thread_time()
    for row in rows:
        made.append(make(row))
        if time.thread_time() - began > TURN_SECONDS:
            await asyncio.sleep(0)
            began = time.thread_time()
    return made
