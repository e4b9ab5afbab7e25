"""What follows a gap stays in time, and the gap is told."""

import re
import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from automix_audio.errors import AudioError, Reason
from automix_audio.limits import Limits
from automix_audio.timeline import Gap

from .conftest import RATE, SECONDS, Block, offset, read


def without_packets(source: Path, target: Path, container: str, lost: range, *, shift_s: float = 0.0) -> Path:
    """The same packets with the same stamps, save those numbered in `lost`; `shift_s` is added to the others."""
    with av.open(str(source)) as read_from, av.open(str(target), "w", format=container) as out:
        stream = read_from.streams.audio[0]
        copied = out.add_stream_from_template(stream)
        for number, packet in enumerate(read_from.demux(stream)):
            if packet.dts is None or number in lost:
                continue
            packet.pts += round(shift_s / packet.time_base)
            packet.dts = packet.pts
            packet.stream = copied
            out.mux(packet)
    return target


@pytest.mark.parametrize(
    ("codec", "container", "lost", "tolerance_s"),
    [
        ("libopus", "webm", range(60, 110), 0.0015),
        ("libopus", "webm", range(60, 61), 0.0015),
        ("aac", "matroska", range(50, 70), 0.0015),
        ("aac", "ipod", range(50, 70), 1e-4),
        ("alac", "ipod", range(10, 15), 1e-4),
    ],
)
def test_left_out_packets_are_silence(
    ffmpeg_encode: Callable[..., Path],
    tmp_path: Path,
    noise: Block,
    codec: str,
    container: str,
    lost: range,
    tolerance_s: float,
) -> None:
    whole = ffmpeg_encode(tmp_path / "whole", codec, noise, RATE, container)
    intact, gaps, _ = read(whole)
    assert gaps == []
    gappy, gaps, _ = read(without_packets(whole, tmp_path / "gappy", container, lost))
    assert len(gaps) == 1
    assert abs(len(gappy) - len(intact)) <= tolerance_s * RATE
    assert offset(intact[-RATE:], gappy[-RATE:]) - (len(intact) - len(gappy)) == pytest.approx(
        0, abs=tolerance_s * RATE
    )
    middle = round((gaps[0].at_s + gaps[0].length_s / 2) * RATE)
    assert not gappy[middle - 200 : middle + 200].any()


def pages(data: bytes) -> list[int]:
    return [found.start() for found in re.finditer(b"OggS", data)] + [len(data)]


@pytest.mark.parametrize("codec", ["libopus"])
@pytest.mark.parametrize("damage", ["dropped", "bit"])
def test_a_lost_page_of_ogg_is_silence(
    ffmpeg_encode: Callable[..., Path], tmp_path: Path, noise: Block, codec: str, damage: str
) -> None:
    path = ffmpeg_encode(tmp_path / "whole.ogg", codec, noise, RATE, "ogg")
    intact, gaps, damaged = read(path)
    assert (gaps, damaged) == ([], 0)
    data = bytearray(path.read_bytes())
    starts = pages(bytes(data))
    lost = len(starts) // 2
    first, last = starts[lost], starts[lost + 1]
    if damage == "bit":
        data[(first + last) // 2] ^= 8
    else:
        del data[first:last]
    path.write_bytes(data)
    broken, gaps, damaged = read(path)
    assert damaged > 0
    assert len(gaps) == 1
    assert len(broken) == len(intact)
    quiet = np.flatnonzero(np.abs(broken - intact).max(axis=1) > 0.02)
    assert gaps[0].at_s - 0.1 <= quiet[0] / RATE
    assert quiet[-1] / RATE <= gaps[0].at_s + gaps[0].length_s + 0.1


def test_a_page_that_is_lost_right_before_the_last_is_silence(
    ffmpeg_encode: Callable[..., Path], tmp_path: Path, noise: Block
) -> None:
    data = ffmpeg_encode(tmp_path / "whole", "libopus", noise, RATE, "ogg").read_bytes()
    starts = pages(data)
    (tmp_path / "cut").write_bytes(data[: starts[-3]] + data[starts[-2] :])
    whole, _, _ = read(tmp_path / "whole")
    block, gaps, damaged = read(tmp_path / "cut")
    assert (len(block), len(gaps), damaged) == (len(whole), 1, 1)


def test_a_later_beginning_is_silence(ffmpeg_encode: Callable[..., Path], tmp_path: Path, noise: Block) -> None:
    whole = ffmpeg_encode(tmp_path / "whole.mkv", "pcm_s16le", noise, RATE, "matroska")
    later = without_packets(whole, tmp_path / "later.mkv", "matroska", range(0), shift_s=0.5)
    sound, gaps, _ = read(later)
    assert gaps == [Gap(0.0, 0.5)]
    assert not sound[: RATE // 2].any()
    assert np.array_equal(sound[RATE // 2 :], read(whole)[0])


def test_a_later_beginning_of_opus_counts_from_what_is_heard(
    ffmpeg_encode: Callable[..., Path], tmp_path: Path, noise: Block
) -> None:
    late = ffmpeg_encode(tmp_path / "late.ogg", "libopus", noise, RATE, "ogg")
    # As encoders write it, what they tell to skip (312 samples) lies before time 0.
    whole = without_packets(late, tmp_path / "whole.ogg", "ogg", range(0), shift_s=-312 / RATE)
    sound, gaps, _ = read(without_packets(whole, tmp_path / "later.ogg", "ogg", range(0), shift_s=0.5))
    assert gaps == [Gap(0.0, 0.5)]
    assert np.array_equal(sound[RATE // 2 :], read(whole)[0])


@pytest.mark.parametrize("shift_s", [-0.2, -30.0, 36_000.0])
def test_a_clock_that_jumps_makes_no_silence(
    ffmpeg_encode: Callable[..., Path], tmp_path: Path, noise: Block, shift_s: float
) -> None:
    whole = ffmpeg_encode(tmp_path / "whole.mkv", "pcm_s16le", noise, RATE, "matroska")
    intact = read(whole)[0]
    assert (
        np.array_equal(
            read(without_packets(whole, tmp_path / "all.mkv", "matroska", range(0), shift_s=max(shift_s, 0)))[0], intact
        )
        or abs(shift_s) < 60
    )
    target = tmp_path / "jump.mkv"
    with av.open(str(whole)) as source, av.open(str(target), "w", format="matroska") as out:
        stream = source.streams.audio[0]
        copied = out.add_stream_from_template(stream)
        for number, packet in enumerate(source.demux(stream)):
            if packet.dts is None:
                continue
            if number > 20:
                packet.pts = max(packet.pts + round(shift_s / packet.time_base), 0)
            packet.dts = number  # the muxer wants order, and matroska stores the other stamp
            packet.stream = copied
            packet.time_base = Fraction(1, 1000)
            out.mux(packet)
    sound, gaps, _ = read(target)
    assert gaps == []
    assert len(sound) == len(intact)


def test_silence_counts_towards_the_limits(ffmpeg_encode: Callable[..., Path], tmp_path: Path, noise: Block) -> None:
    whole = ffmpeg_encode(tmp_path / "whole.mkv", "pcm_s16le", noise, RATE, "matroska")
    late = without_packets(whole, tmp_path / "late.mkv", "matroska", range(0), shift_s=59.0)
    with pytest.raises(AudioError) as refused:
        read(late, limits=Limits(max_duration_s=30))
    assert refused.value.reason is Reason.TOO_LONG


def itunes_tag(delay: int, padding: int, length: int, *, wide: bool) -> bytes:
    value = f" 00000000 {delay:08X} {padding:08X} {length:016X} 00000000 00000000"
    if wide:
        text = b"\x01eng" + "iTunSMPB".encode("utf-16") + b"\0\0" + value.encode("utf-16")
    else:
        text = b"\x00engiTunSMPB\0" + value.encode()
    frame = b"COMM" + struct.pack(">I", len(text)) + b"\0\0" + text
    size = len(frame)
    return b"ID3\x03\0\0" + bytes([size >> 21 & 127, size >> 14 & 127, size >> 7 & 127, size & 127]) + frame


@pytest.mark.parametrize("wide", [False, True])
def test_the_delay_in_a_tag_of_itunes_is_trimmed(
    make_file: Callable[..., Path], tmp_path: Path, music: Block, wide: bool
) -> None:
    known = make_file("mp3")
    intact = read(known)[0]
    data = known.read_bytes()
    # Without its first frame, which holds the header of LAME, only the tag knows the delay.
    begins = data.index(b"\xff\xfb")
    following = data.index(b"\xff\xfb", begins + 400)
    bare = tmp_path / "bare.mp3"
    bare.write_bytes(itunes_tag(576, 1_000, len(music), wide=wide) + data[following:])
    sound, gaps, damaged = read(bare)
    assert (gaps, damaged) == ([], 0)
    assert len(sound) == len(music)
    assert offset(intact, sound) == 0


@pytest.mark.parametrize(("container", "codec"), [("mp3", "libmp3lame")])
@pytest.mark.parametrize("place", [(1, 2), (2, 0x40), (1, 0x10), (0, 1)])
def test_a_damaged_frame_header_keeps_time(
    ffmpeg_encode: Callable[..., Path], tmp_path: Path, noise: Block, container: str, codec: str, place: tuple[int, int]
) -> None:
    path = ffmpeg_encode(tmp_path / "whole", codec, noise, RATE, container)
    intact = read(path)[0]
    data = bytearray(path.read_bytes())
    with av.open(str(path), format="mp3" if container == "mp3" else "aac") as opened:
        at = [packet.pos for packet in opened.demux(opened.streams.audio[0]) if packet.size][60]
    data[at + place[0]] ^= place[1]
    path.write_bytes(data)
    sound = read(path)[0]
    assert len(sound) == len(intact)
    assert offset(intact[-RATE:], sound[-RATE:]) == 0


def test_the_cases_that_were_reported(audio: Path) -> None:
    cases = audio.parent / "cases"
    if not cases.is_dir():
        pytest.skip("there are no reported cases beside the repository")
    for name, seconds in (
        ("voc_chain.ogg", 8.0),
        ("voc_gap.webm", 8.0),
        ("voc_start.m4a", 8.5),
        ("voc_itunsmpb.mp3", 8.0),
    ):
        sound, gaps, _ = read(cases / name, sample_rate=RATE)
        assert len(sound) / RATE == pytest.approx(seconds, abs=0.005), name
        assert bool(gaps) == (name in {"voc_gap.webm", "voc_start.m4a"})
    broken, gaps, damaged = read(cases / "opus-one-bit-30000.opus")
    assert (len(broken), damaged) == (len(read(cases / "opus-whole.opus")[0]), 1)
    assert gaps[0].length_s == pytest.approx(1.0)


def hurt(data: bytes, at: int, length: int) -> bytes:
    return data[:at] + bytes(length) + data[at + length :]


@pytest.mark.parametrize(
    ("codec", "container", "length"),
    [
        ("aac", "adts", 3_000),
        ("aac", "adts", 20_000),
        ("libmp3lame", "mp3", 3_000),
        ("libmp3lame", "mp3", 30_000),
        ("mp2", "mp2", 30_000),
        ("wavpack", "wv", 3_000),
        ("tta", "tta", 3_000),
        ("wmav2", "asf", 8_000),
        ("alac", "ipod", 40_000),
    ],
)
def test_what_follows_overwritten_bytes_stays_in_time(
    ffmpeg_encode: Callable[..., Path], tmp_path: Path, noise: Block, codec: str, container: str, length: int
) -> None:
    path = ffmpeg_encode(tmp_path / "whole", codec, noise, RATE, container)
    intact = read(path)[0]
    data = path.read_bytes()
    path.write_bytes(hurt(data, len(data) // 3, length))
    sound, gaps, damaged = read(path)
    assert gaps
    assert damaged or container == "asf"
    assert len(sound) == pytest.approx(len(intact), abs=0.03 * RATE)
    assert offset(intact[-RATE // 2 :], sound[-RATE // 2 :]) == pytest.approx(0, abs=0.03 * RATE)


@pytest.mark.parametrize(
    ("codec", "container"),
    [("pcm_s16le", "wav"), ("pcm_s24be", "aiff"), ("flac", "flac"), ("libmp3lame", "mp3"), ("wavpack", "wv")],
)
def test_an_end_that_is_missing_is_told(
    ffmpeg_encode: Callable[..., Path], tmp_path: Path, noise: Block, codec: str, container: str
) -> None:
    path = ffmpeg_encode(tmp_path / "whole", codec, noise, RATE, container)
    data = path.read_bytes()
    path.write_bytes(data[: round(len(data) * 0.7)])
    sound, gaps, damaged = read(path)
    assert damaged
    assert gaps[-1].at_s == pytest.approx(len(sound) / RATE, abs=0.05)
    assert gaps[-1].at_s + gaps[-1].length_s == pytest.approx(SECONDS, abs=0.05)
