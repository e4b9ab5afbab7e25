"""The facts of a file."""

import hashlib
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from automix_audio.errors import AudioError, Reason
from automix_audio.limits import Limits
from automix_audio.verify import verify
from numpy.typing import NDArray

Block = NDArray[np.float32]
MakeFile = Callable[..., Path]


def test_everything_is_measured(make_file: MakeFile) -> None:
    time_s = np.arange(48_000 * 5) / 48_000
    tone = 10 ** (-20 / 20) * np.sin(2 * np.pi * 1_000 * time_s)
    path = make_file("flac", 24, samples=np.stack([tone, tone], axis=1).astype(np.float32), sample_rate=48_000)
    facts = verify(path)
    assert (facts.filetype, facts.container, facts.codec) == ("flac", "flac", "flac")
    assert (facts.duration_s, facts.sample_rate, facts.channels, facts.frames) == (5.0, 48_000, 2, 240_000)
    assert facts.size == path.stat().st_size
    assert facts.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert facts.loudness_lufs == pytest.approx(-20.0, abs=0.1)
    assert facts.true_peak_dbtp == pytest.approx(-20.0, abs=0.05)
    assert facts.damaged_packets == 0
    assert 1_000 < len(facts.waveform.minimum) <= 2_000
    assert float(facts.waveform.maximum.max()) == pytest.approx(0.1, abs=1e-3)


def test_silence_has_neither_loudness_nor_peak(make_file: MakeFile) -> None:
    facts = verify(make_file("wav", 16, samples=np.zeros((48_000, 1), np.float32)))
    assert (facts.loudness_lufs, facts.true_peak_dbtp) == (None, None)


def test_a_fifth_of_a_second(make_file: MakeFile, music: Block) -> None:
    facts = verify(make_file("wav", 16, samples=music[40_000:48_820]))
    assert facts.duration_s == 0.2
    assert facts.loudness_lufs is None
    assert facts.true_peak_dbtp is not None


def test_a_recording_that_breaks_off_at_its_peak(make_file: MakeFile) -> None:
    # The largest value lies between the last two samples.
    samples = np.concatenate((np.zeros(1_000), [0.5, 0.5])).astype(np.float32)[:, None]
    peak = verify(make_file("wav", 32, samples=samples)).true_peak_dbtp
    assert peak == pytest.approx(20 * math.log10(0.5 * 1.27), abs=0.1)


def test_twelve_channels(make_file: MakeFile, music: Block) -> None:
    facts = verify(make_file("wav", 24, samples=np.tile(music, (1, 6))))
    assert facts.channels == 12
    assert facts.loudness_lufs is not None


def test_progress_only_grows_and_ends_at_one(make_file: MakeFile, music: Block) -> None:
    seen: list[float] = []
    verify(make_file("wav", 24, samples=np.tile(music, (10, 1))), progress=seen.append)
    assert len(seen) > 5
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


@pytest.mark.parametrize("filetype", ["wav", "flac", "mp3"])
def test_loudness_does_not_depend_on_the_format(make_file: MakeFile, music: Block, filetype: str) -> None:
    plain = verify(make_file("wav", 32)).loudness_lufs
    assert plain is not None
    assert math.isclose(verify(make_file(filetype, 16)).loudness_lufs or 0.0, plain, abs_tol=0.1)


def test_a_recording_beyond_the_limits(make_file: MakeFile) -> None:
    with pytest.raises(AudioError) as caught:
        verify(make_file("mp3"), Limits(max_duration_s=1.0))
    assert caught.value.reason is Reason.TOO_LONG
    assert "1 second" in caught.value.message
