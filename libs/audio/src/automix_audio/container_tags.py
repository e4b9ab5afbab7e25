"""Tags as FFmpeg finds them, of containers that mutagen does not read: INFO of WAV, APEv2, ASF, CAF, Matroska, AU."""

from __future__ import annotations

from collections.abc import Mapping
from typing import BinaryIO

from av.container import InputContainer
from av.stream import Disposition

from automix_audio.opening import open_container
from automix_audio.sniff import demuxer_for
from automix_audio.views import without_tags

_CUT_PUNCTUATION = "…".encode()[:-1]


def container_tags(file: BinaryIO) -> tuple[Mapping[str, str], bytes]:
    """The texts of a recording by their names in lower case, and its picture. Raises AudioError."""
    view = without_tags(file)
    container = open_container(view, demuxer_for(view.head, tagged=view.start > 0))
    with container:
        texts: dict[str, str] = {}
        for metadata in (*(stream.metadata for stream in container.streams.audio[:1]), container.metadata):
            texts |= {name.lower(): _decoded(text) for name, text in metadata.items()}
        return texts, _picture(container)


def _decoded(text: str) -> str:
    """INFO of WAV and others name no encoding: what is no UTF-8 was written by Windows, mostly.

    UTF-8 that was cut to so many bytes is known by a character of several bytes before the broken one that ends it, or
    by the beginning of a quotation mark or dash, which to Windows would be `â€`. UTF-8 that is damaged elsewhere is
    known by many such characters. It loses what is broken.
    """
    data = text.encode("utf-8", "surrogateescape")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        whole, broken = data.decode("utf-8", "ignore"), data.decode("utf-8", "replace").count("\ufffd")
        several_bytes = sum(not character.isascii() for character in whole)
        if error.end == len(data):
            is_utf8 = several_bytes > 0 or data.endswith(_CUT_PUNCTUATION)
        else:
            is_utf8 = several_bytes > 2 * broken
        return whole if is_utf8 else data.decode("cp1252", "replace")


def _picture(container: InputContainer) -> bytes:
    for stream in container.streams.video:
        if stream.disposition & Disposition.attached_pic:
            return next((bytes(packet) for packet in container.demux(stream) if packet.size), b"")
    return b""
