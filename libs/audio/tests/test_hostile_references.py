"""Files that ask for other files or addresses get neither.

A listener counts connections and inotify counts opens of a file that nobody may touch. Controls show that both would
see FFmpeg follow the same references where it is let.
"""

import ctypes
import os
import select
import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from automix_audio.errors import AudioError, Reason
from automix_audio.verify import verify

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="opens are observed by inotify")

_IN_OPEN = 0x20


class Listener:
    """Accepts connections on a free port, hangs up, and remembers that they came."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/secret.wav"
        self.connections = 0
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            with connection:
                if connection.recv(4096) == b"stop":
                    return
                self.connections += 1

    def close(self) -> None:
        with socket.create_connection(self._socket.getsockname()) as connection:
            connection.sendall(b"stop")
        self._thread.join(timeout=10)
        self._socket.close()


class Canary:
    """A real recording that nobody may open."""

    def __init__(self, path: Path) -> None:
        self.path = path
        libc = ctypes.CDLL(None, use_errno=True)
        self._watch = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        assert libc.inotify_add_watch(self._watch, os.fsencode(path), _IN_OPEN) > 0

    @property
    def opened(self) -> bool:
        return bool(select.select([self._watch], [], [], 0)[0])

    def close(self) -> None:
        os.close(self._watch)


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.close()


@pytest.fixture
def canary(make_file: Callable[..., Path]) -> Iterator[Canary]:
    canary = Canary(make_file("wav", 16))
    yield canary
    canary.close()


def hls(target: str) -> bytes:
    return f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{target}\n#EXT-X-ENDLIST\n".encode()


def ffconcat(target: str) -> bytes:
    return f"ffconcat version 1.0\nfile '{target}'\n".encode()


def sdp(target: str) -> bytes:
    return f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nu={target}\nc=IN IP4 127.0.0.1\nm=audio 9 RTP/AVP 0\n".encode()


def mpd(target: str) -> bytes:
    return (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><AdaptationSet '
        'mimeType="audio/mp4"><Representation id="1" bandwidth="1"><BaseURL>'
        f"{target}</BaseURL></Representation></AdaptationSet></Period></MPD>"
    ).encode()


def cue(target: str) -> bytes:
    return f'FILE "{target}" WAVE\n  TRACK 01 AUDIO\n    INDEX 01 00:00:00\n'.encode()


def pls(target: str) -> bytes:
    return f"[playlist]\nFile1={target}\nNumberOfEntries=1\n".encode()


PLAYLISTS = (hls, ffconcat, sdp, mpd, cue, pls, lambda target: target.encode())
NAMES = ("song.wav", "song.m3u8", "song.mp3", "song.ffconcat")
ID3 = b"ID3\x04\0\0\0\0\0\x0a" + bytes(10)


def refused(path: Path) -> Reason:
    with pytest.raises(AudioError) as caught:
        verify(path)
    return caught.value.reason


@pytest.mark.parametrize("tag", [b"", ID3, b"\xef\xbb\xbf", b"\r\n"], ids=["", "ID3", "BOM", "blank line"])
@pytest.mark.parametrize("playlist", PLAYLISTS)
def test_a_playlist_opens_nothing(
    tmp_path: Path, listener: Listener, canary: Canary, playlist: Callable[[str], bytes], tag: bytes
) -> None:
    for target in (listener.url, str(canary.path), f"file:{canary.path}", canary.path.name):
        for name in NAMES:
            path = tmp_path / name
            path.write_bytes(tag + playlist(target))
            assert refused(path) in {Reason.PLAYLIST, Reason.NOT_AUDIO}
    assert listener.connections == 0
    assert not canary.opened


def quicktime_with_reference(path: Path, kind: bytes, reference: bytes) -> Path:
    """A QuickTime file whose sound lies elsewhere: its data reference is replaced."""
    with av.open(str(path), "w", format="mov") as out:
        stream = out.add_stream("pcm_s16le", rate=44_100, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 44_100), np.int16), "s16", "mono")
        frame.sample_rate = 44_100
        out.mux([*stream.encode(frame), *stream.encode(None)])
    entry = struct.pack(">I4sI", 12 + len(reference), kind, 0) + reference
    path.write_bytes(replace_reference(path.read_bytes(), entry))
    return path


def replace_reference(atoms: bytes, entry: bytes) -> bytes:
    """`atoms` with the entry of their `dref` replaced, the sizes of all around it corrected."""
    out = b""
    position = 0
    while position < len(atoms):
        size, kind = struct.unpack_from(">I4s", atoms, position)
        body = atoms[position + 8 : position + size]
        if kind in {b"moov", b"trak", b"mdia", b"minf", b"dinf"}:
            body = replace_reference(body, entry)
        elif kind == b"dref":
            body = struct.pack(">II", 0, 1) + entry
        out += struct.pack(">I4s", 8 + len(body), kind) + body
        position += size
    return out


def alias(target: Path) -> bytes:
    """A Macintosh alias record with an absolute path, which FFmpeg follows when `enable_drefs` is set."""
    absolute = os.fsencode(target)
    absolute += b"\0" * (len(absolute) % 2)
    record = bytes(10) + b"\x00" + bytes(27) + bytes(12) + b"\x01x" + bytes(62) + bytes(16)
    record += struct.pack(">hh", 1, 1) + bytes(16) + struct.pack(">hh", 2, len(absolute)) + absolute
    return record + struct.pack(">hh", -1, 0) + bytes(150)


def test_sound_that_lies_in_another_file_is_not_fetched(tmp_path: Path, listener: Listener, canary: Canary) -> None:
    by_alias = quicktime_with_reference(tmp_path / "alias.mov", b"alis", alias(canary.path))
    by_url = quicktime_with_reference(tmp_path / "url.mov", b"url ", listener.url.encode() + b"\0")
    by_file = quicktime_with_reference(tmp_path / "file.mov", b"url ", f"file://{canary.path}".encode() + b"\0")
    assert refused(by_alias) is Reason.EMPTY
    for path in (by_url, by_file):
        # FFmpeg does not know this kind of reference and reads the sound from the file itself, where it lies.
        assert verify(path).true_peak_dbtp is None
    assert listener.connections == 0
    assert not canary.opened


def test_the_canary_sings_where_ffmpeg_is_let(tmp_path: Path, canary: Canary) -> None:
    path = quicktime_with_reference(tmp_path / "alias.mov", b"alis", alias(canary.path))
    with av.open(str(path), options={"enable_drefs": "1", "use_absolute_path": "1"}):
        pass
    assert canary.opened


def test_the_canary_sings_for_a_concat_script(tmp_path: Path, canary: Canary) -> None:
    path = tmp_path / "song.ffconcat"
    path.write_bytes(ffconcat(str(canary.path)))
    with av.open(str(path), format="concat", options={"safe": "0"}):
        pass
    assert canary.opened


def test_the_listener_hears_a_playlist(tmp_path: Path, listener: Listener) -> None:
    path = tmp_path / "song.m3u8"
    path.write_bytes(hls(listener.url))
    with pytest.raises(av.FFmpegError):
        av.open(str(path), format="hls", options={"protocol_whitelist": "file,http,tcp", "extension_picky": "0"})
    assert listener.connections > 0


@pytest.mark.parametrize("demuxer", ["hls", "concat"])
def test_even_a_playlist_demuxer_could_not_reach_out(
    tmp_path: Path, listener: Listener, canary: Canary, demuxer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The second line of defence: what if the content were taken for a playlist after all?
    monkeypatch.setattr("automix_audio.demux.demuxer_for", lambda _, **__: demuxer)
    script = hls if demuxer == "hls" else ffconcat
    for target in (listener.url, str(canary.path), canary.path.name):
        path = tmp_path / "song.m3u8"
        path.write_bytes(script(target))
        refused(path)
    assert listener.connections == 0
    assert not canary.opened
