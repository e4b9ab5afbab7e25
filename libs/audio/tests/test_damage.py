"""A good file, cut and bent at random: it decodes, or it is refused with a reason."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from automix_audio.encode import AudioWriter
from automix_audio.errors import AudioError
from automix_audio.limits import Limits
from automix_audio.verify import verify
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

SECONDS = 0.3
KINDS = (
    *("wav 16", "wav 32", "flac 16", "mp3 0", "aac adts", "aac ipod", "libopus ogg"),
    *("pcm_f64le wav", "pcm_s16be aiff", "wavpack wv", "wmav2 asf"),
)

Damage = list[tuple[float, int]]
damages = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=12)


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory, ffmpeg_encode: Callable[..., Path]) -> dict[str, bytes]:
    rng = np.random.default_rng(5)
    samples = (rng.standard_normal((round(48_000 * SECONDS), 2)) * 0.1).astype(np.float32)
    folder = tmp_path_factory.mktemp("originals")
    for kind in KINDS:
        codec, container = kind.split()
        if not container.isdecimal():
            ffmpeg_encode(folder / kind, codec, samples, 48_000, container)
            continue
        with AudioWriter(folder / kind, codec, 48_000, 2, int(container)) as writer:
            writer.write(samples)
    return {kind: (folder / kind).read_bytes() for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kept=st.floats(0, 1), flips=damages, head_flips=damages)
def test_bent_files(
    originals: dict[str, bytes], tmp_path: Path, kind: str, kept: float, flips: Damage, head_flips: Damage
) -> None:
    data = bytearray(originals[kind])
    for place, value in flips:
        data[int(place * (len(data) - 1))] ^= value
    for place, value in head_flips:
        data[int(place * min(len(data) - 1, 128))] ^= value
    path = tmp_path / "bent"
    path.write_bytes(data[: int(kept * len(data))] if kept < 0.9 else data)
    try:
        facts = verify(path, Limits(max_duration_s=60))
    except AudioError:
        return
    assert 0 < facts.duration_s <= 60
    assert facts.frames == round(facts.duration_s * facts.sample_rate)


@pytest.mark.parametrize("kind", ["wav 16", "flac 16", "mp3 0", "aac adts", "libopus ogg"])
def test_a_file_cut_short_has_the_length_of_what_is_left(
    originals: dict[str, bytes], tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "cut"
    path.write_bytes(originals[kind][: len(originals[kind]) // 2])
    if kind == "libopus ogg":
        # Its pages span a second: the only one is not whole.
        with pytest.raises(AudioError):
            verify(path)
        return
    assert verify(path).duration_s == pytest.approx(SECONDS / 2, abs=0.1)
