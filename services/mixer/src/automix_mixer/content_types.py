"""What a stored file is, by the ending that its writer gave the key."""

from pathlib import PurePosixPath

from automix_audio.formats import MEDIA_TYPES, UNKNOWN_TYPE

TYPES = {
    **{f".{name}": kind for name, kind in MEDIA_TYPES.items()},
    ".png": "image/png",
    ".json": "application/json",
}


def content_type(key: str) -> str:
    """The media type of the object under `key`."""
    return TYPES.get(PurePosixPath(key).suffix, UNKNOWN_TYPE)
