"""What a stored file is, by the ending that its writer gave the key."""

from pathlib import PurePosixPath

TYPES = {
    ".wav": "audio/wav",
    ".mp3": "audio/mpeg",
    ".flac": "audio/flac",
    ".png": "image/png",
    ".json": "application/json",
}


def content_type(key: str) -> str:
    """The media type of the object under `key`."""
    return TYPES.get(PurePosixPath(key).suffix, "application/octet-stream")
