"""Formats of audio files by the names that contracts have for them: the home of what is known of each.

Nothing heavy is imported here, so that a process that decodes nothing can read it.
"""

from typing import Literal, get_args

FileType = Literal["wav", "mp3", "flac", "aac", "other"]
"""What a file that was read is, by its content."""
FILE_TYPES: tuple[FileType, ...] = get_args(FileType)

WriteType = Literal["wav", "flac", "mp3", "aac", "opus", "vorbis"]
"""What a file can be written as."""

MEDIA_TYPES = {
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "flac": "audio/flac",
    "aac": "audio/aac",
    "m4a": "audio/mp4",
    "opus": "audio/ogg",
    "ogg": "audio/ogg",
}
"""The media type of each format that is kept, by its filetype or by its ending."""
UNKNOWN_TYPE = "application/octet-stream"

ENDINGS: dict[WriteType, str] = {
    "wav": "wav",
    "flac": "flac",
    "mp3": "mp3",
    "aac": "m4a",
    "opus": "opus",
    "vorbis": "ogg",
}
"""The ending of the files of each format that is written."""

BIT_DEPTHS: dict[WriteType, tuple[int, ...]] = {
    "wav": (16, 24, 32),
    "flac": (16, 24),
    "mp3": (0,),
    "aac": (0,),
    "opus": (0,),
    "vorbis": (0,),
}
"""What each format that is written can carry; 32 is floating point, and lossy formats have no bit depth."""

LOSSY_RATES: dict[str, tuple[int, ...]] = {
    "mp3": (44_100, 48_000),
    "aac": (44_100, 48_000),
    "opus": (48_000,),
    "vorbis": (44_100, 48_000),
}
"""Sample rates in Hz at which lossy files are written."""
LOSSY = frozenset(LOSSY_RATES)


def carried_rate(filetype: str, sample_rate: int) -> int:
    """The sample rate in Hz at which a format carries sound of `sample_rate`.

    Lossy formats end at 48 kHz, because they keep nothing above it, and Opus knows only 48 kHz. A rate stays in its
    family (multiples of 11,025 or of 8,000) where the format has one of that family.
    """
    rates = LOSSY_RATES.get(filetype)
    if rates is None or sample_rate in rates:
        return sample_rate
    return rates[0] if sample_rate % 11_025 == 0 else rates[-1]
