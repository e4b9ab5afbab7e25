"""Writing sound in the chosen format, with dither where it is due."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Literal

import numpy as np
from automix_audio.encode import AudioWriter

from automix_mixer.engine.sound.pcm import Sound

FORMATS: dict[str, tuple[Literal["wav", "flac", "mp3"], int]] = {
    "wav16": ("wav", 16),
    "wav24": ("wav", 24),
    "wav32f": ("wav", 32),
    "flac16": ("flac", 16),
    "flac24": ("flac", 24),
    "mp3": ("mp3", 24),
}
_DITHER_SEED = 0x417_0311
"""Any number: the same mix must have the same dither."""


class OutputFile:
    """An AudioWriter that takes (channels, n) and adds TPDF dither at 16 bits (2 LSB wide, as AES17 assumes)."""

    def __init__(self, path: Path, output_format: str, sample_rate: int, channels: int) -> None:
        container, bits = FORMATS[output_format]
        self._writer = AudioWriter(path, container, sample_rate, channels, bits)
        self._dither = np.random.Generator(np.random.SFC64(_DITHER_SEED)) if bits == 16 else None

    def __enter__(self) -> OutputFile:
        self._writer.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.__exit__(kind, error, trace)

    def write(self, sound: Sound) -> None:
        """Appends sound, shape (channels, n)."""
        if self._dither is not None:
            noise = self._dither.random(sound.shape, np.float32)
            noise -= self._dither.random(sound.shape, np.float32)
            sound = sound + noise * np.float32(2.0**-15)
        self._writer.write(np.stack(list(sound), axis=1))
