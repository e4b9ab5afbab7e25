"""Pedalboard's effects by the names of the contract. Only what renders an effect imports this: it costs 20 MB."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pedalboard

from automix_mixer.engine.effects import IMPULSE_FILE, PATH, PLUGIN
from automix_mixer.engine.errors import EngineError
from automix_mixer.engine.render.impulses import impulse
from automix_mixer.engine.render.pitch import StreamedShift
from automix_mixer.engine.render.plugins import Plugin
from automix_mixer.engine.track import printable

CLASSES: Mapping[str, str] = {
    "chorus": "Chorus",
    "phaser": "Phaser",
    "delay": "Delay",
    "reverb": "Reverb",
    "convolution": "Convolution",
    "distortion": "Distortion",
    "clipping": "Clipping",
    "bitcrush": "Bitcrush",
    "resample": "Resample",
    "gsm": "GSMFullRateCompressor",
    "mp3": "MP3Compressor",
    "highpass": "HighpassFilter",
    "lowpass": "LowpassFilter",
    "low_shelf": "LowShelfFilter",
    "high_shelf": "HighShelfFilter",
    "peak": "PeakFilter",
    "ladder": "LadderFilter",
    "compressor": "Compressor",
    "gate": "NoiseGate",
    "limiter": "BrickwallLimiter",
    "gain": "Gain",
    "invert": "Invert",
    "pitch_shift": "PitchShift",
}
"""Pedalboard's class of each kind; its parameters have pedalboard's own names."""
MIXES_ITSELF = {"chorus", "phaser", "delay"}
"""Kinds whose `mix` pedalboard does; for the others the sound as it was is added here."""
_QUALITY = {
    "zero_order_hold": "ZeroOrderHold",
    "linear": "Linear",
    "catmull_rom": "CatmullRom",
    "lagrange": "Lagrange",
    "windowed_sinc_8": "WindowedSinc8",
    "windowed_sinc_16": "WindowedSinc16",
    "windowed_sinc_32": "WindowedSinc32",
    "windowed_sinc_64": "WindowedSinc64",
}


def pedal(kind: str, parameters: Mapping[str, float | str], sample_rate: int) -> Any:
    """The plug-in of that kind with these parameters (all of them). Raises EngineError for a file of no use."""
    values: dict[str, Any] = {
        name: value
        for name, value in parameters.items()
        if name != "channels" and (name != "mix" or kind in MIXES_ITSELF)
    }
    match kind:
        case "convolution":
            return _Convolution(impulse(str(values["impulse"]), sample_rate), sample_rate)
        case "resample" | "gsm":
            values["quality"] = getattr(pedalboard.Resample.Quality, _QUALITY[values["quality"]])
        case "ladder":
            values["mode"] = getattr(pedalboard.LadderFilter.Mode, str(values["mode"]).upper())
        case "limiter":
            values["true_peak"] = True
        case "pitch_shift":
            return StreamedShift(values["semitones"])
    if kind == PLUGIN:
        return Plugin(Path(str(values.pop(PATH))), values)
    if kind == IMPULSE_FILE:
        return _own_impulse(Path(str(parameters[PATH])), sample_rate)
    return getattr(pedalboard, CLASSES[kind])(**values)


class _Convolution:
    """With a response of energy 1 a channel: pedalboard brings every response to an energy of 1/8 squared."""

    def __init__(self, response: Any, sample_rate: int) -> None:
        self._plugin = pedalboard.Convolution(response, 1.0, sample_rate)

    def process(self, sound: Any, sample_rate: float, *, reset: bool) -> Any:
        return self._plugin.process(sound, sample_rate, reset=reset) * 8.0


def _own_impulse(path: Path, sample_rate: int) -> Any:
    import numpy as np  # noqa: PLC0415
    from automix_audio.decode import open_audio  # noqa: PLC0415 - few mixes read one
    from automix_audio.errors import AudioError  # noqa: PLC0415

    try:
        with open_audio(path, sample_rate=sample_rate) as reader:
            pieces, frames = [], 0
            for block in reader.blocks():
                pieces.append(block.T[:2])
                frames += block.shape[0]
                if frames > 15 * sample_rate:
                    raise EngineError("IMPULSE_UNUSABLE", f"{printable(path)} is longer than 15 s")
    except (AudioError, OSError) as error:
        why = getattr(error, "message", None) or getattr(error, "strerror", None) or "it cannot be read"
        raise EngineError("IMPULSE_UNUSABLE", f"{printable(path)} is no impulse response: {why}") from None
    sound = np.concatenate(pieces, axis=1) if pieces else np.zeros((1, 0), np.float32)
    energy = float(np.sqrt((sound.astype(np.float64) ** 2).sum(axis=1).mean())) if sound.size else 0.0
    if energy < 1e-6:
        raise EngineError("IMPULSE_UNUSABLE", f"{printable(path)} holds no sound")
    return _Convolution(np.ascontiguousarray(sound), sample_rate)
