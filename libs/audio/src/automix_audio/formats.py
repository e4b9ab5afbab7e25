"""Formats by the names that endings and contracts have for them: their media types, and the files that are written."""

MEDIA_TYPES = {
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "flac": "audio/flac",
    "aac": "audio/aac",
    "m4a": "audio/mp4",
    "opus": "audio/ogg",
    "ogg": "audio/ogg",
}
"""Of each format that is kept, by filetype or by ending."""
UNKNOWN_TYPE = "application/octet-stream"

ENDINGS = {"wav": "wav", "flac": "flac", "mp3": "mp3", "aac": "m4a", "opus": "opus", "vorbis": "ogg"}
"""What a file ends in, of each format that is written."""

_LOSSY_RATES = {"mp3": (44_100, 48_000), "aac": (44_100, 48_000), "opus": (48_000,), "vorbis": (44_100, 48_000)}


def carried_rate(filetype: str, sample_rate: int) -> int:
    """The sample rate in Hz at which a format carries sound of `sample_rate`.

    Lossy formats end at 48 kHz, above which there is nothing that they keep, and Opus knows no other rate; a rate of
    their own family (multiples of 11,025 or of 8,000) is kept where there is one.
    """
    rates = _LOSSY_RATES.get(filetype)
    if rates is None or sample_rate in rates:
        return sample_rate
    return rates[0] if sample_rate % 11_025 == 0 else rates[-1]
