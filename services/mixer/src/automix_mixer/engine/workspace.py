"""The scratch folder of one mix."""

from __future__ import annotations

import tempfile
from itertools import count
from pathlib import Path

from automix_mixer.engine.pcm import PcmWriter


class Workspace:
    """A temporary folder for decoded sound; used as a context it is gone afterwards."""

    def __init__(self, parent: Path | None = None) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="automix-", dir=parent)
        self._numbers = count()
        self.path = Path(self._folder.name)

    def __enter__(self) -> Workspace:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def pcm(self, channels: int, *, skip: int = 0, limit: int | None = None) -> PcmWriter:
        """A writer of a new file in this folder."""
        return PcmWriter(self.path / f"{next(self._numbers)}.pcm", channels, skip=skip, limit=limit)
