"""Writing sound in the chosen format, with dither where it is due."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

import numpy as np
from automix_audio.encode import AudioWriter
from automix_audio.formats import carried_rate
from automix_audio.resample import StreamResampler

from automix_mixer.engine.outputs import FORMATS
from automix_mixer.engine.sound.pcm import Sound

_DITHER_SEED = 0x417_0311
"""Fixed, because the same mix must have the same dither."""


class OutputFile:
    """An AudioWriter that takes (channels, n) and adds TPDF dither at 16 bits (2 LSB wide, as AES17 assumes).

    Where the format cannot carry the rate, the sound is converted on its way.
    """

    def __init__(self, path: Path, output_format: str, sample_rate: int, channels: int) -> None:
        container, bits = FORMATS[output_format]
        rate = carried_rate(container, sample_rate)
        self._writer = AudioWriter(path, container, rate, channels, bits)
        self._resampler = StreamResampler(sample_rate, rate, channels) if rate != sample_rate else None
        self._channels = channels
        self._dither = np.random.Generator(np.random.SFC64(_DITHER_SEED)) if bits == 16 else None

    def __enter__(self) -> OutputFile:
        self._writer.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._resampler is not None and kind is None:
            self._writer.write(self._resampler.process(np.zeros((0, self._channels), np.float32), last=True))
        self._writer.__exit__(kind, error, trace)

    def write(self, sound: Sound) -> None:
        """Appends sound, shape (channels, n)."""
        if self._dither is not None:
            noise = self._dither.random(sound.shape, np.float32)
            noise -= self._dither.random(sound.shape, np.float32)
            sound = sound + noise * np.float32(2.0**-15)
        block = np.stack(list(sound), axis=1)
        self._writer.write(block if self._resampler is None else self._resampler.process(block))
