"""A stretch of a file, read as if it were the whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from automix_audio.blocks import reblock
from automix_audio.decode import MAX_LEVEL, AudioReader
from automix_audio.plain_wav import plain_blocks, plain_file
from automix_audio.resample import StreamResampler
from automix_audio.timeline import Gap
from automix_audio.wav_header import PlainSamples

from automix_mixer.engine.passage import Passage

Frames = npt.NDArray[np.float32]
"""Shape (n, channels)."""


def sure_samples(path: str | Path) -> PlainSamples | None:
    """Samples of a WAV file whose header says all that a reader would: whole numbers in one or two channels. None for
    another file. An excerpt of it needs no reader, which takes 6 ms to open. Raises OSError.
    """
    samples = plain_file(path)
    return None if samples is None or samples.channels > 2 or samples.codec == "pcm_f32le" else samples


class Excerpt:
    """What `analyse` needs of an AudioReader, of one passage at `sample_rate`. A file that ends before it is silent.

    In place of a reader it takes `sure_samples`.
    """

    def __init__(
        self, reader: AudioReader | PlainSamples, path: str | Path, passage: Passage, sample_rate: int
    ) -> None:
        self._reader, self._path, self._passage, self._rate = reader, Path(path), passage, sample_rate
        self.channels = reader.channels
        self.channel_names: tuple[str, ...] = ()
        if isinstance(reader, PlainSamples):
            self.source_sample_rate = reader.sample_rate
        else:
            self.channel_names, self.source_sample_rate = reader.channel_names, reader.source_sample_rate
        self.hear: Callable[[Frames], None] | None = None
        self._given = 0

    @property
    def progress(self) -> float:
        """The share of the passage that was read."""
        return min(1.0, self._given / max(1, round(self._passage.length_s * self.source_sample_rate)))

    @property
    def damaged_packets(self) -> int:
        """Damaged packets in the part that was read."""
        return 0 if isinstance(self._reader, PlainSamples) else self._reader.damaged_packets

    @property
    def gaps(self) -> list[Gap]:
        """Always empty: gaps are reported for whole files only, since times in an excerpt differ."""
        return []

    def blocks(self, frames: int) -> Iterator[Frames]:
        """The passage in blocks of shape (frames, channels); only the last may be shorter."""
        if self._rate == self.source_sample_rate:
            return reblock(self._sliced(), frames)
        return reblock(self._resampled(), frames)

    def _resampled(self) -> Iterator[Frames]:
        resampler = StreamResampler(self.source_sample_rate, self._rate, self.channels)
        for block in self._sliced():
            if self.hear is not None:
                self.hear(block)
            yield resampler.process(block)
        yield resampler.process(np.zeros((0, self.channels), np.float32), last=True)

    def _sliced(self) -> Iterator[Frames]:
        first = round(self._passage.start_s * self.source_sample_rate)
        end = first + round(self._passage.length_s * self.source_sample_rate)
        for piece in self._pieces(first, end):
            self._given += len(piece)
            yield piece
        if self._given == 0:
            yield np.zeros((end - first, self.channels), np.float32)

    def _pieces(self, first: int, end: int) -> Iterable[Frames]:
        if isinstance(self._reader, PlainSamples):
            return self._read(self._reader, first, end)
        plain = self._plain(first, end)
        if plain is not None:
            return plain
        return self._flac(self._reader, first, end) or self._decoded(self._reader, first, end)

    def _decoded(self, reader: AudioReader, first: int, end: int) -> Iterator[Frames]:
        position = 0
        for block in reader.blocks():
            piece = block[max(0, first - position) : max(0, end - position)]
            position += len(block)
            if len(piece):
                yield piece
            if position >= end:
                return

    def _plain(self, first: int, end: int) -> Iterator[Frames] | None:
        """The frames of a usual WAV file; None for another, or one with values that the reader is asked about."""
        samples = plain_file(self._path)
        if samples is None or samples.sample_rate != self.source_sample_rate or samples.channels != self.channels:
            return None
        # All values are checked before the first is yielded. Integers are always within full scale; NaN never is.
        if samples.codec == "pcm_f32le" and not all(
            max(float(p.max()), -float(p.min())) <= MAX_LEVEL for p in self._read(samples, first, end)
        ):
            return None
        return self._read(samples, first, end)

    def _read(self, samples: PlainSamples, first: int, end: int) -> Iterator[Frames]:
        with self._path.open("rb") as file:
            for block in plain_blocks(file, samples, first):
                yield block[: end - first]
                first += len(block)
                if first >= end:
                    return

    def _flac(self, reader: AudioReader, first: int, end: int) -> list[Frames]:
        """The frames of a FLAC file in one read, where nothing is wrong with it."""
        if reader.codec != "flac" or reader.filetype != "flac":
            return []
        from pedalboard.io import AudioFile  # noqa: PLC0415 - a mix of whole files is spared the import

        try:
            with AudioFile(str(self._path)) as file:
                if file.samplerate != self.source_sample_rate or file.num_channels != self.channels:
                    return []
                file.seek(min(first, file.frames))
                sound = np.ascontiguousarray(file.read(end - first).T, np.float32)
        except (ValueError, RuntimeError, OSError):
            return []
        return [sound] if len(sound) and np.isfinite(sound).all() else []
