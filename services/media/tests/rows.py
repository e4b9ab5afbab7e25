"""Rows of the schema by raw SQL, and uploads in each state of their life."""

from typing import Any
from uuid import UUID

import psycopg
from automix_common.process.ids import new_id
from psycopg import sql

Connection = psycopg.Connection[Any]
Row = dict[str, Any]

REFUSED = (psycopg.IntegrityError, psycopg.DataError)


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
