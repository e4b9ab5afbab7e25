"""The packets of a recording, decoded, each with the time that lacks in front of it.

Containers differ in what their stamps mean: some count samples, some milliseconds, some have none. What is missing is
told from the stamps where there are any, else from what the damaged packets claim.
"""

import os
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from typing import BinaryIO

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container.input import InputContainer
from av.packet import Packet
from numpy.typing import NDArray

from automix_audio.errors import AudioError, Reason
from automix_audio.framing import Hole, holes
from automix_audio.itunes import itunes_trim
from automix_audio.joined import own_end, recordings
from automix_audio.losses import COUNTED, Lost
from automix_audio.ogg import links, lost_before_end
from automix_audio.opening import DAMAGED, audio_stream, open_container
from automix_audio.plain_wav import plain_blocks
from automix_audio.sniff import TAGS_ALONE, demuxer_for
from automix_audio.tags_alone import tags_alone
from automix_audio.timeline import LONGEST_GAP_S, LONGEST_START_S, Gap, Gaps, Stamps, opus_length_s
from automix_audio.views import Joined, Reheaded, View, without_tags
from automix_audio.wav_header import PlainSamples, corrected, length_s, plain_samples

_EXACT = frozenset(("flac", "ogg", "mov", "wv"))
"""Containers that stamp in samples."""
_VORBIS_JITTER_S = 0.1
"""Half of its longest block at 44.1 kHz."""
_LOOK_AHEAD = 8
_JITTER_S = {"matroska": 0.003, "asf": 0.09}
"""The stamps of WMA are those of whole objects, and begin anywhere."""
_TELLING = frozenset(("w64", "aiff", "caf", "au", "flac", "mov", "wv", "tta", "ape"))
"""Containers whose header says how long the recording is. Others guess by bytes, or count pictures, too."""
_LEAST_END_S = 0.25
_MOST_LINKS = 1_000
"""Recordings of one file that are read. More behind them are told as damage."""
_MOST_BREAKS = 1_000
"""Places where the structure of a file may break, and be found again."""


class AudioTrack:
    """The first audio track of a file. `codec` (of a chain, that of its first link) and `container` are FFmpeg's names,
    as are `codecs`, those of all links so far.

    `gaps` grow while it is decoded: silence stands in place of what was lost or left out, and before a late beginning.
    Behind the end, where no silence is, one stands for what the header promises beyond it.
    """

    def __init__(self, file: BinaryIO) -> None:
        """Raises AudioError when `file` is not a recording that can be decoded."""
        self._view = without_tags(file)
        self._size = max(os.fstat(file.fileno()).st_size, 1)
        self._file = file
        self.container = demuxer_for(self._view.head, tagged=self._view.start > 0)
        if tags_alone(file, self._view.start, self._size, self.container):
            raise AudioError(Reason.EMPTY, TAGS_ALONE)
        self._links = _links(file, self._view.start, self.container)
        self._late_end: tuple[int, Fraction] | None = None
        self._plain: PlainSamples | None = None
        self._trim = itunes_trim(file, self._view) if self.container == "mp3" else None
        self._begun, (self._demuxer, self._stream, self.codec) = self._first()
        self._codec = self.codec
        self.codecs = {self.codec}
        self.damaged_packets = self._begun
        self._gaps = Gaps()
        self._surplus = 0
        self._sounds = False
        self._ended = False

    @property
    def gaps(self) -> list[Gap]:
        """The gaps found so far."""
        return self._gaps.found

    @property
    def progress(self) -> float:
        """How far the file has been read, 0 to 1."""
        return 1.0 if self._ended else min(self._file.tell() / self._size, 1.0)

    def decoded(self) -> Iterator[tuple[float, AudioFrame | NDArray[np.float32]]]:
        """Every frame that decodes, with the seconds that are missing between the frame before it and itself.

        Of a usual WAV file only the first frame comes from FFmpeg, and arrays of shape (n, channels) of the same rate
        follow it.
        Raises AudioError when nothing decodes, or less than what was lost to damage.
        """
        decoded_s = silent_s = damaged_s = cut_off_s = 0.0
        for number in range(self._begun, len(self._links)):
            if number > self._begun and not self._follow(number):
                continue
            begun_s = decoded_s + silent_s
            for missing_s, by_damage_s, frame in self._frames(begins=number == self._begun):
                self._gaps.add(decoded_s + silent_s, missing_s)
                silent_s += missing_s
                damaged_s += by_damage_s
                decoded_s += frame.samples / frame.sample_rate
                yield missing_s, frame
                plain = self._plain
                if plain is not None and (plain.codec, plain.channels) == (self._codec, frame.layout.nb_channels):
                    for block in plain_blocks(self._file, plain, frame.samples):
                        decoded_s += len(block) / frame.sample_rate
                        yield 0.0, block
                    break
            lacking_s = self._length_by_header_s(number) - (decoded_s + silent_s - begun_s)
            cut_off_s += lacking_s if lacking_s > _LEAST_END_S else 0.0
        self._ended = True
        if decoded_s and 0.0 < cut_off_s <= LONGEST_GAP_S:
            self.damaged_packets += 1
            self._gaps.add(decoded_s + silent_s, cut_off_s)
        if decoded_s == 0.0 and not self.damaged_packets:
            raise AudioError(Reason.EMPTY, "The file holds no sound. Export it again and check that it plays.")
        if decoded_s <= damaged_s:
            raise AudioError(Reason.DAMAGED, DAMAGED)

    @property
    def surplus(self) -> int:
        """Frames at the end of the last packet that the container does not count: encoders fill their last packet."""
        return self._surplus

    @property
    def trim(self) -> tuple[int, int | None]:
        """Frames of an encoder's delay to leave out at the start, and how many follow, where a tag alone says so."""
        return self._trim or (0, None)

    def close(self) -> None:
        self._demuxer.close()

    def _first(self) -> tuple[int, tuple[InputContainer, AudioStream, str]]:
        """The first link that can be read, which is nearly always the very first, and its number."""
        refused: AudioError | None = None
        for number in range(min(len(self._links), _MOST_LINKS)):
            try:
                return number, self._opened(number)
            except AudioError as error:
                refused = refused or error
        raise refused or AudioError(Reason.DAMAGED, DAMAGED)

    def _opened(self, number: int) -> tuple[InputContainer, AudioStream, str]:
        end = self._end(number)
        self._view = View(self._file, self._links[number], self._view.head, end)
        wav = corrected(self._file, self._view.start, end or self._size) if self.container == "wav" else None
        if wav is not None:
            self._view = Reheaded(self._file, self._view.head, wav)
        elif self.container == "wav" and len(self._links) == 1:
            self._plain = plain_samples(self._file, self._view.start, self._size)
        self._holes = self._left_out()
        if self._holes:
            self._view = Joined(self._file, self._view, self._holes)
        self._view.seek(0)
        demuxer = open_container(self._view, self.container)
        try:
            stream, codec = audio_stream(demuxer)
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

    def _end(self, number: int) -> int | None:
        """Where a link ends; None for the end of the file."""
        if self.container == "au":  # FFmpeg would play what stands behind, tags above all
            return own_end(self._file, self._links[number])
        return self._links[number + 1] if number + 1 < len(self._links) else None

    def _left_out(self) -> list[Hole]:
        """What the demuxer should not see."""
        found = holes(self._file, self._view.start, self.container)
        # FFmpeg finds the frames of MP3 itself, and their time by the bytes between them.
        return [hole for hole in found if not hole.lost] if self.container == "mp3" else found

    def _length_by_header_s(self, number: int) -> float:
        """How long the header of the opened link says that it is; 0 where it says nothing, or guesses."""
        if self.container == "wav":
            return length_s(self._file, self._links[number], self._end(number) or self._size)
        duration, base = self._stream.duration, self._stream.time_base
        says = self.container in _TELLING or (
            self.container == "mp3" and any(mark in self._view.head[:512] for mark in (b"Xing", b"Info"))
        )
        if not says or not duration or base is None:
            return 0.0
        return float(duration * base)

    def _follow(self, number: int) -> bool:
        """Goes on with the next link of a chain, if it can be read."""
        try:
            following = self._opened(number) if number < _MOST_LINKS else None
        except AudioError:
            following = None
        if following is None:
            self.damaged_packets += 1
            return False
        self._demuxer.close()
        self._demuxer, self._stream, self._codec = following
        self.codecs.add(self._codec)
        return True

    def _frames(self, *, begins: bool) -> Iterator[tuple[float, float, AudioFrame]]:
        """Frames of one link, each with the seconds that are missing in front of it, and how many of these damage has
        cost."""
        stamps = Stamps(self._tolerance_s())
        missing_s = 0.0
        first = True
        origin_s: Fraction | None = None
        ahead: deque[_Decoded] = deque()
        packets = self._decoded_packets()
        while one := ahead.popleft() if ahead else next(packets, None):
            stamped = None if self.container in COUNTED else one.at_s
            origin_s = stamped if origin_s is None else origin_s
            if stamped is not None and (late_s := stamps.ahead_s(stamped)):
                if self._codec == "vorbis":
                    ahead.extend(islice(packets, _LOOK_AHEAD - len(ahead)))
                    late_s = _least_late(late_s, one, ahead)
                stamps.passed(late_s)
                if self.container in _EXACT:
                    self.damaged_packets += one.lost_s == 0.0
                # Here the stamps tell everything that is missing, what damage has cost included.
                missing_s += float(late_s)
            else:
                missing_s += one.lost_s
                stamps.passed(Fraction(one.lost_s))
            stamps.passed(one.length_s, stamped if one.frames else None)
            damaged_s = one.lost_s
            for frame in one.frames:
                if first and begins and self.container != "asf" and stamped is not None and (origin_s or 0) > 0:
                    # The stamp of the first sound counts an encoder's delay alone in Vorbis, and wherever the first
                    # packet is stamped 0.
                    of_packet = self.container == "ogg" and self._codec != "opus"
                    start_s = float(origin_s or 0) if of_packet else frame.time or 0.0
                    missing_s += start_s if 0.0 < start_s <= LONGEST_START_S else 0.0
                first = False
                yield missing_s, min(damaged_s, missing_s), frame
                missing_s = damaged_s = 0.0

    def _decoded_packets(self) -> "Iterator[_Decoded]":
        """Every packet that decodes, with the seconds that packets which did not decode have lost before it."""
        lost = Lost(self.container, self._holes, self._view.start)
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
            # A frame without a stamp is the rest of what came before: nothing is missing in front of it.
            holes_before = lost.found
            lost_s = lost.until(packet) if frames and frames[0].pts is not None else 0.0
            self.damaged_packets += lost.found - holes_before
            if self.container == "flac" and frames:
                # Frames of FLAC carry their own number. FFmpeg guesses the stamps of packets where there is damage.
                at_s = None if frames[0].pts is None else frames[0].pts * (frames[0].time_base or Fraction(0))
                lost_s = 0.0
            yield _Decoded(at_s, self._length_s(packet, frames), lost_s, frames)
            if frames and self.container == "mov" and packet.duration and packet.time_base:
                held_s = sum((Fraction(frame.samples, frame.sample_rate) for frame in frames), Fraction(0))
                over_s = held_s - packet.duration * packet.time_base
                self._surplus = max(0, round(over_s * frames[-1].sample_rate))
            self._sounds |= bool(frames)

    def _tolerance_s(self) -> float:
        """How far a stamp may be off. Stamps in samples are exact, stamps in milliseconds jitter, and those of a clock
        jitter more."""
        if self._codec == "vorbis":
            return _VORBIS_JITTER_S
        return 1e-4 if self.container in _EXACT else _JITTER_S.get(self.container, 0.003)

    def _length_s(self, packet: "Packet[AudioStream]", frames: list[AudioFrame]) -> Fraction:
        """How long a packet plays: by its container where stamps are exact, else by what it holds."""
        if self._codec == "opus":
            return opus_length_s(bytes(packet)[:2])
        held_s = sum((Fraction(frame.samples, frame.sample_rate) for frame in frames), Fraction(0))
        if self._codec == "vorbis" or self.container == "flac" or not packet.duration or not packet.time_base:
            return held_s
        claimed_s = packet.duration * packet.time_base
        if not self._sounds or not frames:
            # An encoder's delay is cut off the first packets, and their stamps still count it.
            return claimed_s
        # MP4 gives the packet in front of a gap the length of the gap as well.
        return claimed_s if self.container in _EXACT and claimed_s < 2 * held_s else held_s

    def _packets(self) -> "Iterator[Packet[AudioStream]]":
        """Packets up to the end of the file, or to where its structure breaks for good."""
        for _ in range(_MOST_BREAKS):
            count = 0
            try:
                for packet in self._demuxer.demux(self._stream):
                    count += 1
                    yield packet
            except av.FFmpegError:
                self.damaged_packets += 1
                if count:
                    continue
            return


@dataclass(frozen=True, slots=True)
class _Decoded:
    """A packet's frames: its stamp and length, and what was lost in front of it, in seconds."""

    at_s: Fraction | None
    length_s: Fraction
    lost_s: float
    frames: list[AudioFrame]


def _least_late(late_s: Fraction, one: _Decoded, following: Iterable[_Decoded]) -> Fraction:
    """How late a Vorbis packet really is. FFmpeg stamps it up to half a block late where blocks change in length."""
    clock = (one.at_s or Fraction(0)) - late_s + one.length_s
    for later in following:
        if later.at_s is not None:
            late_s = min(late_s, later.at_s - clock)
        clock += later.length_s
    return max(late_s, Fraction(0))


def _links(file: BinaryIO, start: int, container: str) -> list[int]:
    """Where each of the recordings begins that are joined in one file, up to the first that is not read."""
    found = links(file, start) if container == "ogg" else recordings(file, start)
    return list(islice(found, _MOST_LINKS + 1))
