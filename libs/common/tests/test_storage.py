"""The storage port on the real S3, and the objects that nobody names any more."""

import asyncio
import hashlib
import socket
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import timedelta
from email.message import Message
from pathlib import Path

import pytest
from automix_common.database.pool import Connection, Database
from automix_common.objects import storage
from automix_common.objects.cleanup import Collector, Deleter, delete_later
from automix_common.objects.settings import StorageSettings
from automix_common.objects.storage import Content, ObjectMissing, S3Store, attachment
from automix_common.process.ids import new_id
from automix_common.rpc.errors import Unavailable


@pytest.fixture
async def store(storage_settings: StorageSettings) -> AsyncIterator[S3Store]:
    opened = S3Store(storage_settings)
    yield opened
    opened.close()


async def keys(store: S3Store, prefix: str) -> list[str]:
    return [entry.key async for entry in store.list(prefix)]


async def test_bytes_come_back_whole_and_from_an_offset(store: S3Store, tmp_path: Path) -> None:
    data = bytes(range(256)) * 50_000
    key, sha256 = f"assets/{new_id()}", hashlib.sha256(data).hexdigest()
    (tmp_path / "in").write_bytes(data)
    assert await store.put_file(key, tmp_path / "in", "audio/wav") == Content(len(data), sha256)
    assert await store.size(key) == len(data)
    assert b"".join([block async for block in store.read(key)]) == data
    assert b"".join([block async for block in store.read(key, 1_000_000)]) == data[1_000_000:]
    assert await store.fetch(key, tmp_path / "out") == sha256
    assert (tmp_path / "out").read_bytes() == data


async def test_an_empty_object_and_a_read_past_the_end(store: S3Store) -> None:
    key = f"assets/{new_id()}"
    await store.put_bytes(key, b"abc")
    assert [block async for block in store.read(key, 3)] == []


async def test_what_is_missing_is_said_to_be_missing(store: S3Store, tmp_path: Path) -> None:
    with pytest.raises(ObjectMissing):
        await store.size("assets/nothing")
    with pytest.raises(ObjectMissing):
        await store.fetch("assets/nothing", tmp_path / "out")
    with pytest.raises(ObjectMissing):
        _ = [block async for block in store.read("assets/nothing")]
    await store.delete(["assets/nothing"])


async def test_a_download_link_serves_an_attachment(store: S3Store) -> None:
    key = f"assets/{new_id()}"
    await store.put_bytes(key, b"sound")
    url = store.download_url(key, 'ein "Lied"\n ü.wav', "audio/wav", timedelta(minutes=1))
    body, headers = get(url)
    assert body == b"sound"
    assert headers["Content-Type"] == "audio/wav"
    assert headers["Content-Disposition"].startswith("attachment;")


def test_an_attachment_header_cannot_be_broken_out_of() -> None:
    header = attachment('a"; b\r\nX: y\\ü%.wav')
    assert "\n" not in header
    assert "\r" not in header
    assert header.count('"') == 2
    assert "%C3%BC" in header


async def test_storage_that_is_away_is_unavailable(storage_settings: StorageSettings) -> None:
    away = S3Store(storage_settings.model_copy(update={"s3_endpoint": "http://127.0.0.1:9"}))
    with pytest.raises(Unavailable):
        await away.put_bytes("assets/x", b"")
    away.close()


async def test_noted_objects_are_deleted_and_forgotten(store: S3Store, database: Database) -> None:
    doomed = [f"assets/doomed-{new_id()}" for _ in range(3)]
    for key in doomed:
        await store.put_bytes(key, b"x")
    async with database.transaction() as connection:
        await delete_later(connection, [*doomed, "assets/doomed-never-was"])
    assert await Deleter(database, store, 1).delete_batch() == 4
    assert await keys(store, "assets/doomed-") == []
    assert await Deleter(database, store, 1).delete_batch() == 0


async def test_the_collector_takes_old_objects_that_nothing_names(store: S3Store, database: Database) -> None:
    named, orphan = f"assets/c-{new_id()}", f"assets/c-{new_id()}"
    for key in (named, orphan):
        await store.put_bytes(key, b"x")

    async def names(_connection: Connection, found: Sequence[str]) -> set[str]:
        return {named} & set(found)

    young = Collector(database, store, ["assets/c-"], names, every_seconds=1, age_seconds=3600)
    assert await young.collect() == 0
    old = Collector(database, store, ["assets/c-"], names, every_seconds=1, age_seconds=-60)
    assert await old.collect() == 1
    await Deleter(database, store, 1).delete_batch()
    assert await keys(store, "assets/c-") == [named]


async def test_a_round_of_the_collector_is_bounded_and_the_next_one_goes_on(store: S3Store, database: Database) -> None:
    orphans = sorted(f"assets/r-{new_id()}" for _ in range(5))
    for key in orphans:
        await store.put_bytes(key, b"x")

    async def none(_connection: Connection, _found: Sequence[str]) -> set[str]:
        return set()

    collector = Collector(database, store, ["assets/r-"], none, every_seconds=1, age_seconds=-60, most=2)
    assert [await collector.collect() for _ in range(4)] == [2, 2, 1, 2]
    await Deleter(database, store, 1).delete_batch()
    assert await keys(store, "assets/r-") == []


async def test_a_form_takes_exactly_the_declared_size(store: S3Store) -> None:
    key = f"incoming/{new_id()}"
    url, fields = store.post_policy(key, 5, timedelta(minutes=1))
    assert post(url, fields, b"123456") >= 400
    assert post(url, fields, b"1234") >= 400
    assert post(url, fields, b"12345") < 300
    assert await store.size(key) == 5


def get(url: str) -> tuple[bytes, Message]:
    with urllib.request.urlopen(url) as answer:
        return answer.read(), answer.headers


def post(url: str, fields: dict[str, str], data: bytes) -> int:
    mark = "----boundary"
    parts = [
        f'--{mark}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    head = f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
    body = "".join(parts).encode() + head.encode() + data + f"\r\n--{mark}--\r\n".encode()
    request = urllib.request.Request(url, body, {"Content-Type": f"multipart/form-data; boundary={mark}"})
    try:
        with urllib.request.urlopen(request) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code


@pytest.fixture
def frozen() -> Iterator[str]:
    """The address of a server that takes connections and answers nothing."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(64)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


async def test_nobody_waits_for_all_before_them_when_storage_is_frozen(
    storage_settings: StorageSettings, frozen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "TURN_SECONDS", 0.2)
    monkeypatch.setattr(storage, "READ_SECONDS", 2)
    store = S3Store(storage_settings.model_copy(update={"s3_endpoint": frozen}))
    held = [asyncio.create_task(store.put_bytes(f"assets/{number}", b"abc")) for number in range(storage.THREADS)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable, match="does not answer"):
        await store.size("assets/one")
    assert not any(task.done() for task in held)
    held[0].cancel()  # its thread goes on, so there is still no turn
    with pytest.raises(Unavailable, match="does not answer"):
        await store.size("assets/one")
    for ended in await asyncio.gather(*held[1:], return_exceptions=True):
        assert isinstance(ended, Unavailable)
    assert await asyncio.gather(held[0], return_exceptions=True)
    store.close()
