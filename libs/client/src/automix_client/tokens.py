"""Where a signed-in client keeps its tokens, and how processes that share them take turns."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import json
import os
import re
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from automix.auth.v1 import auth_pb2

from automix_client.settings import AnyPath

LOCK_POLL_S = 0.02
LOCK_PATIENCE_S = 60.0


@dataclass(frozen=True)
class Credentials:
    """Tokens and whose they are; times are seconds since the epoch."""

    email: str
    user_id: str
    access_token: str
    access_expires_at: float
    refresh_token: str
    refresh_expires_at: float

    @classmethod
    def of(cls, user: auth_pb2.User, tokens: auth_pb2.Tokens) -> Credentials:
        """What a sign-in answered."""
        return cls(
            email=user.email,
            user_id=user.id,
            access_token=tokens.access_token,
            access_expires_at=tokens.access_expires_at.ToNanoseconds() / 1e9,
            refresh_token=tokens.refresh_token,
            refresh_expires_at=tokens.refresh_expires_at.ToNanoseconds() / 1e9,
        )

    def renewed(self, tokens: auth_pb2.Tokens) -> Credentials:
        """The same account with the tokens of a refresh."""
        return self.of(auth_pb2.User(id=self.user_id, email=self.email), tokens)


class TokenStore(Protocol):
    """Keeps the credentials of one account at one platform."""

    def load(self) -> Credentials | None:
        """What was saved last, by whatever process; None when nobody is signed in."""

    def save(self, credentials: Credentials) -> None:
        """Replaces what is kept."""

    def clear(self) -> None:
        """Forgets what is kept."""

    def lock(self) -> AbstractAsyncContextManager[None]:
        """Held while tokens are exchanged, by one task of one process at a time."""


class MemoryTokenStore:
    """Keeps credentials as long as the process lives."""

    def __init__(self) -> None:
        self._credentials: Credentials | None = None
        self._lock = asyncio.Lock()

    def load(self) -> Credentials | None:
        """What was saved last."""
        return self._credentials

    def save(self, credentials: Credentials) -> None:
        """Replaces what is kept."""
        self._credentials = credentials

    def clear(self) -> None:
        """Forgets what is kept."""
        self._credentials = None

    def lock(self) -> AbstractAsyncContextManager[None]:
        """Held by one task at a time."""
        return self._lock


class FileTokenStore:
    """Keeps credentials in a file that only its user can read, replaced in one step."""

    def __init__(self, path: AnyPath) -> None:
        self.path = Path(path)

    @classmethod
    def under(cls, folder: Path, name: str) -> FileTokenStore:
        """The store of the platform called `name` (see Endpoints.name) under a configuration folder."""
        return cls(folder / "tokens" / f"{slug(name)}.json")

    def load(self) -> Credentials | None:
        """What was saved last, by whatever process; None for a missing file and for one that cannot be understood."""
        try:
            return Credentials(**json.loads(self.path.read_text("utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def save(self, credentials: Credentials) -> None:
        """Replaces the file in one step."""
        write_private(self.path, json.dumps(asdict(credentials), indent=1))

    def clear(self) -> None:
        """Removes the file."""
        self.path.unlink(missing_ok=True)

    def lock(self) -> AbstractAsyncContextManager[None]:
        """Held by one task of one process at a time; a process that dies lets go of it."""
        return file_lock(self.path.with_suffix(".lock"))


def slug(name: str) -> str:
    """A file name for any text: readable, and different for different texts."""
    readable = re.sub(r"[^A-Za-z0-9.-]+", "_", name).strip("._")[:60]
    return f"{readable}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def write_private(path: Path, text: str) -> None:
    """Replaces a file in one step, readable by its user alone (0600) from the first byte on."""
    _private_folder(path.parent)
    # mkstemp creates with mode 0600.
    handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(scratch).replace(path)
    except BaseException:
        Path(scratch).unlink(missing_ok=True)
        raise


@asynccontextmanager
async def file_lock(path: Path) -> AsyncIterator[None]:
    """Holds an exclusive lock on a file, across processes.

    It is polled, not waited for in a thread: a wait that is cancelled must not get the lock afterwards.

    Raises TimeoutError when somebody else holds it for a minute.
    """
    _private_folder(path.parent)
    deadline = time.monotonic() + LOCK_PATIENCE_S
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{path} stays locked by another process") from None
                await asyncio.sleep(LOCK_POLL_S)
        yield
    finally:
        os.close(handle)


def _private_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        # In a container the home is often missing or not writable, and the bare error names what nobody asked for.
        wanted = f"{error.strerror}: tokens and presets are kept there, or where AUTOMIX_CONFIG_DIR says"
        raise OSError(error.errno, wanted, str(folder)) from error
