"""The scratch folder of one mix."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from itertools import count
from pathlib import Path

from automix_mixer.engine.sound.curve_file import CurveWriter
from automix_mixer.engine.sound.pcm import PcmWriter


class Workspace:
    """A temporary folder for decoded sound and curves, which is deleted at the end of the context.

    `pulse` is called, from any thread, whenever a block of sound or a piece of a curve is written or read again, so
    every pass of the engine shows as work.
    """

    def __init__(self, parent: Path | None = None, pulse: Callable[[], None] = lambda: None) -> None:
        self.pulse = pulse
        self._folder = tempfile.TemporaryDirectory(prefix="automix-", dir=parent)
        self._numbers = count()
        self._curves = ExitStack()
        self.path = Path(self._folder.name)

    def __enter__(self) -> Workspace:
        return self

    def __exit__(self, *_: object) -> None:
        with self._folder, self._curves:
            pass

    def pcm(self, channels: int, *, skip: int = 0, limit: int | None = None) -> PcmWriter:
        """A writer of a new file in this folder."""
        return PcmWriter(self.path / f"{next(self._numbers)}.pcm", channels, skip=skip, limit=limit, pulse=self.pulse)

    def curve(self, *, skip: int = 0) -> CurveWriter:
        """A writer of a new curve in this folder."""
        writer = CurveWriter(self.path / f"{next(self._numbers)}.curve", skip=skip, pulse=self.pulse)
        self._curves.callback(writer.close)
        return writer
