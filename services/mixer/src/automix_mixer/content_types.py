"""What a stored file is, by the ending that the worker has given its key."""

from pathlib import PurePosixPath

from automix.mixer.v1 import mixer_pb2 as pb
from automix_audio.formats import ENDINGS, MEDIA_TYPES, UNKNOWN_TYPE

TYPES = {
    **{f".{name}": kind for name, kind in MEDIA_TYPES.items()},
    ".png": "image/png",
    ".json": "application/json",
}
FILETYPES = {name.removeprefix("RENDER_FILETYPE_").lower(): value for name, value in pb.RenderFiletype.items() if value}
"""Names of the types that a render may have, as its row holds them, with their values on the wire."""
_OF_ENDING = {f".{ending}": name for name, ending in ENDINGS.items()}


def content_type(key: str) -> str:
    """The media type of the object under `key`."""
    return TYPES.get(PurePosixPath(key).suffix, UNKNOWN_TYPE)


def filetype(key: str) -> str:
    """The type of the render under `key`, `other` for one that has no name among them."""
    name = _OF_ENDING.get(PurePosixPath(key).suffix)
    return name if name in FILETYPES else "other"
