"""Opening a file so that it can reach nothing but itself.

One demuxer, chosen by content (see `sniff`), reads one Python file object. It is allowed no protocol and every further
open is refused, so a playlist or an embedded reference leads nowhere. Only decoders of audio may run: pictures and
video in the same file are never decoded.
"""

import errno
import os
import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from typing import BinaryIO, NoReturn

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container.input import InputContainer
from av.packet import Packet

from automix_audio.errors import AudioError, Reason
from automix_audio.ogg import links, lost_before_end
from automix_audio.sniff import HEAD_BYTES, demuxer_for, id3v2_size
from automix_audio.timeline import LONGEST_START_S, Gap, Gaps, Stamps, opus_length_s
from automix_audio.wav_header import WavHeader, corrected

_PCM = (
    *(f"pcm_{kind}{end}" for kind in ("s16", "s24", "s32", "u16", "u24", "u32", "f32", "f64") for end in ("le", "be")),
    *("pcm_s8", "pcm_u8", "pcm_s64le", "pcm_s64be", "pcm_f16le", "pcm_f24le", "pcm_alaw", "pcm_mulaw"),
    *("pcm_s8_planar", "pcm_s16le_planar", "pcm_s16be_planar", "pcm_s24le_planar", "pcm_s32le_planar"),
)
_ADPCM = tuple(f"adpcm_{kind}" for kind in ("ms", "ima_wav", "ima_qt", "yamaha", "swf", "g722", "g726", "g726le"))
_LOSSLESS = ("flac", "alac", "als", "wavpack", "ape", "tta", "wmalossless", "mlp", "truehd")
_LOSSY = (
    *("mp1", "mp1float", "mp2", "mp2float", "mp3", "mp3float", "aac", "aac_latm", "vorbis", "opus", "libopus", "speex"),
    *("mpc7", "mpc8", "wmav1", "wmav2", "wmapro", "wmavoice", "ac3", "eac3", "dca", "atrac3", "atrac3plus", "qdm2"),
    *("mace3", "mace6", "gsm", "gsm_ms", "amrnb", "amrwb", "libopencore_amrnb", "libopencore_amrwb", "g722"),
)
_DECODERS = frozenset((*_PCM, *_ADPCM, *_LOSSLESS, *_LOSSY))
"""FFmpeg's decoders that recordings need. What games, telephones and video editors use besides is not let near."""

_DAMAGED = "The file is damaged: little or no sound could be decoded from it. Export or download it again."
_LONGEST_LOSS_S = 1.0
"""A damaged packet that claims more is not believed."""

_COUNTED = frozenset(("mp3", "aac", "wav", "aiff", "au", "amr", "ape", "tta", "wv", "mpc", "mpc8", "w64", "caf"))
"""Containers without stamps of their own: FFmpeg counts what it has read, and jumps where it has sought."""
_EXACT = frozenset(("flac", "ogg", "mov"))
"""Containers that stamp in samples."""
_VORBIS_JITTER_S = 0.1
"""Half of its longest block at 44.1 kHz."""
_LOOK_AHEAD = 8
_UNSTAMPED = _COUNTED | {"asf"}
"""And WMA, whose stamps are of whole objects and begin where its encoder liked."""
_JITTER_S = {"matroska": 0.003}

_WAV_OPTIONS = {"max_size": "65536", "probesize": "65536"}
"""In packets of 16 KiB, as they come by default, half of the decoding goes into their handling; and FFmpeg would look
for DTS in the first 5 s of PCM, which takes as long as decoding 20 s of it."""


class AudioTrack:
    """The first audio track of a file. `codec` and `container` are FFmpeg's names.

    `gaps` are found while it is decoded: silence in place of what was lost, left out or begins later.
    """

    def __init__(self, file: BinaryIO) -> None:
        """Raises AudioError when `file` is not a recording that can be decoded."""
        self._view = _without_tags(file)
        self._size = max(os.fstat(file.fileno()).st_size, 1)
        self._file = file
        self.container = demuxer_for(self._view.head, tagged=self._view.start > 0)
        self._links = links(file, self._view.start) if self.container == "ogg" else [self._view.start]
        self._late_end: tuple[int, Fraction] | None = None
        self._trim = itunes_trim(file, self._view) if self.container == "mp3" else None
        self._demuxer, self._stream, self.codec = self._opened(0)
        self.damaged_packets = 0
        self._gaps = Gaps()
        self._surplus = 0
        self._sounds = False
        self._ended = False

    @property
    def gaps(self) -> list[Gap]:
        """What silence stands for so far."""
        return self._gaps.found

    @property
    def progress(self) -> float:
        """How far the file has been read, 0 to 1."""
        return 1.0 if self._ended else min(self._file.tell() / self._size, 1.0)

    def decoded(self) -> Iterator[tuple[float, AudioFrame]]:
        """Every frame that decodes, with the seconds that lack since the one before it.

        Raises AudioError when nothing decodes, or less than what was lost to damage.
        """
        decoded_s = silent_s = damaged_s = 0.0
        for number in range(len(self._links)):
            if number and not self._follow(number):
                continue
            for missing_s, by_damage_s, frame in self._frames(begins=number == 0):
                self._gaps.add(decoded_s + silent_s, missing_s)
                silent_s += missing_s
                damaged_s += by_damage_s
                decoded_s += frame.samples / frame.sample_rate
                yield missing_s, frame
        self._ended = True
        if decoded_s == 0.0 and not self.damaged_packets:
            raise AudioError(Reason.EMPTY, "The file holds no sound. Export it again and check that it plays.")
        if decoded_s <= damaged_s:
            raise AudioError(Reason.DAMAGED, _DAMAGED)

    @property
    def surplus(self) -> int:
        """Frames of the last packet so far that its container does not count in: an encoder fills its last packet."""
        return self._surplus

    @property
    def trim(self) -> tuple[int, int | None]:
        """Frames of an encoder's delay to leave out at the start, and how many follow, where a tag alone says so."""
        return self._trim or (0, None)

    def close(self) -> None:
        self._demuxer.close()

    def _opened(self, number: int) -> tuple[InputContainer, AudioStream, str]:
        end = self._links[number + 1] if number + 1 < len(self._links) else None
        self._view = _View(self._file, self._links[number], self._view.head, end)
        wav = corrected(self._file, self._view.start, self._size) if self.container == "wav" else None
        if wav is not None:
            self._view = _Reheaded(self._file, self._view.head, wav)
        self._view.seek(0)
        demuxer = _open(self._view, self.container)
        try:
            stream, codec = _audio_stream(demuxer)
        except BaseException:
            demuxer.close()
            raise
        place = self._file.tell()
        self._late_end = (
            lost_before_end(self._file, self._links[number], end)
            if (self.container, codec) == ("ogg", "opus")
            else None
        )
        self._file.seek(place)
        return demuxer, stream, codec

    def _follow(self, number: int) -> bool:
        """Goes on with the next link of a chain, if it can be read."""
        try:
            following = self._opened(number)
        except AudioError:
            self.damaged_packets += 1
            return False
        self._demuxer.close()
        self._demuxer, self._stream, _ = following
        return True

    def _frames(self, *, begins: bool) -> Iterator[tuple[float, float, AudioFrame]]:
        """Frames of one link, with the seconds that lack in front of each, and how many of them damage has cost."""
        stamps = Stamps(self._tolerance_s())
        missing_s = 0.0
        first = True
        origin_s: Fraction | None = None
        ahead: deque[_Decoded] = deque()
        packets = self._decoded_packets()
        while one := ahead.popleft() if ahead else next(packets, None):
            stamped = None if self.container in _UNSTAMPED else one.at_s
            origin_s = stamped if origin_s is None else origin_s
            if stamped is not None and (late_s := stamps.ahead_s(stamped)):
                if self.codec == "vorbis":
                    ahead.extend(islice(packets, _LOOK_AHEAD - len(ahead)))
                    late_s = _least_late(late_s, one, ahead)
                stamps.passed(late_s)
                if self.container in _EXACT:
                    self.damaged_packets += one.lost_s == 0.0
                # The stamps know of all that damage has cost.
                missing_s += float(late_s)
            else:
                missing_s += one.lost_s
                stamps.passed(Fraction(one.lost_s))
            stamps.passed(one.length_s, stamped if one.frames else None)
            damaged_s = one.lost_s
            for frame in one.frames:
                if first and begins and stamped is not None and origin_s is not None and origin_s > 0:
                    # In Ogg, as where the first packet is stamped 0, the stamp of its sound counts a delay alone.
                    start_s = float(origin_s) if self.container == "ogg" else frame.time or 0.0
                    missing_s += start_s if 0.0 < start_s <= LONGEST_START_S else 0.0
                first = False
                yield missing_s, min(damaged_s, missing_s), frame
                missing_s = damaged_s = 0.0

    def _decoded_packets(self) -> "Iterator[_Decoded]":
        """Every packet that decodes, with the time that those before it have lost."""
        lost = _Lost(self.container)
        self._sounds = False
        for packet in self._packets():
            try:
                frames = [frame for frame in packet.decode() if frame.samples]
            except av.FFmpegError:
                self.damaged_packets += 1
                lost.add(packet)
                continue
            at_s = None if packet.pts is None or packet.time_base is None else packet.pts * packet.time_base
            if at_s is not None and self._late_end and (packet.pos or 0) >= self._late_end[0]:
                at_s += self._late_end[1]
            # Without a stamp it is the rest of what came before: there is nothing missing in front of it.
            lost_s = lost.until(packet) if frames and frames[0].pts is not None else 0.0
            if self.container == "flac" and frames:
                # Its frames are numbered by themselves, and the stamps of packets guessed where there is damage.
                at_s = None if frames[0].pts is None else frames[0].pts * (frames[0].time_base or Fraction(0))
                lost_s = 0.0
            yield _Decoded(at_s, self._length_s(packet, frames), lost_s, frames)
            if frames and self.container == "mov" and packet.duration and packet.time_base:
                held_s = sum((Fraction(frame.samples, frame.sample_rate) for frame in frames), Fraction(0))
                over_s = held_s - packet.duration * packet.time_base
                self._surplus = max(0, round(over_s * frames[-1].sample_rate))
            self._sounds |= bool(frames)

    def _tolerance_s(self) -> float:
        """Stamps in samples are exact; those in milliseconds jitter, more than that where a clock has set them."""
        if self.codec == "vorbis":
            return _VORBIS_JITTER_S
        return 1e-4 if self.container in _EXACT else _JITTER_S.get(self.container, 0.003)

    def _length_s(self, packet: "Packet[AudioStream]", frames: list[AudioFrame]) -> Fraction:
        """How long a packet plays: by its container where stamps are exact, else by what it holds."""
        if self.codec == "opus":
            return opus_length_s(bytes(packet)[:2])
        held_s = sum((Fraction(frame.samples, frame.sample_rate) for frame in frames), Fraction(0))
        if self.codec == "vorbis" or self.container == "flac" or not packet.duration or not packet.time_base:
            return held_s
        claimed_s = packet.duration * packet.time_base
        if not self._sounds or not frames:
            # The first packets lose an encoder's delay, which their stamps count in.
            return claimed_s
        # MP4 lengthens a packet before a gap.
        return claimed_s if self.container in _EXACT and claimed_s < 2 * held_s else held_s

    def _packets(self) -> "Iterator[Packet[AudioStream]]":
        """Packets up to the end of the file, or to where its structure breaks."""
        try:
            yield from self._demuxer.demux(self._stream)
        except av.FFmpegError:
            self.damaged_packets += 1


@dataclass(frozen=True, slots=True)
class _Decoded:
    """A packet's frames: its stamp and length, and what was lost in front of it, in seconds."""

    at_s: Fraction | None
    length_s: Fraction
    lost_s: float
    frames: list[AudioFrame]


def _least_late(late_s: Fraction, one: _Decoded, following: Iterable[_Decoded]) -> Fraction:
    """How late Vorbis really is: where its blocks change in length, FFmpeg stamps a packet up to half a block late."""
    clock = (one.at_s or Fraction(0)) - late_s + one.length_s
    for later in following:
        if later.at_s is not None:
            late_s = min(late_s, later.at_s - clock)
        clock += later.length_s
    return max(late_s, Fraction(0))


class _Lost:
    """How long what does not decode would have played."""

    def __init__(self, container: str) -> None:
        self._by_bytes = container in _COUNTED
        self._claimed_s = 0.0
        self._from: int | None = None
        self._end: int | None = None
        self._bytes = self._count = 0

    def add(self, packet: "Packet[AudioStream]") -> None:
        """A packet that did not decode."""
        self._claimed_s += _claimed_duration_s(packet)
        if self._from is None and packet.pos is not None and packet.pos >= 0:
            self._from = packet.pos

    def until(self, packet: "Packet[AudioStream]") -> float:
        """Seconds lost since the last packet that decoded; `packet` does."""
        seconds, self._claimed_s = self._claimed_s, 0.0
        at, self._from = self._from, None
        length_s = _claimed_duration_s(packet)
        if at is None and self._end is not None and self._count and packet.pos is not None:
            # What no frame begins in, FFmpeg passes over without a word.
            at = self._end if packet.pos - self._end > self._bytes / self._count / 2 else None
        self._end = None if packet.pos is None or packet.pos < 0 else packet.pos + packet.size
        if self._by_bytes and self._count and at is not None and packet.pos is not None and length_s:
            # A damaged header hides how many frames there were: as many as fit into its bytes.
            mean = self._bytes / self._count
            seconds = min(round((packet.pos - at) / mean) * length_s, _LONGEST_LOSS_S)
        self._bytes += packet.size
        self._count += 1
        return seconds


class _View:
    """A file from `start` on, as the file-like object that PyAV reads."""

    def __init__(self, file: BinaryIO, start: int, head: bytes, end: int | None = None) -> None:
        self._file = file
        self.start = start
        self._end = end
        self.head = head
        self.seek(0)

    def read(self, size: int) -> bytes:
        if self._end is not None:
            size = max(0, min(size, self._end - self._file.tell()))
        return self._file.read(size)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if whence == os.SEEK_SET:
            offset += self.start
        elif whence == os.SEEK_END and self._end is not None:
            offset, whence = offset + self._end, os.SEEK_SET
        try:
            return self._file.seek(offset, whence) - self.start
        except (OSError, OverflowError):
            # A header may point anywhere. FFmpeg expects its own error code then, as from a file of its own.
            return -errno.EINVAL

    def tell(self) -> int:
        return self._file.tell() - self.start


class _Reheaded(_View):
    """A WAV file behind another header; samples of big-endian ones are turned round."""

    def __init__(self, file: BinaryIO, head: bytes, wav: WavHeader) -> None:
        self._wav = wav
        self._at = 0
        super().__init__(file, wav.start, head, wav.end)

    def read(self, size: int) -> bytes:
        header = self._wav.header[self._at : self._at + size] if self._at < len(self._wav.header) else b""
        data = header or self._sound(self._at - len(self._wav.header), size)
        self._at += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        size = len(self._wav.header) + self._wav.end - self._wav.start
        at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at}.get(whence, size)
        if at < 0:
            return -errno.EINVAL
        self._at = at
        return at

    def tell(self) -> int:
        return self._at

    def _sound(self, at: int, size: int) -> bytes:
        width = self._wav.swapped or 1
        first = at - at % width
        self._file.seek(self._wav.start + first)
        room = max(0, self._wav.end - self._wav.start - first)
        data = self._file.read(min(size + 2 * width, room))
        data = data[: len(data) - len(data) % width]
        if width > 1:
            data = np.frombuffer(data, np.uint8).reshape(-1, width)[:, ::-1].tobytes()
        return data[at - first : at - first + size]


def _without_tags(file: BinaryIO) -> _View:
    """`file` behind its ID3v2 tags, which only some demuxers skip."""
    start = 0
    while True:
        file.seek(start)
        head = file.read(HEAD_BYTES)
        tag = id3v2_size(head)
        if not tag:
            return _View(file, start, head)
        start += tag


_ITUNSMPB = re.compile(
    rb"iTunSMPB.{0,16}? [0-9A-F]{8} ([0-9A-F]{8}) ([0-9A-F]{8}) ([0-9A-F]{16})", re.DOTALL | re.IGNORECASE
)
_DECODER_DELAY = 529
"""Of an mp3 decoder, in frames, which iTunes does not count in."""
_LONGEST_DELAY = 10_000


def itunes_trim(file: BinaryIO, view: _View) -> tuple[int, int | None] | None:
    """Frames to leave out and to keep of an mp3 whose delay stands in its iTunSMPB tag alone.

    FFmpeg reads the header of LAME and knows the delay itself where there is one.
    """
    if any(mark in view.head[:512] for mark in (b"Xing", b"Info")):
        return None
    file.seek(0)
    found = _ITUNSMPB.search(file.read(min(view.start, HEAD_BYTES)).replace(b"\0", b""))
    file.seek(view.start)
    if found is None:
        return None
    delay, padding, length = (int(value, 16) for value in found.groups())
    if delay > _LONGEST_DELAY or padding > _LONGEST_DELAY:
        return None
    return delay + _DECODER_DELAY, length or None


def _open(view: _View, demuxer: str) -> InputContainer:
    options = {
        "protocol_whitelist": "none",
        "format_whitelist": demuxer,
        "codec_whitelist": ",".join(sorted(_DECODERS)),
        **(_WAV_OPTIONS if demuxer == "wav" else {}),
    }
    try:
        return av.open(
            view, "r", format=demuxer, container_options=options, metadata_errors="replace", io_open=_refuse_to_open
        )
    except av.FFmpegError as error:
        raise AudioError(Reason.DAMAGED, _DAMAGED) from error


def _refuse_to_open(*_: object) -> NoReturn:
    raise AudioError(
        Reason.PLAYLIST, "The file points to sound that lies outside of it. Export it again as a self-contained file."
    )


def _audio_stream(container: InputContainer) -> tuple[AudioStream, str]:
    if not container.streams.audio:
        raise AudioError(Reason.NOT_AUDIO, "The file holds no audio track. Upload a recording.")
    stream = container.streams.audio[0]
    # None when this build of FFmpeg knows the format but has no decoder for it; the stubs do not say so.
    context: object = stream.codec_context
    if context is None or stream.codec_context.name not in _DECODERS:
        raise AudioError(Reason.UNSUPPORTED, "The sound is coded in a rare format. Export it as WAV, FLAC or MP3.")
    # One thread: a decoder of audio gains little from more, and they belong to whoever runs several tracks.
    stream.codec_context.thread_count = 1
    name = stream.codec_context.name
    if name == "flac":
        # Without it a damaged frame is decoded into noise at full scale. Not for mp3, where encoders get CRCs wrong.
        stream.codec_context.options = {"err_detect": "crccheck+explode"}
    return stream, stream.codec.canonical_name


def _claimed_duration_s(packet: "Packet[AudioStream]") -> float:
    if packet.duration is None or packet.time_base is None:
        return 0.0
    seconds = float(packet.duration * packet.time_base)
    return seconds if 0.0 < seconds <= _LONGEST_LOSS_S else 0.0
