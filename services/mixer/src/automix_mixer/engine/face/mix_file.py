"""A file of a mix."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MixFile:
    """A file of a mix.

    `kind` is mix, report, picture, comparison, master_<name>, version_<name>, stem_<bus> or track_<number>_<name>.
    """

    kind: str
    path: str
