"""Which demuxer a file's content asks for. Names and extensions are never believed.

Only what is named here is ever opened: playlists and other formats that make a demuxer open files or URLs have no
entry.
"""

from collections.abc import Callable
from functools import reduce

from automix_audio.errors import AudioError, Reason

HEAD_BYTES = 1 << 16
"""How much of a file is looked at, beside an ID3v2 tag in front of it."""

_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"fLaC", "flac"),
    (0, b"OggS", "ogg"),
    (0, b"\x1aE\xdf\xa3", "matroska"),
    (0, b"0&\xb2u\x8ef\xcf\x11", "asf"),
    (0, b"wvpk", "wv"),
    (0, b"caff", "caf"),
    (0, b"MPCK", "mpc8"),
    (0, b"MP+", "mpc"),
    (0, b"MAC ", "ape"),
    (0, b"TTA1", "tta"),
    (0, b".snd", "au"),
    (0, b"#!AMR", "amr"),
    (0, b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb", "w64"),
    *((4, atom, "mov") for atom in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")),
)

_PLAYLISTS: tuple[bytes, ...] = (
    b"#EXTM3U",
    b"ffconcat",
    b"[playlist]",
    b"<asx",
    b"<smil",
    b"<MPD",
    b"v=0\r",
    b"v=0\n",
    b"http://",
    b"https://",
    b"rtsp://",
)

_NOT_AUDIO: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "a ZIP archive"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"MThd", "a MIDI file, which holds notes and no sound"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
)

_ADVICE = "Choose a recording in WAV, AIFF, FLAC, MP3, AAC/M4A, Ogg, Opus or WMA."
TAGS_ALONE = f"The file holds tags (title, artist, ...) and no sound. {_ADVICE}"


def id3v2_size(head: bytes) -> int:
    """Bytes that an ID3v2 tag takes at the start of `head`, 0 if there is none (ID3v2.4, 3.1)."""
    if len(head) < 10 or head[:3] != b"ID3" or any(byte & 0x80 for byte in head[6:10]):
        return 0
    return syncsafe(head[6:10]) + (20 if head[5] & 0x10 else 10)


def syncsafe(data: bytes) -> int:
    """The number in bytes of which each holds seven bits, the highest first (ID3v2.4, 6.2)."""
    return reduce(lambda number, byte: 128 * number + byte, data, 0)


def demuxer_for(head: bytes, *, tagged: bool = False) -> str:
    """FFmpeg's name of the demuxer for content that starts with `head`, ID3v2 tags taken off.

    Raises AudioError: EMPTY, PLAYLIST or NOT_AUDIO.
    """
    if (not head and tagged) or head.startswith(TAGS_BEHIND):
        raise AudioError(Reason.EMPTY, TAGS_ALONE)
    if not head:
        raise AudioError(Reason.EMPTY, f"The file is empty. {_ADVICE}")
    name = by_magic(head)
    if name is None:
        _refuse_known(head)
        name = _first_frames(head)
    if name is None:
        raise AudioError(Reason.NOT_AUDIO, f"No audio was recognised in this file. {_ADVICE}")
    return name


def by_magic(head: bytes) -> str | None:
    """FFmpeg's name of the demuxer of a file that begins with a mark of its own."""
    if head[:4] in {b"RIFF", b"RF64", b"BW64", b"RIFX"} and head[8:12] == b"WAVE":
        return "wav"
    if head[:4] == b"FORM" and head[8:12] in {b"AIFF", b"AIFC"}:
        return "aiff"
    return next((name for offset, magic, name in _MAGIC if head.startswith(magic, offset)), None)


def begins(head: bytes) -> bool:
    """Whether a recording begins with `head`, by its mark or by frames that follow one another."""
    return by_magic(head) is not None or any(_is_chain(head, 0, size) for size in (mpeg_frame_bytes, adts_frame_bytes))


def _refuse_known(head: bytes) -> None:
    """Refuses content that is known to be no audio, by its name where that helps, before a search could find an audio
    frame in it by chance."""
    text = head[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    if text.startswith(_PLAYLISTS):
        raise AudioError(
            Reason.PLAYLIST, "This is a playlist: it names recordings and holds none. Choose the recording itself."
        )
    if head.startswith(b"ADIF"):
        raise AudioError(
            Reason.UNSUPPORTED, "This is AAC behind an ADIF header, which is rare. Export it as M4A, WAV or FLAC."
        )
    for magic, what in _NOT_AUDIO:
        if head.startswith(magic):
            raise AudioError(Reason.NOT_AUDIO, f"This is {what}. {_ADVICE}")


def _first_frames(head: bytes) -> str | None:
    """mp3 or aac (ADTS) if a chain of frame headers runs through `head`, whatever stands in front of it."""
    position = head.find(b"\xff")
    while 0 <= position < len(head) - 7:
        for name, frame_bytes in (("mp3", mpeg_frame_bytes), ("aac", adts_frame_bytes)):
            if _is_chain(head, position, frame_bytes):
                return name
        position = head.find(b"\xff", position + 1)
    return None


def _is_chain(head: bytes, position: int, frame_bytes: Callable[[bytes], int]) -> bool:
    """Whether frames follow one another from `position`: four of them, or at least one up to the end of the file.

    Four headers by chance: less than one position in 2**40.
    """
    start = position
    for frame in range(4):
        size = frame_bytes(head[position : position + 7])
        if size == 0:
            return frame > 1 and head.startswith(TAGS_BEHIND, position)
        position += size
        if position + 7 > len(head):
            return frame > 0 or (start == 0 and position == len(head))
    return True


TAGS_BEHIND = (b"TAG", b"APETAGEX", b"LYRICSBEGIN", b"ID3")

_MPEG_KBPS = {
    # (version 1?, layer): kbit/s by index; ISO 11172-3 2.4.2.3 and 13818-3 2.4.2.3
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}


def mpeg_frame_bytes(header: bytes) -> int:
    """Length of the MPEG audio frame that `header` begins, 0 if it begins none."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return 0
    version, layer = header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3)
    rate_kbps, sample_rate, padding = header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    if version == 1 or layer == 4 or rate_kbps in {0, 15} or sample_rate == 3:
        return 0
    bits = _MPEG_KBPS[version == 3, layer][rate_kbps - 1] * 1000
    hertz = (44_100, 48_000, 32_000)[sample_rate] >> {3: 0, 2: 1, 0: 2}[version]
    if layer == 1:
        return (12 * bits // hertz + padding) * 4
    return (72 if layer == 3 and version != 3 else 144) * bits // hertz + padding


def adts_frame_bytes(header: bytes) -> int:
    """Length of the ADTS frame that `header` begins, 0 if it begins none (ISO 13818-7 6.2)."""
    if len(header) < 7 or header[0] != 0xFF or header[1] & 0xF6 != 0xF0 or header[2] >> 2 & 15 > 12:
        return 0
    size = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
    return size if size > 7 else 0
