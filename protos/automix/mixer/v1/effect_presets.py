"""Effects that people ask for by a name, as plain data: what each is made of, in the words of `settings.EFFECTS`.

A parameter that is not named here has its default. Every preset leaves the loudness of a voice about as it was, so
that it can be put on any strip.
"""

from typing import NamedTuple


class Step(NamedTuple):
    """One effect of a preset: its kind, and the parameters that are not at their defaults."""

    kind: str
    parameters: dict[str, float | str]


class Preset(NamedTuple):
    """Several effects under a name, in their order."""

    name: str
    text: str
    steps: tuple[Step, ...]


def _twice(kind: str, times: int, **parameters: float | str) -> tuple[Step, ...]:
    """A filter of 6 dB per octave, several times: as many times as steep."""
    return (Step(kind, parameters),) * times


EFFECT_PRESETS: tuple[Preset, ...] = (
    Preset(
        "telephone",
        "A voice through a telephone line: 300 to 3400 Hz, and a bent waveform.",
        (
            *_twice("highpass", 3, cutoff_frequency_hz=300.0),
            *_twice("lowpass", 3, cutoff_frequency_hz=3400.0),
            Step("distortion", {"drive_db": 9.0}),
            Step("peak", {"cutoff_frequency_hz": 1800.0, "gain_db": 4.0, "q": 1.0}),
            Step("gain", {"gain_db": -3.0}),
        ),
    ),
    Preset(
        "mobile",
        "A mobile telephone: the codec itself.",
        (Step("highpass", {"cutoff_frequency_hz": 200.0}), Step("gsm", {})),
    ),
    Preset(
        "megaphone",
        "Shouted through a horn: 500 to 4000 Hz, hard.",
        (
            *_twice("highpass", 3, cutoff_frequency_hz=500.0),
            *_twice("lowpass", 2, cutoff_frequency_hz=4000.0),
            Step("peak", {"cutoff_frequency_hz": 1500.0, "gain_db": 8.0, "q": 1.4}),
            Step("distortion", {"drive_db": 22.0}),
            Step("gain", {"gain_db": -13.0}),
        ),
    ),
    Preset(
        "radio",
        "An old wireless: a small speaker, squeezed.",
        (
            Step("compressor", {"threshold_db": -28.0, "ratio": 6.0, "attack_ms": 3.0, "release_ms": 80.0}),
            Step("convolution", {"impulse": "small_speaker", "mix": 1.0}),
            Step("distortion", {"drive_db": 8.0, "mix": 0.5}),
            Step("gain", {"gain_db": 2.0}),
        ),
    ),
    Preset(
        "lo_fi",
        "An early sampler: 12 kHz, ten bits, soft highs.",
        (
            Step("resample", {"target_sample_rate": 12000.0, "quality": "linear"}),
            Step("bitcrush", {"bit_depth": 10.0}),
            *_twice("lowpass", 2, cutoff_frequency_hz=5000.0),
            Step("compressor", {"threshold_db": -24.0, "ratio": 3.0}),
            Step("gain", {"gain_db": 2.0}),
        ),
    ),
    Preset(
        "vinyl",
        "A worn record: narrow lows, soft highs, a slow wow.",
        (
            Step("highpass", {"cutoff_frequency_hz": 60.0, "channels": "mid"}),
            *_twice("highpass", 3, cutoff_frequency_hz=250.0, channels="side"),
            *_twice("lowpass", 2, cutoff_frequency_hz=9000.0),
            Step("chorus", {"rate_hz": 0.55, "depth": 0.06, "centre_delay_ms": 6.0, "mix": 1.0}),
            Step("distortion", {"drive_db": 6.0, "mix": 0.3}),
        ),
    ),
    Preset(
        "warm_tape",
        "A tape machine: rounded peaks, a little more bass, a little less air.",
        (
            Step("low_shelf", {"cutoff_frequency_hz": 110.0, "gain_db": 1.5}),
            Step("distortion", {"drive_db": 6.0, "mix": 0.6}),
            Step("high_shelf", {"cutoff_frequency_hz": 9000.0, "gain_db": -2.0}),
            Step("gain", {"gain_db": -3.0}),
        ),
    ),
    Preset(
        "slap_echo",
        "One short echo, as on the records of the fifties.",
        (Step("delay", {"delay_seconds": 0.11, "feedback": 0.08, "mix": 0.25}), Step("gain", {"gain_db": 2.0})),
    ),
    Preset(
        "doubler",
        "Sung twice more, left a little flat and right a little sharp.",
        (
            Step("pitch_shift", {"semitones": -0.09, "mix": 0.4, "channels": "left"}),
            Step("delay", {"delay_seconds": 0.011, "mix": 0.35, "channels": "left"}),
            Step("pitch_shift", {"semitones": 0.09, "mix": 0.4, "channels": "right"}),
            Step("delay", {"delay_seconds": 0.017, "mix": 0.35, "channels": "right"}),
            Step("gain", {"gain_db": 4.5}),
        ),
    ),
    Preset(
        "wide_chorus",
        "A chorus that sways otherwise on each side.",
        (
            Step("chorus", {"rate_hz": 0.8, "depth": 0.3, "centre_delay_ms": 9.0, "mix": 0.45, "channels": "left"}),
            Step("chorus", {"rate_hz": 1.1, "depth": 0.3, "centre_delay_ms": 13.0, "mix": 0.45, "channels": "right"}),
        ),
    ),
    Preset(
        "stadium",
        "From the stage of a stadium: a late echo and a large room.",
        (
            Step("delay", {"delay_seconds": 0.19, "feedback": 0.3, "mix": 0.2}),
            Step("reverb", {"room_size": 0.9, "damping": 0.35, "wet_level": 0.28, "dry_level": 0.5}),
        ),
    ),
    Preset(
        "hall",
        "A concert hall behind the sound.",
        (Step("highpass", {"cutoff_frequency_hz": 80.0}), Step("convolution", {"impulse": "hall", "mix": 0.3})),
    ),
    Preset(
        "underwater",
        "Heard from under water: no highs, and everything sways.",
        (
            *_twice("lowpass", 4, cutoff_frequency_hz=700.0),
            Step("chorus", {"rate_hz": 0.4, "depth": 0.5, "centre_delay_ms": 20.0, "mix": 0.6}),
            Step("reverb", {"room_size": 0.6, "damping": 0.9, "wet_level": 0.3, "dry_level": 0.5}),
            Step("gain", {"gain_db": 8.0}),
        ),
    ),
    Preset(
        "dream",
        "Far away and shimmering: an octave above it in a large room.",
        (
            Step("chorus", {"rate_hz": 0.6, "depth": 0.35, "centre_delay_ms": 12.0, "mix": 0.4}),
            Step("pitch_shift", {"semitones": 12.0, "mix": 0.15}),
            Step("delay", {"delay_seconds": 0.38, "feedback": 0.4, "mix": 0.25}),
            Step("reverb", {"room_size": 0.85, "damping": 0.3, "wet_level": 0.35, "dry_level": 0.45}),
        ),
    ),
    Preset(
        "robot",
        "A comb of short repeats: metal instead of a throat.",
        (
            Step("delay", {"delay_seconds": 0.01, "feedback": 0.8, "mix": 0.6}),
            Step("bitcrush", {"bit_depth": 8.0}),
            Step("gain", {"gain_db": -4.0}),
        ),
    ),
)
