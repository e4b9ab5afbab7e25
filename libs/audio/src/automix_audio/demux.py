"""Opening a file so that it can reach nothing but itself.

One demuxer, chosen by content (see `sniff`), reads one Python file object. It is allowed no protocol and every further
open is refused, so a playlist or an embedded reference leads nowhere. Only decoders of audio may run: pictures and
video in the same file are never decoded.
"""

import errno
import os
from collections.abc import Iterator
from typing import BinaryIO, NoReturn

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container.input import InputContainer
from av.packet import Packet

from automix_audio.errors import AudioError, Reason
from automix_audio.sniff import HEAD_BYTES, demuxer_for, id3v2_size

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

_WAV_OPTIONS = {"max_size": "65536", "probesize": "65536"}
"""In packets of 16 KiB, as they come by default, half of the decoding goes into their handling; and FFmpeg would look
for DTS in the first 5 s of PCM, which takes as long as decoding 20 s of it."""


class AudioTrack:
    """The first audio track of a file. `codec` and `container` are FFmpeg's names."""

    def __init__(self, file: BinaryIO) -> None:
        """Raises AudioError when `file` is not a recording that can be decoded."""
        self._view = _without_tags(file)
        self._size = max(os.fstat(file.fileno()).st_size, 1)
        self._file = file
        self.container = demuxer_for(self._view.head)
        self._demuxer = _open(self._view, self.container)
        try:
            self._stream, self.codec = _audio_stream(self._demuxer)
        except BaseException:
            self._demuxer.close()
            raise
        self.damaged_packets = 0
        self._ended = False

    @property
    def progress(self) -> float:
        """How far the file has been read, 0 to 1."""
        return 1.0 if self._ended else min(self._file.tell() / self._size, 1.0)

    def decoded(self) -> Iterator[tuple[float, AudioFrame]]:
        """Every frame that decodes, with the seconds lost to damaged packets since the one before it.

        Raises AudioError when nothing decodes, or less than what is lost.
        """
        decoded_s = lost_s = pending_s = 0.0
        for packet in self._packets():
            try:
                frames = [frame for frame in packet.decode() if frame.samples]
            except av.FFmpegError:
                self.damaged_packets += 1
                pending_s += _claimed_duration_s(packet)
                continue
            for frame in frames:
                if self.container == "flac":
                    pending_s = self._skipped_s(frame, decoded_s + lost_s)
                # Without a time stamp it is the rest of what came before: there is nothing missing in front of it.
                gap_s = 0.0 if frame.pts is None else pending_s
                pending_s -= gap_s
                lost_s += gap_s
                decoded_s += frame.samples / frame.sample_rate
                yield gap_s, frame
        self._ended = True
        if decoded_s == 0.0 and not self.damaged_packets:
            raise AudioError(Reason.EMPTY, "The file holds no sound. Export it again and check that it plays.")
        if decoded_s <= lost_s:
            raise AudioError(Reason.DAMAGED, _DAMAGED)

    def close(self) -> None:
        self._demuxer.close()

    def _skipped_s(self, frame: AudioFrame, expected_s: float) -> float:
        """What FLAC's decoder passed over before `frame`: its times are exact, and damage may show in them alone."""
        if frame.time is None or not 1e-4 < frame.time - expected_s <= _LONGEST_LOSS_S:
            return 0.0
        self.damaged_packets += 1
        return frame.time - expected_s

    def _packets(self) -> "Iterator[Packet[AudioStream]]":
        """Packets up to the end of the file, or to where its structure breaks."""
        try:
            yield from self._demuxer.demux(self._stream)
        except av.FFmpegError:
            self.damaged_packets += 1


class _View:
    """A file from `start` on, as the file-like object that PyAV reads."""

    def __init__(self, file: BinaryIO, start: int, head: bytes) -> None:
        self._file = file
        self._start = start
        self.head = head
        self.seek(0)

    def read(self, size: int) -> bytes:
        return self._file.read(size)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if whence == os.SEEK_SET:
            offset += self._start
        try:
            return self._file.seek(offset, whence) - self._start
        except (OSError, OverflowError):
            # A header may point anywhere. FFmpeg expects its own error code then, as from a file of its own.
            return -errno.EINVAL

    def tell(self) -> int:
        return self._file.tell() - self._start


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
