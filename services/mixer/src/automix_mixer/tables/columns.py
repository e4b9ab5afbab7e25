"""Columns that several tables have, and the metadata that all tables are of."""

import sqlalchemy as sa
from automix_common.database.tables import (
    copied,
    inbox,
    object_deletions,
    outbox,
    relay_state,
    request_answers,
    tombstones,
)

metadata = sa.MetaData()
copied(metadata, outbox, relay_state, inbox, request_answers, tombstones, object_deletions)


def filename(comment: str) -> sa.Column[str]:
    """A name that people gave or see."""
    check = sa.CheckConstraint(r"filename ~ '\S' AND char_length(filename) <= 255")
    return sa.Column("filename", sa.Text, check, nullable=False, comment=comment)


def size(comment: str) -> sa.Column[int]:
    """Bytes of a file."""
    return sa.Column("size", sa.BigInteger, sa.CheckConstraint("size > 0"), nullable=False, comment=comment)


def sha256(comment: str) -> sa.Column[str]:
    """Hash of a file in hexadecimal."""
    check = sa.CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'")
    return sa.Column("sha256", sa.Text, check, nullable=False, comment=comment)


def duration(comment: str) -> sa.Column[float]:
    """Seconds of sound."""
    check = sa.CheckConstraint("duration > 0 AND duration < 'infinity'")
    return sa.Column("duration", sa.Double, check, nullable=False, comment=comment)


def level(name: str, comment: str) -> sa.Column[float]:
    """A level in decibels of some kind."""
    check = sa.CheckConstraint(f"{name} > '-infinity' AND {name} < 'infinity'")
    return sa.Column(name, sa.Double, check, comment=comment)
