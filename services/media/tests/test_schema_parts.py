"""The database refuses what must not be, whoever writes it: parts, writers, forms, and objects left behind."""

import pytest
from automix_common.process.ids import new_id

from .rows import REFUSED, Connection, Row, World, insert, part_row, settle, update


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


@pytest.mark.parametrize(
    "changes",
    [
        {"size": 0},
        {"size": None},
        {"owner_id": None},
        {"expires_at": "SQL now() - interval '1 s'"},
        {"expires_at": None},
    ],
    ids=str,
)
def test_a_form_is_not_born_so(connection: Connection, changes: Row) -> None:
    form = {"upload_id": new_id(), "owner_id": new_id(), "size": 10, "expires_at": "SQL now() + interval '1 hour'"}
    with pytest.raises(REFUSED):
        insert(connection, "forms", form | changes)
