"""Tokens at rest: readable by their user alone, replaced in one step, exchanged by one process at a time."""

import asyncio
import json
import sys
from pathlib import Path

import pytest
from automix_client.tokens import Credentials, FileTokenStore, file_lock, slug, write_private
from kit.stand_in.platform import serve
from kit.stand_in.world import World

CREDENTIALS = Credentials("me@example.org", "u", "a", 1.0, "r", 2.0)

# What another program does that shares the token file: one call, and the token it used.
OTHER_PROGRAM = """
import asyncio, sys
from pathlib import Path
from automix_client.client import AsyncClient
from automix_client.endpoints import Endpoints
from automix_client.tokens import FileTokenStore

async def main(port, path):
    store = FileTokenStore(Path(path))
    async with AsyncClient(Endpoints.parse("127.0.0.1:" + port), token_store=store) as client:
        sys.stdin.readline()
        await client.account.me()
        print(store.load().access_token)

asyncio.run(main(*sys.argv[1:]))
"""


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    store = FileTokenStore.under(tmp_path / "config", "127.0.0.1:50051")
    assert store.load() is None
    store.save(CREDENTIALS)
    assert FileTokenStore.under(tmp_path / "config", "127.0.0.1:50051").load() == CREDENTIALS
    assert FileTokenStore.under(tmp_path / "config", "127.0.0.1:50052").load() is None
    store.clear()
    store.clear()
    assert store.load() is None


async def test_only_the_user_can_read_the_files(tmp_path: Path) -> None:
    store = FileTokenStore.under(tmp_path / "config", "somewhere")
    async with store.lock():
        store.save(CREDENTIALS)
    for path in (tmp_path / "config").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path
    assert sorted(path.suffix for path in store.path.parent.iterdir()) == [".json", ".lock"]


def test_a_file_that_others_could_read_is_replaced_by_one_that_they_cannot(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    path.write_text("{}")
    path.chmod(0o644)
    FileTokenStore(path).save(CREDENTIALS)
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"email": "x"}'])
def test_a_damaged_file_means_that_nobody_is_signed_in(tmp_path: Path, text: str) -> None:
    path = tmp_path / "tokens.json"
    path.write_text(text)
    assert FileTokenStore(path).load() is None


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    write_private(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_private(path, "\ud800")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_platforms_have_files_of_their_own() -> None:
    assert slug("a/b") != slug("a_b")
    assert "/" not in slug("../../etc/passwd")
    assert not slug("../../etc/passwd").startswith(".")


async def test_a_lock_that_is_given_up_while_waiting_stays_with_its_holder(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    async with file_lock(path):

        async def wait() -> None:
            async with file_lock(path):
                raise AssertionError("two hold the lock")

        waiting = asyncio.create_task(wait())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    async with asyncio.timeout(5), file_lock(path):
        pass


async def test_two_processes_with_one_file_refresh_once(tmp_path: Path) -> None:
    world = World()
    store = FileTokenStore(tmp_path / "tokens.json")
    async with serve(world) as port:
        user = world.user("me@example.org")
        tokens = world.tokens("me@example.org")
        store.save(Credentials.of(user, tokens))
        # Still good by the clock, but no longer accepted: both programs learn it from the service.
        world.access.clear()
        programs = [
            await asyncio.create_subprocess_exec(
                sys.executable,
                "-c",
                OTHER_PROGRAM,
                str(port),
                str(store.path),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
            for _ in range(2)
        ]
        answers = await asyncio.gather(*(program.communicate(b"go\n") for program in programs))
    used = {out.decode().strip() for out, _ in answers}
    assert [program.returncode for program in programs] == [0, 0]
    assert world.calls["RefreshToken"] == 1
    assert used == set(world.access)
    assert json.loads(store.path.read_text())["access_token"] in used


def test_a_folder_that_cannot_be_made_is_named_with_the_setting(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="AUTOMIX_CONFIG_DIR"):
        write_private(tmp_path / "file" / "config" / "presets.json", "{}")
