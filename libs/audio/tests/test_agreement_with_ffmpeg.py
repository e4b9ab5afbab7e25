"""The meters against FFmpeg's ebur128, on real songs."""

import math
from pathlib import Path

import av
import numpy as np
import pytest
from automix_audio.decode import open_audio
from automix_audio.loudness import LoudnessMeter
from automix_audio.true_peak import TruePeakMeter
from av.filter import Graph
from numpy.typing import NDArray

SONGS = (
    "foolboymedia_running_out.mp3",
    "jonathan_coulton_code_monkey.ogg",
    "karissa_hobbs_lets_go_fishin.ogg",
    "kevin_macleod_vibe_ace.ogg",
)


class Ebur128:
    """FFmpeg's meter; its readings come as strings with each frame."""

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._graph = Graph()
        source = f"sample_rate={sample_rate}:sample_fmt=fltp:channel_layout=stereo:time_base=1/{sample_rate}"
        self._source = self._graph.add("abuffer", source)
        meter = self._graph.add("ebur128", "peak=true:metadata=1:framelog=quiet")
        self._sink = self._graph.add("abuffersink")
        self._source.link_to(meter)
        meter.link_to(self._sink)
        self._graph.configure()
        self._frames = 0
        self._readings: dict[str, str] = {}

    def process(self, block: NDArray[np.float32]) -> None:
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block.T), format="fltp", layout="stereo")
        frame.sample_rate = self._rate
        frame.pts = self._frames
        self._frames += len(block)
        self._source.push(frame)
        self._read()

    def finish(self) -> None:
        self._source.push(None)
        self._read()

    def reading(self, name: str) -> float:
        return float(self._readings[f"lavfi.r128.{name}"])

    def _read(self) -> None:
        while True:
            try:
                frame = self._sink.pull()
            except (av.BlockingIOError, av.EOFError):
                return
            self._readings = dict(frame.metadata) or self._readings


@pytest.mark.parametrize("name", SONGS)
def test_songs(audio: Path, name: str) -> None:
    with open_audio(audio / "songs" / name) as reader:
        loudness, true_peak = LoudnessMeter(reader.sample_rate, 2), TruePeakMeter(2)
        theirs = Ebur128(reader.sample_rate)
        for block in reader.blocks():
            for meter in (loudness, true_peak, theirs):
                meter.process(block)
    true_peak.finish()
    theirs.finish()
    assert loudness.integrated == pytest.approx(theirs.reading("I"), abs=0.1)
    assert true_peak.peak_dbtp == pytest.approx(20 * math.log10(theirs.reading("true_peak")), abs=0.2)
    assert loudness.loudness_range == pytest.approx(theirs.reading("LRA"), abs=1.0)
