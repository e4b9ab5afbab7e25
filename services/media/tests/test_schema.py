"""The database refuses what must not be, whoever writes it: uploads and assets."""

import psycopg
import pytest
from automix_common.process.ids import new_id

from .rows import ENDED, LEASE, REFUSAL, REFUSED, Connection, Row, World, insert, settle, update, upload_row


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
        {"damaged_packets": -1},
        {"gaps": "SQL '{}'"},
        {"gaps": "SQL (SELECT jsonb_agg(jsonb_build_array(n, 0.5)) FROM generate_series(1, 101) n)"},
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
        ("damaged_packets", 1),
        ("gaps", "SQL '[[1.0, 0.5]]'"),
        ("uploaded_at", "SQL now() - interval '1 day'"),
        ("filename", "a\nb"),
        ("role", None),
    ],
)
def test_what_was_verified_never_changes(world: World, name: str, value: object) -> None:
    upload = world.done()
    with pytest.raises(REFUSED):
        update(world.connection, "assets", upload["verifier"], {name: value})


@pytest.mark.parametrize("parent", ["owner_id", "project_id"])
def test_nothing_is_born_on_a_dead_parent(world: World, parent: str) -> None:
    upload = world.verifying()
    world.connection.execute("SELECT bury(%s, 'user')", (upload[parent],))
    with pytest.raises(psycopg.Error, match="is gone"), world.connection.transaction():
        insert(world.connection, "uploads", upload_row(**{parent: upload[parent]}))
    with pytest.raises(psycopg.Error, match="is gone"):
        insert(world.connection, "assets", world.asset_row(upload))
