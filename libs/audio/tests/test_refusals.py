"""What is not accepted, and the reason it is given."""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import av
import numpy as np
import pytest
from automix_audio.decode import open_audio
from automix_audio.errors import AudioError, Reason
from automix_audio.limits import Limits
from kit.decoding import read
from numpy.typing import NDArray

Block = NDArray[np.float32]


def refusal(path: Path, limits: Limits | None = None) -> Reason:
    with pytest.raises(AudioError) as caught, open_audio(path, limits=limits) as reader:
        for _ in reader.blocks():
            pass
    assert caught.value.message.endswith(".")
    assert str(path) not in caught.value.message
    return caught.value.reason


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", Reason.EMPTY),
        (b"RIFF$\0\0\0WAVEfmt " + bytes(14), Reason.DAMAGED),
        (b"This is not a song at all, ok?", Reason.NOT_AUDIO),
        (b"A letter.\n" * 5_000, Reason.NOT_AUDIO),
        (bytes(70_000), Reason.NOT_AUDIO),
        (b"PK\x03\x04" + bytes(range(256)) * 200, Reason.NOT_AUDIO),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 200, Reason.NOT_AUDIO),
        (b"\xff\xd8\xff\xe0" + bytes(range(256)) * 200, Reason.NOT_AUDIO),
        (b"GIF89a" + bytes(range(256)) * 200, Reason.NOT_AUDIO),
        (b"%PDF-1.7" + bytes(range(256)) * 200, Reason.NOT_AUDIO),
        (b"ID3\x04\0\0\0\0\0\x0a" + bytes(10), Reason.EMPTY),
        (b"ID3\x04\0\0\x7f\x7f\x7f\x7f", Reason.EMPTY),
        (b"fLaC", Reason.DAMAGED),
        (b"OggS" + bytes(300), Reason.DAMAGED),
        (b"\x1aE\xdf\xa3" + bytes(300), Reason.DAMAGED),
    ],
)
def test_what_is_not_a_recording(tmp_path: Path, content: bytes, reason: Reason) -> None:
    path = tmp_path / "song.wav"
    path.write_bytes(content)
    assert refusal(path) is reason


_INFO = b"LIST\x14\0\0\0INFOINAM\x07\0\0\0A song\0\0"
_FMT = b"fmt \x10\0\0\0\1\0\2\0D\xac\0\0\x10\xb1\2\0\4\0\x10\0"
_STREAMINFO = b"\0\0\0\x22\x10\0\x10\0" + bytes(6) + b"\x0a\xc4\x42\xf0" + bytes(20)
_COMMENTS = b"\0\0\x17\4\0\0\0test\1\0\0\0\7\0\0\0TITLE=A"


def iff(
    *chunks: bytes, name: bytes = b"RIFF", form: bytes = b"WAVE", order: Literal["little", "big"] = "little"
) -> bytes:
    body = form + b"".join(chunks)
    return name + len(body).to_bytes(4, order) + body


@pytest.mark.parametrize(
    ("content", "whole"),
    [
        (iff(_INFO), True),
        (iff(_FMT, _INFO), True),
        (iff(_INFO, _FMT), True),
        (iff(_FMT, b"id3 \x0a\0\0\0ID3\4\0\0\0\0\0\0"), True),
        (iff(b"NAME\0\0\0\4song", name=b"FORM", form=b"AIFF", order="big"), True),
        (b"fLaC" + _STREAMINFO + b"\x84" + _COMMENTS, True),
        (b"fLaC" + _STREAMINFO + b"\4" + _COMMENTS, True),
        (b"fLaC\x84" + _COMMENTS, True),
        (b"fLaC" + _STREAMINFO + b"\4" + _COMMENTS + b"\x81\0\0\x08" + bytes(8), True),
        (b"fLaC" + _STREAMINFO + b"\x84" + _COMMENTS + b"TAG" + bytes(125), True),
        (iff(_FMT, _INFO)[:-6], False),
        (b"fLaC" + _STREAMINFO + b"\x84" + _COMMENTS[:-4], False),
    ],
)
def test_tags_in_a_container_are_no_damage(tmp_path: Path, content: bytes, whole: bool) -> None:
    """A file that ends within its tags is damaged."""
    path = tmp_path / "song.wav"
    path.write_bytes(content)
    with pytest.raises(AudioError) as caught, open_audio(path) as reader:
        next(reader.blocks())
    assert caught.value.reason is (Reason.EMPTY if whole else Reason.DAMAGED)
    assert ("tags" in caught.value.message) == whole


def test_noise_is_not_mistaken_for_mp3(tmp_path: Path) -> None:
    path = tmp_path / "song.mp3"
    for seed in range(20):
        path.write_bytes(np.random.default_rng(seed).bytes(1 << 16))
        assert refusal(path) is Reason.NOT_AUDIO


def test_a_wav_without_sound(make_file: Callable[..., Path]) -> None:
    assert refusal(make_file("wav", samples=np.zeros((0, 2), np.float32))) is Reason.EMPTY


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 50_000, 88_199])
def test_samples_that_are_not_numbers(make_file: Callable[..., Path], music: Block, bad: float, place: int) -> None:
    samples = music.copy()
    samples[place, 1] = bad
    assert refusal(make_file("wav", 32, samples=samples)) is Reason.NON_FINITE


@pytest.mark.parametrize("value", [b"\1\0\0\0\0\0\xf0\x7f", struct.pack("<d", 1e300)], ids=["signalling NaN", "1e300"])
def test_a_float64_that_no_float32_can_hold(
    ffmpeg_encode: Callable[..., Path], tmp_path: Path, music: Block, value: bytes
) -> None:
    path = ffmpeg_encode(tmp_path / "a.wav", "pcm_f64le", music, 44_100, "wav")
    data = bytearray(path.read_bytes())
    data[-8 * 1_000 : -8 * 999] = value
    path.write_bytes(data)
    assert refusal(path) is Reason.NON_FINITE


def test_samples_far_beyond_full_scale(make_file: Callable[..., Path], music: Block) -> None:
    assert refusal(make_file("wav", 32, samples=music * np.float32(1e30))) is Reason.ABSURD_LEVEL
    assert np.abs(read(make_file("wav", 32, samples=music * 100))).max() > 10


@pytest.mark.parametrize(
    ("sample_rate", "channels", "value", "reason"),
    [
        (44_100, 2, np.nan, Reason.NON_FINITE),
        (48_000, 2, np.inf, Reason.NON_FINITE),
        (44_100, 2, 1e30, Reason.ABSURD_LEVEL),
        (8, 2, 0.1, Reason.ABSURD_SAMPLE_RATE),
        (200, 2, 0.1, Reason.ABSURD_SAMPLE_RATE),
        (500_000, 2, 0.1, Reason.ABSURD_SAMPLE_RATE),
        (44_100, 25, 0.1, Reason.TOO_MANY_CHANNELS),
    ],
)
def test_what_is_joined_to_a_recording_is_checked_like_it(
    make_file: Callable[..., Path], tmp_path: Path, sample_rate: int, channels: int, value: float, reason: Reason
) -> None:
    second = make_file("wav", 32, samples=np.full((500, channels), value, np.float32), sample_rate=sample_rate)
    joined = tmp_path / "joined.wav"
    joined.write_bytes(make_file("wav", 16).read_bytes() + second.read_bytes())
    assert refusal(joined) is reason


def test_limits(make_file: Callable[..., Path], music: Block) -> None:
    twelve = make_file("wav", 16, samples=np.tile(music[:1_000], (1, 6)))
    assert read(twelve).shape == (1_000, 12)
    assert refusal(twelve, Limits(max_channels=8)) is Reason.TOO_MANY_CHANNELS
    assert refusal(make_file("wav", 16), Limits(max_duration_s=1.9)) is Reason.TOO_LONG
    assert len(read(make_file("wav", 16), limits=Limits(max_duration_s=2.0))) == 88_200
    assert refusal(make_file("wav", 16), Limits(max_samples=2 * 88_200 - 1)) is Reason.TOO_MANY_SAMPLES
    assert len(read(make_file("wav", 16), limits=Limits(max_samples=2 * 88_200))) == 88_200
    for rate in (100, 3_999, 384_001, 999_999):
        assert refusal(make_file("wav", 16, samples=music[:1_000], sample_rate=rate)) is Reason.ABSURD_SAMPLE_RATE
    for rate in (4_000, 384_000):
        assert len(read(make_file("wav", 16, samples=music[:1_000], sample_rate=rate))) == 1_000


def test_a_file_without_an_audio_track(tmp_path: Path) -> None:
    path = tmp_path / "clip.mov"
    with av.open(str(path), "w", format="mov") as out:
        video = out.add_stream("mpeg4", rate=25, width=64, height=64, pix_fmt="yuv420p")
        out.mux([*video.encode(av.VideoFrame(64, 64, "yuv420p")), *video.encode(None)])
    assert refusal(path) is Reason.NOT_AUDIO


def test_a_refused_file_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "song.wav"
    path.write_bytes(b"RIFF$\0\0\0WAVEfmt " + bytes(14))
    # An open file would warn when collected, and warnings are errors.
    assert refusal(path) is Reason.DAMAGED


def test_a_codec_that_no_recording_uses(make_file: Callable[..., Path]) -> None:
    path = make_file("wav", 16)
    data = bytearray(path.read_bytes())
    at = data.index(b"fmt ") + 8
    data[at : at + 2] = struct.pack("<H", 0x0270)  # ATRAC3, and a number that nobody uses
    path.write_bytes(data)
    assert refusal(path) in {Reason.UNSUPPORTED, Reason.DAMAGED}
