"""What comes out of files of every kind."""

import re
import struct
import tracemalloc
import wave
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from automix_audio.decode import open_audio
from automix_audio.encode import AudioWriter
from kit.decoding import read
from numpy.typing import NDArray

Block = NDArray[np.float32]


@pytest.mark.parametrize(
    ("codec", "container", "name", "filetype", "loss"),
    [
        ("pcm_s16le", "wav", "wav", "wav", 2e-5),
        ("pcm_s16be", "aiff", "aiff", "other", 2e-5),
        ("pcm_f32le", "w64", "w64", "other", 1e-7),
        ("pcm_s24le", "caf", "caf", "other", 1e-6),
        ("pcm_s16be", "au", "au", "other", 2e-5),
        ("flac", "flac", "flac", "flac", 2e-5),
        ("alac", "ipod", "mov", "other", 2e-5),
        ("wavpack", "wv", "wv", "other", 4e-3),
        ("tta", "tta", "tta", "other", 4e-3),
        ("aac", "ipod", "mov", "aac", None),
        ("aac", "adts", "aac", "aac", None),
        ("libmp3lame", "mp3", "mp3", "mp3", 0.1),
        ("wmav2", "asf", "asf", "other", None),
        ("pcm_s16le", "matroska", "matroska", "other", 2e-5),
    ],
)
def test_formats(
    ffmpeg_encode: Callable[..., Path],
    tmp_path: Path,
    music: Block,
    codec: str,
    container: str,
    name: str,
    filetype: str,
    loss: float | None,
) -> None:
    path = ffmpeg_encode(tmp_path / "named.wrongly", codec, music, 44_100, container)
    with open_audio(path) as reader:
        assert (reader.container, reader.filetype) == (name, filetype)
        assert (reader.sample_rate, reader.channels) == (44_100, 2)
        decoded = np.concatenate(list(reader.blocks()))
        assert reader.damaged_packets == 0
        assert reader.progress == 1.0
    assert np.abs(decoded).max() == pytest.approx(np.abs(music).max(), rel=0.1)
    if loss is None:
        # These do not say exactly how much padding the encoder added.
        assert len(music) - 200 <= len(decoded) <= len(music) + 6_144
    else:
        assert len(decoded) == len(music)
        assert np.abs(decoded - music).max() <= loss


def test_opus_is_decoded_at_48_khz_without_its_delay(
    ffmpeg_encode: Callable[..., Path], tmp_path: Path, music: Block
) -> None:
    decoded = read(ffmpeg_encode(tmp_path / "a.opus", "libopus", music, 48_000, "ogg"))
    assert len(decoded) == len(music)
    assert np.abs(decoded - music).max() < 0.2


def test_mp3_encoder_delay_is_trimmed(make_file: Callable[..., Path], music: Block) -> None:
    decoded = read(make_file("mp3"))
    assert len(decoded) == len(music)
    lags = range(-3, 4)
    fits = [float((np.roll(decoded, lag, axis=0) * music).sum()) for lag in lags]
    assert lags[int(np.argmax(fits))] == 0


@pytest.mark.parametrize(
    ("width", "values"),
    [
        (1, [0, 64, 128, 255]),
        (2, [-32_768, -16_384, 0, 32_767]),
        (4, [-(2**31), -(2**30), 0, 2**31 - 1]),
    ],
)
def test_full_scale_is_one(tmp_path: Path, width: int, values: list[int]) -> None:
    path = tmp_path / "a.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, width, 8_000, 0, "NONE", ""))
        file.writeframes(struct.pack(f"<4{'B' if width == 1 else 'h' if width == 2 else 'i'}", *values))
    step = 1 / 2 ** (8 * width - 1)
    assert read(path)[:, 0].tolist() == pytest.approx([-1.0, -0.5, 0.0, 1.0 - step], abs=1e-9)


@pytest.mark.parametrize("size", [1, 777, 4_096, 88_200, 1 << 20])
def test_blocks_have_the_size_asked_for(make_file: Callable[..., Path], music: Block, size: int) -> None:
    with open_audio(make_file("wav", 32, samples=music[:9_000])) as reader:
        blocks = list(reader.blocks(size))
    assert {len(block) for block in blocks[:-1]} <= {size}
    assert 0 < len(blocks[-1]) <= size
    assert all(block.dtype == np.float32 and block.flags.c_contiguous for block in blocks)
    assert np.array_equal(np.concatenate(blocks), music[:9_000])


@pytest.mark.parametrize("rate", [8_000, 48_000, 96_000])
def test_resampled_while_read(make_file: Callable[..., Path], rate: int) -> None:
    time_s = np.arange(44_100)[:, None] / 44_100
    path = make_file("wav", 32, samples=(0.5 * np.sin(2 * np.pi * 1_000 * time_s)).astype(np.float32))
    with open_audio(path, sample_rate=rate) as reader:
        assert (reader.sample_rate, reader.source_sample_rate) == (rate, 44_100)
        decoded = np.concatenate(list(reader.blocks(1_000)))
    assert abs(len(decoded) - rate) <= 1
    expected = 0.5 * np.sin(2 * np.pi * 1_000 * np.arange(len(decoded)) / rate)
    middle = slice(rate // 10, -rate // 10)
    assert np.abs(decoded[middle, 0] - expected[middle]).max() < 1e-4


def test_a_rate_that_falls_to_a_hundredth_takes_little_memory(make_file: Callable[..., Path], tmp_path: Path) -> None:
    first = make_file("wav", samples=np.zeros((100, 1), np.float32), sample_rate=384_000).read_bytes()
    second = make_file("wav", 16, samples=np.full((65_536, 1), 0.5, np.float32), sample_rate=4_000).read_bytes()
    (tmp_path / "both").write_bytes(first + second)
    tracemalloc.start()
    try:
        with open_audio(tmp_path / "both") as reader:
            frames = sum(map(len, reader.blocks()))
        assert frames == pytest.approx(65_536 * 96, rel=1e-4)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("codec", "container", "layout"),
    [("wavpack", "wv", "7.1"), ("wavpack", "wv", "24 channels"), ("aac", "adts", "7.1"), ("alac", "ipod", "7.1(wide)")],
)
def test_many_channels_that_lie_one_behind_another(tmp_path: Path, codec: str, container: str, layout: str) -> None:
    path, channels = tmp_path / "many", av.AudioLayout(layout).nb_channels
    steps = np.arange(1, channels + 1) / 64
    with av.open(str(path), "w", format=container) as out:
        stream = out.add_stream(codec, rate=48_000, layout=layout)
        frame = av.AudioFrame.from_ndarray(np.tile(steps.astype(np.float32), 40_960)[None], "flt", layout)
        frame.sample_rate = 48_000
        converter = av.AudioResampler(stream.format, layout, 48_000, frame_size=stream.codec_context.frame_size or None)
        for piece in [*converter.resample(frame), *converter.resample(None), None]:
            out.mux(stream.encode(piece))
    middle = read(path)[20_000:30_000]
    assert middle.shape == (10_000, channels)
    if codec != "aac":
        np.testing.assert_allclose(middle, np.tile(steps, (10_000, 1)), atol=1e-4)


def test_a_file_that_grows_more_channels_keeps_those_it_begins_with(audio: Path) -> None:
    path = audio / "odd" / "flac_uncommon_02_-_increasing_number_of_channels.flac"
    with open_audio(path) as reader:
        blocks = list(reader.blocks())
    assert {block.shape[1] for block in blocks} == {1}
    assert sum(map(len, blocks)) == 638_856
    # The later part, from stereo and 5.1, is sound and not silence.
    assert np.abs(blocks[-2]).max() > 0.1


def test_a_rate_that_changes_is_converted(ffmpeg_encode: Callable[..., Path], tmp_path: Path, music: Block) -> None:
    first = ffmpeg_encode(tmp_path / "1.aac", "aac", music, 44_100, "adts").read_bytes()
    second = ffmpeg_encode(tmp_path / "2.aac", "aac", music, 22_050, "adts").read_bytes()
    both = tmp_path / "both.aac"
    both.write_bytes(first + second)
    with open_audio(both) as reader:
        frames = sum(map(len, reader.blocks()))
        assert reader.sample_rate == 44_100
    # 2 s, then 4 s at half the rate, each with the padding of its encoder.
    assert frames / 44_100 == pytest.approx(6.0, abs=0.3)


def test_a_damaged_stretch_becomes_silence_so_that_the_rest_stays_in_time(
    make_file: Callable[..., Path], music: Block
) -> None:
    path = make_file("flac", 16)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 200] = bytes(200)
    path.write_bytes(data)
    with open_audio(path) as reader:
        decoded = np.concatenate(list(reader.blocks()))
        assert reader.damaged_packets > 0
    assert abs(len(decoded) - len(music)) <= 2
    assert np.abs(decoded[-10_000:] - music[-10_000:]).max() < 2e-5


def test_a_packet_that_does_not_decode_becomes_silence(
    ffmpeg_encode: Callable[..., Path], tmp_path: Path, music: Block
) -> None:
    path = ffmpeg_encode(tmp_path / "a.wv", "wavpack", music, 44_100, "wv")
    intact = read(path)
    data = bytearray(path.read_bytes())
    third = [at.start() for at in re.finditer(b"wvpk", data)][2]
    data[third + 40 : third + 400] = bytes(360)
    path.write_bytes(data)
    with open_audio(path) as reader:
        decoded = np.concatenate(list(reader.blocks()))
        assert reader.damaged_packets == 1
    assert len(decoded) == len(intact)
    different = np.flatnonzero((decoded != intact).any(axis=1))
    assert not decoded[different].any()
    assert 0 < len(different) < 44_100


def test_one_wrong_byte_becomes_silence_and_not_noise(make_file: Callable[..., Path], music: Block) -> None:
    path = make_file("flac", 16)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    decoded = read(path)
    assert len(decoded) == len(music)
    wrong = np.flatnonzero(np.abs(decoded - music).max(axis=1) > 2e-5)
    assert 0 < len(wrong) <= 4_608
    assert not decoded[wrong].any()


def test_a_header_that_promises_too_much(make_file: Callable[..., Path], music: Block) -> None:
    path = make_file("wav", 16, samples=music[:256])
    data = bytearray(path.read_bytes())
    at = data.index(b"data")
    data[4:8] = data[at + 4 : at + 8] = struct.pack("<I", 2**31 - 1)
    path.write_bytes(data)
    assert np.abs(read(path) - music[:256]).max() < 2e-5


def test_a_tag_in_front_of_a_format_that_knows_none(make_file: Callable[..., Path], music: Block) -> None:
    path = make_file("wav", 16)
    tag = b"ID3\x04\0\0\0\0\x02\x00" + bytes(256)
    path.write_bytes(tag + tag + path.read_bytes())
    assert len(read(path)) == len(music)


def test_a_picture_in_the_file_is_not_decoded(tmp_path: Path, music: Block) -> None:
    path = tmp_path / "clip.mov"
    with av.open(str(path), "w", format="mov") as out:
        video = out.add_stream("mpeg4", rate=25, width=64, height=64, pix_fmt="yuv420p")
        sound = out.add_stream("pcm_s16le", rate=44_100, layout="stereo")
        out.mux(video.encode(av.VideoFrame(64, 64, "yuv420p")))
        frame = av.AudioFrame.from_ndarray((music * 32_767).astype(np.int16).reshape(1, -1), "s16", "stereo")
        frame.sample_rate = 44_100
        out.mux(sound.encode(frame))
        out.mux([*video.encode(None), *sound.encode(None)])
    with open_audio(path) as reader:
        assert (reader.codec, reader.filetype) == ("pcm_s16le", "other")
        assert sum(map(len, reader.blocks())) == len(music)


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_audio(tmp_path / "none.wav")


def test_memory_does_not_grow_with_length(tmp_path: Path, music: Block) -> None:
    def peak_bytes(seconds: int) -> int:
        path = tmp_path / f"{seconds}.wav"
        with AudioWriter(path, "wav", 44_100, 2, 16) as writer:
            for _ in range(seconds // 2):
                writer.write(music)
        tracemalloc.start()
        with open_audio(path, sample_rate=48_000) as reader:
            for _ in reader.blocks(16_384):
                pass
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    assert peak_bytes(120) < peak_bytes(12) + 100_000
