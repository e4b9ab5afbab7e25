"""Every odd and broken file of the collection against its manifest."""

from pathlib import Path

import pytest
from automix_audio.errors import AudioError, Reason
from automix_audio.verify import verify
from kit.audio import TAGS_ALONE, listed

REFUSED = {
    "flac_faulty_03_-_wrong_bit_depth.flac": Reason.DAMAGED,
    "flac_faulty_11_-_incorrect_metadata_block_length.flac": Reason.EMPTY,
    # Bare FLAC frames behind junk, without the header that makes a FLAC file.
    "flac_uncommon_11_-_file_starting_with_unparsable_data.flac": Reason.NOT_AUDIO,
    # What FFmpeg decodes of it is NaN.
    "lofty_mp4_codec_als.mp4": Reason.NON_FINITE,
    "minimp3_l3-compl-cut.mp3": Reason.DAMAGED,
    "mutagen_too-short.mp3": Reason.DAMAGED,
    "pedalboard_bad_audio_file_lyrics3.mp3": Reason.NOT_AUDIO,
    "pydub_test1_empty.wav": Reason.EMPTY,
    "tinytag_incomplete.mp3": Reason.NOT_AUDIO,
    "tinytag_invalid_sample_rate.aiff": Reason.DAMAGED,
    "wavpack_crash-4cfc.wv": Reason.NOT_AUDIO,
}

DECODED_BY_NEWER_FFMPEG_S = {"flac_uncommon_05_-_32bps_audio.flac": 11.691}
"""The manifest's decoder found nothing in these."""

FILETYPES = {".mp3": "mp3", ".flac": "flac", ".wav": "wav", ".aac": "aac"}


def test_odd_files_decode_truly(audio: Path) -> None:
    for row in listed(audio, "odd"):
        if row.path.name in TAGS_ALONE:
            with pytest.raises(AudioError) as caught:
                verify(row.path)
            assert caught.value.reason is Reason.EMPTY, row.path.name
            continue
        facts = verify(row.path)
        assert facts.duration_s == pytest.approx(row.duration_s, abs=0.001), row.path.name
        assert (facts.channels, facts.sample_rate) == (row.channels, row.sample_rate), row.path.name
        assert facts.codec == row.codec, row.path.name
        assert facts.filetype == FILETYPES.get(row.path.suffix.lower(), facts.filetype), row.path.name
        assert facts.size == row.path.stat().st_size


def test_broken_files_decode_truly_or_are_refused_with_a_reason(audio: Path) -> None:
    for row in listed(audio, "broken"):
        name = row.path.name
        if name in REFUSED:
            with pytest.raises(AudioError) as caught:
                verify(row.path)
            assert caught.value.reason is REFUSED[name], name
            continue
        facts = verify(row.path)
        expected_s = DECODED_BY_NEWER_FFMPEG_S.get(name, row.duration_s)
        assert facts.duration_s == pytest.approx(expected_s, abs=0.001), name
        assert (facts.channels, facts.sample_rate, facts.codec) == (row.channels, row.sample_rate, row.codec), name
