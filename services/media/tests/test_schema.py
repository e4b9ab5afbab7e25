"""The database refuses what must not be, whoever writes it."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest
from automix_common.ids import new_id
from automix_local import Servers
from psycopg import sql

Connection = psycopg.Connection[Any]
Row = dict[str, Any]

REFUSED = (psycopg.IntegrityError, psycopg.DataError)


@pytest.fixture
def connection(migrated: Servers) -> Iterator[Connection]:
    """A transaction that is rolled back."""
    with psycopg.connect(migrated.database_url("media")) as opened:
        yield opened
        opened.rollback()


def insert(connection: Connection, table: str, row: Row) -> None:
    values = sql.SQL(", ").join(
        sql.SQL(value[4:]) if isinstance(value, str) and value.startswith("SQL ") else sql.Literal(value)
        for value in row.values()
    )
    names = sql.SQL(", ").join(map(sql.Identifier, row))
    connection.execute(sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(sql.Identifier(table), names, values))


def update(connection: Connection, table: str, row_id: UUID, changes: Row) -> None:
    values = sql.SQL(", ").join(
        sql.SQL("{} = {}").format(
            sql.Identifier(name),
            sql.SQL(value[4:]) if isinstance(value, str) and value.startswith("SQL ") else sql.Literal(value),
        )
        for name, value in changes.items()
    )
    found = connection.execute(
        sql.SQL("UPDATE {} SET {} WHERE id = {}").format(sql.Identifier(table), values, sql.Literal(row_id))
    )
    assert found.rowcount == 1


def settle(connection: Connection) -> None:
    """Checks what is checked at a commit."""
    connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    connection.execute("SET CONSTRAINTS ALL DEFERRED")


def upload_row(**changes: Any) -> Row:
    return {
        "id": new_id(),
        "project_id": new_id(),
        "owner_id": new_id(),
        "filename": "a.wav",
        "role": "beat",
        "method": "stream",
        "size": 100,
        "expires_at": "SQL now() + interval '1 day'",
    } | changes


def part_row(upload: UUID, start: int, size: int, **changes: Any) -> Row:
    key = f"incoming/{upload}/{start}-{new_id().hex}"
    return {"upload_id": upload, "start": start, "size": size, "storage_key": key} | changes


LEASE = {"state": "verifying", "lease_expires_at": "SQL clock_timestamp() + interval '1 minute'"}
ENDED = {"ended_at": "SQL clock_timestamp()", "verifier": None, "lease_expires_at": None}
REFUSAL = ENDED | {"state": "refused", "refusal_reason": "NOT_AUDIO", "refusal_message": "No audio."}


class World:
    """Uploads in each state, in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def open(self, received: int = 0, **changes: Any) -> Row:
        row = upload_row(**changes)
        insert(self.connection, "uploads", row)
        if received:
            insert(self.connection, "upload_parts", part_row(row["id"], 0, received))
        return row

    def verifying(self, **changes: Any) -> Row:
        row = self.open(100, **changes)
        row["verifier"] = new_id()
        update(self.connection, "uploads", row["id"], LEASE | {"verifier": row["verifier"]})
        return row

    def asset_row(self, upload: Row, **changes: Any) -> Row:
        return {
            "id": upload["verifier"],
            "project_id": upload["project_id"],
            "owner_id": upload["owner_id"],
            "upload_id": upload["id"],
            "filename": "a.wav",
            "filetype": "wav",
            "role": "beat",
            "duration": 1.0,
            "storage_key": f"assets/{upload['verifier']}",
            "size": 100,
            "sha256": "0" * 64,
            "sample_rate": 8000,
            "channels": 1,
            "loudness": -20.0,
            "waveform": b"\0\0\0\0",
            "waveform_slice": 8000,
        } | changes

    def done(self, **changes: Any) -> Row:
        upload = self.verifying(**changes)
        self.finish(upload)
        return upload

    def finish(self, upload: Row, **changes: Any) -> None:
        insert(self.connection, "assets", self.asset_row(upload, **changes))
        update(self.connection, "uploads", upload["id"], ENDED | {"state": "done", "asset_id": upload["verifier"]})
        settle(self.connection)

    def refused(self) -> Row:
        upload = self.verifying()
        update(self.connection, "uploads", upload["id"], REFUSAL)
        return upload


@pytest.fixture
def world(connection: Connection) -> World:
    return World(connection)


def test_the_legal_life_of_uploads_is_accepted(world: World) -> None:
    world.open(40)
    world.verifying()
    world.done()
    world.refused()
    aborted = world.open(40)
    update(world.connection, "uploads", aborted["id"], REFUSAL)
    settle(world.connection)


@pytest.mark.parametrize(
    "changes",
    [
        {"id": None},
        {"project_id": None},
        {"owner_id": None},
        {"filename": None},
        {"filename": ""},
        {"filename": "  \t "},
        {"filename": "\u2003"},
        {"filename": "a\nb"},
        {"filename": "a\x7f"},
        {"filename": "a\u0085"},
        {"filename": "x" * 256},
        {"role": "drums"},
        {"role": None},
        {"method": "ftp"},
        {"method": None},
        {"size": 0},
        {"size": -1},
        {"size": None},
        {"received": -1},
        {"received": 1},
        {"expires_at": "SQL now() - interval '1 second'"},
        {"expires_at": None},
        {"created_at": None},
        {"state": None},
        {"state": "lost"},
        LEASE | {"verifier": "SQL uuidv7()", "method": "post"},
        {"state": "done", "asset_id": "SQL uuidv7()", "ended_at": "SQL now()", "method": "post"},
        REFUSAL,
        {"state": "verifying"},
        {"verifier": "SQL uuidv7()"},
        {"lease_expires_at": "SQL now()"},
        {"writer": "SQL uuidv7()"},
        {"writer": "SQL uuidv7()", "writer_until": "SQL now()"},
        {"asset_id": "SQL uuidv7()"},
        {"ended_at": "SQL now()"},
        {"refusal_reason": "NOT_AUDIO"},
        {"refusal_message": "No audio."},
    ],
    ids=str,
)
def test_an_upload_is_not_born_so(connection: Connection, changes: Row) -> None:
    with pytest.raises(REFUSED):
        insert(connection, "uploads", upload_row() | changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "SQL uuidv7()"},
        {"project_id": "SQL uuidv7()"},
        {"owner_id": "SQL uuidv7()"},
        {"size": 101},
        {"method": "post"},
        {"filename": "b.wav"},
        {"role": "vocals"},
        {"expires_at": "SQL now() + interval '9 days'"},
        {"received": 41},
        {"received": 100},
        {"state": "done", "asset_id": "SQL uuidv7()", "ended_at": "SQL now()"},
        LEASE | {"verifier": "SQL uuidv7()"},  # 40 of 100 bytes have arrived
        LEASE,
        {"state": "verifying", "verifier": "SQL uuidv7()"},
        REFUSAL | {"refusal_reason": None},
        REFUSAL | {"refusal_message": None},
        REFUSAL | {"refusal_message": "  "},
        REFUSAL | {"refusal_reason": "not audio"},
        REFUSAL | {"ended_at": None},
        REFUSAL | {"ended_at": "SQL created_at - interval '1 second'"},
        REFUSAL | {"asset_id": "SQL uuidv7()"},
        REFUSAL | {"writer": "SQL uuidv7()", "writer_until": "SQL now()"},
    ],
    ids=str,
)
def test_an_open_upload_does_not_become_so(world: World, changes: Row) -> None:
    upload = world.open(40)
    with pytest.raises(REFUSED):
        update(world.connection, "uploads", upload["id"], changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"state": "open", "verifier": None, "lease_expires_at": None},
        {"verifier": None},
        {"lease_expires_at": None},
        {"verifier": "SQL uuidv7()"},  # somebody else's lease lives
        {"writer": "SQL uuidv7()", "writer_until": "SQL now()"},
        ENDED | {"state": "done"},
        ENDED | {"state": "done", "asset_id": "SQL uuidv7()"},
        {"state": "done", "asset_id": "SQL verifier", "ended_at": "SQL clock_timestamp()"},
    ],
    ids=str,
)
def test_a_verifying_upload_does_not_become_so(world: World, changes: Row) -> None:
    upload = world.verifying()
    with pytest.raises(REFUSED):
        update(world.connection, "uploads", upload["id"], changes)


def test_a_lapsed_lease_can_be_taken_over(world: World) -> None:
    upload = world.verifying()
    lapsed = {"lease_expires_at": "SQL clock_timestamp() - interval '1 second'"}
    update(world.connection, "uploads", upload["id"], lapsed)
    update(world.connection, "uploads", upload["id"], LEASE | {"verifier": new_id()})


@pytest.mark.parametrize("state", ["done", "refused"])
@pytest.mark.parametrize(
    "changes",
    [
        {"state": "open", "asset_id": None, "refusal_reason": None, "refusal_message": None, "ended_at": None},
        LEASE | {"verifier": "SQL uuidv7()"},
        {"ended_at": "SQL now() + interval '1 hour'"},
        {"refusal_message": "Another."},
        {"asset_id": "SQL uuidv7()"},
    ],
    ids=str,
)
def test_an_upload_that_is_over_stays_as_it_is(world: World, state: str, changes: Row) -> None:
    upload = world.done() if state == "done" else world.refused()
    with pytest.raises(REFUSED):
        update(world.connection, "uploads", upload["id"], changes)


def test_done_without_an_asset_is_refused_at_the_commit(world: World) -> None:
    upload = world.verifying()
    update(world.connection, "uploads", upload["id"], ENDED | {"state": "done", "asset_id": upload["verifier"]})
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        settle(world.connection)


@pytest.mark.parametrize("state", ["verifying", "refused"])
def test_an_asset_of_an_upload_that_is_not_done_is_refused(world: World, state: str) -> None:
    upload = world.verifying() if state == "verifying" else world.refused()
    insert(world.connection, "assets", world.asset_row(upload))
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        settle(world.connection)


def test_a_second_asset_of_an_upload_is_refused(world: World) -> None:
    upload = world.done()
    with pytest.raises(psycopg.errors.UniqueViolation):
        insert(world.connection, "assets", world.asset_row(upload | {"verifier": new_id()}))


def test_an_asset_does_not_go_without_its_upload(world: World) -> None:
    upload = world.done()
    world.connection.execute("DELETE FROM assets WHERE id = %s", (upload["verifier"],))
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        settle(world.connection)


@pytest.mark.parametrize(
    "changes",
    [
        {"owner_id": "SQL uuidv7()"},
        {"project_id": "SQL uuidv7()"},
        {"upload_id": "SQL uuidv7()"},
        {"upload_id": None},
        {"size": 99},
        {"size": 0},
        {"duration": -1.0},
        {"duration": 0.0},
        {"duration": "SQL 'NaN'"},
        {"duration": "SQL 'Infinity'"},
        {"duration": None},
        {"duration": 3.0},  # its waveform covers one second
        {"loudness": "SQL 'NaN'"},
        {"loudness": "SQL '-Infinity'"},
        {"filename": " "},
        {"filename": "a\x1bb"},
        {"filename": None},
        {"filetype": "ogg"},
        {"filetype": None},
        {"role": None},
        {"sha256": "0" * 63},
        {"sha256": "F" * 64},
        {"sha256": "g" * 64},
        {"sha256": None},
        {"sample_rate": 0},
        {"channels": 0},
        {"channels": 256},
        {"waveform": b""},
        {"waveform": b"\0\0\0"},
        {"waveform": b"\0" * 8},
        {"waveform_slice": 0},
        {"storage_key": "incoming/mine"},
        {"storage_key": "assets/"},
        {"storage_key": "SQL 'assets/' || uuidv7()"},
        {"storage_key": None},
        {"uploaded_at": None},
    ],
    ids=str,
)
def test_an_asset_is_not_born_so(world: World, changes: Row) -> None:
    upload = world.verifying()
    with pytest.raises(REFUSED):
        world.finish(upload, **changes)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("owner_id", "SQL uuidv7()"),
        ("project_id", "SQL uuidv7()"),
        ("storage_key", "SQL 'assets/' || uuidv7()"),
        ("sha256", "1" * 64),
        ("size", 99),
        ("duration", 0.9999),
        ("sample_rate", 7999),
        ("channels", 2),
        ("loudness", None),
        ("filetype", "mp3"),
        ("waveform", b"\1\0\0\0"),
        ("uploaded_at", "SQL now() - interval '1 day'"),
        ("filename", "a\nb"),
        ("role", None),
    ],
)
def test_what_was_verified_never_changes(world: World, name: str, value: object) -> None:
    upload = world.done()
    with pytest.raises(REFUSED):
        update(world.connection, "assets", upload["verifier"], {name: value})


@pytest.mark.parametrize(
    ("start", "size"),
    [(39, 10), (41, 10), (0, 10), (0, 40), (40, 61), (40, 0), (40, -1), (-10, 10)],
)
def test_parts_leave_no_gap_do_not_overlap_and_end_where_the_file_does(world: World, start: int, size: int) -> None:
    upload = world.open(40)
    with pytest.raises(REFUSED):
        insert(world.connection, "upload_parts", part_row(upload["id"], start, size))


@pytest.mark.parametrize(
    "key",
    [
        None,
        "",
        "assets/mine",
        "incoming/other/40-0",
        "incoming/{upload}/41-" + "0" * 32,
        "incoming/{upload}/40-../" + "0" * 30,
        "incoming/{upload}/40-" + "0" * 31,
    ],
)
def test_a_part_lies_under_its_own_name(world: World, key: str | None) -> None:
    upload = world.open(40)
    key = key.format(upload=upload["id"]) if key else key
    with pytest.raises(REFUSED):
        insert(world.connection, "upload_parts", part_row(upload["id"], 40, 10, storage_key=key))


def test_a_part_is_added_to_an_open_stream_alone(world: World) -> None:
    for upload in (world.verifying(), world.done(), world.refused(), world.open(method="post")):
        with pytest.raises(REFUSED), world.connection.transaction():
            insert(world.connection, "upload_parts", part_row(upload["id"], 0, 10))
    with pytest.raises(REFUSED):
        insert(world.connection, "upload_parts", part_row(new_id(), 0, 10))


def test_a_part_stays_as_long_as_its_upload_needs_it(world: World) -> None:
    for upload in (world.open(40), world.verifying()):
        with pytest.raises(REFUSED), world.connection.transaction():
            world.connection.execute("DELETE FROM upload_parts WHERE upload_id = %s", (upload["id"],))
        with pytest.raises(REFUSED), world.connection.transaction():
            world.connection.execute("UPDATE upload_parts SET size = size - 1 WHERE upload_id = %s", (upload["id"],))


def test_a_live_writer_is_not_pushed_aside(world: World) -> None:
    upload = world.open()
    mine = {"writer": new_id(), "writer_until": "SQL clock_timestamp() + interval '1 minute'"}
    update(world.connection, "uploads", upload["id"], mine)
    with pytest.raises(REFUSED), world.connection.transaction():
        update(world.connection, "uploads", upload["id"], mine | {"writer": new_id()})
    update(world.connection, "uploads", upload["id"], {"writer_until": "SQL clock_timestamp() - interval '1 s'"})
    update(world.connection, "uploads", upload["id"], mine | {"writer": new_id()})


def noted(connection: Connection) -> set[str]:
    return {row[0] for row in connection.execute("SELECT storage_key FROM object_deletions").fetchall()}


def test_whatever_ends_a_row_notes_its_objects(world: World) -> None:
    before = noted(world.connection)
    part = world.open(40)
    posted = world.open(method="post")
    done = world.done()
    keys = {f"incoming/{posted['id']}/post", f"assets/{done['verifier']}"}
    keys |= {
        row[0]
        for row in world.connection.execute(
            "SELECT storage_key FROM upload_parts WHERE upload_id = %s", (part["id"],)
        ).fetchall()
    }
    assert keys.isdisjoint(noted(world.connection))
    for upload in (part, posted, done):
        world.connection.execute("DELETE FROM uploads WHERE id = %s", (upload["id"],))
    settle(world.connection)
    assert keys <= noted(world.connection)
    assert len(keys) == 3
    assert len(noted(world.connection) - before) == 4  # and the part of the one that was done
    assert world.connection.execute("SELECT 1 FROM assets WHERE id = %s", (done["verifier"],)).fetchone() is None


def test_a_form_stays_as_long_as_it_may_bring_bytes_and_notes_its_object(world: World) -> None:
    live = {"owner_id": new_id(), "size": 10, "expires_at": "SQL now() + interval '1 hour'"}
    past = live | {"created_at": "SQL now() - interval '2 h'", "expires_at": "SQL now() - interval '1 h'"}
    awaited, gone = world.open(method="post")["id"], new_id()
    for form in ({"upload_id": new_id()} | live, {"upload_id": awaited} | past):
        insert(world.connection, "forms", form)
        with pytest.raises(REFUSED), world.connection.transaction():
            world.connection.execute("DELETE FROM forms WHERE upload_id = %s", (form["upload_id"],))
        with pytest.raises(REFUSED), world.connection.transaction():
            world.connection.execute("UPDATE forms SET size = 1 WHERE upload_id = %s", (form["upload_id"],))
    insert(world.connection, "forms", {"upload_id": gone} | past)
    world.connection.execute("DELETE FROM forms WHERE upload_id = %s", (gone,))
    assert f"incoming/{gone}/post" in noted(world.connection)


@pytest.mark.parametrize("parent", ["owner_id", "project_id"])
def test_nothing_is_born_on_a_dead_parent(world: World, parent: str) -> None:
    upload = world.verifying()
    world.connection.execute("SELECT bury(%s, 'user')", (upload[parent],))
    with pytest.raises(psycopg.Error, match="is gone"), world.connection.transaction():
        insert(world.connection, "uploads", upload_row(**{parent: upload[parent]}))
    with pytest.raises(psycopg.Error, match="is gone"):
        insert(world.connection, "assets", world.asset_row(upload))
