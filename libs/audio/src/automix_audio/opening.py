"""Opening a file so that it can reach nothing but itself.

One demuxer, chosen by content (see `sniff`), reads one Python file object. It is allowed no protocol and every further
open is refused, so a playlist or an embedded reference leads nowhere. Only decoders of audio may run: pictures and
video in the same file are never decoded.
"""

from typing import NoReturn

import av
from av.audio.stream import AudioStream
from av.container.input import InputContainer

from automix_audio.errors import AudioError, Reason
from automix_audio.views import View

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

DAMAGED = "The file is damaged: little or no sound could be decoded from it. Export or download it again."

_WAV_OPTIONS = {"max_size": "131072", "probesize": "65536"}
"""Packets have 16 KiB by default. In such packets half of the decoding goes into their handling; and FFmpeg would look
for DTS in the first 5 s of PCM, which takes as long as decoding 20 s of it."""


def open_container(view: View, demuxer: str) -> InputContainer:
    options = {
        "protocol_whitelist": "none",
        "format_whitelist": demuxer,
        "codec_whitelist": ",".join(sorted(_DECODERS)),
        **(_WAV_OPTIONS if demuxer == "wav" else {}),
    }
    try:
        return av.open(
            view,
            "r",
            format=demuxer,
            container_options=options,
            metadata_errors="surrogateescape",
            io_open=_refuse_to_open,
        )
    except av.FFmpegError as error:
        raise AudioError(Reason.DAMAGED, DAMAGED) from error


def _refuse_to_open(*_: object) -> NoReturn:
    raise AudioError(
        Reason.PLAYLIST, "The file points to sound that lies outside of it. Export it again as a self-contained file."
    )


def audio_stream(container: InputContainer) -> tuple[AudioStream, str]:
    if not container.streams.audio:
        raise AudioError(Reason.NOT_AUDIO, "The file holds no audio track. Choose a recording.")
    stream = container.streams.audio[0]
    # None when this build of FFmpeg knows the format but has no decoder for it; the stubs do not say so.
    context: object = stream.codec_context
    if context is None or stream.codec_context.name not in _DECODERS:
        raise AudioError(Reason.UNSUPPORTED, "The sound is coded in a rare format. Export it as WAV, FLAC or MP3.")
    # One thread: a decoder of audio gains little from more, and they belong to whoever runs several tracks.
    stream.codec_context.thread_count = 1
    name = stream.codec_context.name
    if name in ("flac", "tta", "wavpack"):
        # Without it a damaged frame is decoded into noise at full scale. Not for mp3, where encoders get CRCs wrong.
        stream.codec_context.options = {"err_detect": "crccheck+explode"}
    return stream, stream.codec.canonical_name
