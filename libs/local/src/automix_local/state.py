"""Where one embedded stack keeps everything: a directory that only its owner can enter, held by one supervisor."""

import fcntl
import json
import os
import secrets
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import platformdirs

from automix_local.errors import StackError, StateDirBusyError

STATE_DIR_VARIABLE = "AUTOMIX_STATE_DIR"

_PARTS = ("logs", "run", "scratch")
_PASSING = "passing"
_LOOK_SECONDS = 0.02
_LOOKS = 50


def default_state_dir() -> Path:
    """The directory named by AUTOMIX_STATE_DIR, else `automix/local` in the user's data directory.

    Raises StackError when the user has no home.
    """
    named = os.environ.get(STATE_DIR_VARIABLE)
    try:
        return Path(named).expanduser() if named else platformdirs.user_data_path("automix") / "local"
    except RuntimeError:
        raise StackError(
            f"there is no home directory to keep AutoMix in: name another by {STATE_DIR_VARIABLE}"
        ) from None


def read_object(path: Path, remedy: str) -> dict[str, Any]:
    """What a JSON file of the directory holds; nothing when it is not there. Raises StackError, with the remedy."""
    try:
        found = json.loads(path.read_text()) if path.exists() else {}
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise StackError(f"{path} is broken: {remedy}")
    return found


def write_private(path: Path, content: str) -> None:
    """Replace `path` by a file of mode 0600. It is on disk before it has its name: a crash leaves old or new."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


class StateDir:
    """The layout of a state directory and the lock on it."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()
        self._lock: int | None = None

    @property
    def ports_file(self) -> Path:
        """The ports chosen for this stack; kept so that addresses survive a restart."""
        return self.path / "ports.json"

    @property
    def secrets_file(self) -> Path:
        """Every generated password and key, mode 0600."""
        return self.path / "secrets.json"

    @property
    def endpoints_file(self) -> Path:
        """Where the services of the running stack listen; holds no secret."""
        return self.path / "endpoints.json"

    @property
    def status_file(self) -> Path:
        """What each process of the running stack is doing."""
        return self.path / "status.json"

    @property
    def lock_file(self) -> Path:
        """Locked by the supervisor while it lives; holds its process id, and whether its stack is a passing one."""
        return self.path / "lock"

    @property
    def users_file(self) -> Path:
        """Locked in shared mode by everyone in a `running_stack` block."""
        return self.path / "users"

    @property
    def run_dir(self) -> Path:
        """One record per running process, by which the next start finds what a killed supervisor left."""
        return self.path / "run"

    def log_file(self, name: str) -> Path:
        """The output of one process."""
        return self.path / "logs" / f"{name}.log"

    def scratch_dir(self, name: str) -> Path:
        """A private temporary directory of one process, emptied before each of its starts."""
        return self.path / "scratch" / name

    def create(self) -> None:
        """Create the directory and its parts with mode 0700; refuse one that belongs to somebody or something else."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StackError(
                f"{self.path}, where AutoMix keeps everything, cannot be created ({error.strerror}): "
                f"name a directory that user id {os.geteuid()} can write to by --state or {STATE_DIR_VARIABLE}"
            ) from error
        owner = self.path.stat().st_uid
        if owner != os.geteuid():
            raise StackError(f"{self.path} belongs to user id {owner}; choose another directory with --state")
        found = {entry.name for entry in self.path.iterdir()}
        if not (
            found <= set(_PARTS) or found >= set(_PARTS)
        ):  # some of its own parts are fine: another start is making them at this moment
            raise StackError(f"{self.path} holds something else; choose an empty or a new directory with --state")
        self.path.chmod(0o700)
        for part in _PARTS:
            (self.path / part).mkdir(mode=0o700, exist_ok=True)

    def acquire(self, *, passing: bool = False) -> None:
        """Lock the directory for this process. Raises StateDirBusyError when another supervisor has it.

        `passing`: for a stack that stops with the command that needs it. The kernel drops the lock with the process,
        however it ends, so a stale one cannot exist.
        """
        descriptor = os.open(self.lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        for _ in range(_LOOKS):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if self.holder() is not None:
                    break
                time.sleep(_LOOK_SECONDS)  # somebody only looks whether it is held
            else:
                os.ftruncate(descriptor, 0)
                os.write(descriptor, f"{os.getpid()} {_PASSING if passing else ''}".encode())
                self._lock = descriptor
                return
        os.close(descriptor)
        raise StateDirBusyError(
            f"another AutoMix stack (process {self.holder() or 'unknown'}) already uses {self.path}; "
            f"stop it with `automix down --state {self.path}` or choose another directory with --state"
        )

    def release(self) -> None:
        """Give the directory back."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def holder(self) -> int | None:
        """The process id of the supervisor that holds the directory, or None when nobody does."""
        words = self._lock_words()
        return int(words[0]) if words else None

    def passing(self) -> bool:
        """Whether the directory is held for a stack that stops with the command that needs it."""
        return _PASSING in self._lock_words()

    def _lock_words(self) -> list[str]:
        """What the lock says while it is held."""
        try:
            descriptor = os.open(self.lock_file, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return []
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return os.pread(descriptor, 32, 0).decode().split()
        else:
            return []
        finally:
            os.close(descriptor)

    def load_secrets(self, names: Iterable[str]) -> dict[str, str]:
        """The secret of each name, 192 random bits each, made on first use and kept from then on."""
        known: dict[str, str] = read_object(
            self.secrets_file,
            f"restore it, for it opens what the stack keeps, or delete all of {self.path} to begin anew",
        )
        missing = [name for name in names if name not in known]
        if missing:
            known |= {name: secrets.token_hex(24) for name in missing}
            write_private(self.secrets_file, json.dumps(known, indent=1))
        return known
