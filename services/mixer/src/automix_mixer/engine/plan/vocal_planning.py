"""Decides the chain of one vocal from its profile."""

from __future__ import annotations

import numpy as np

from automix_mixer.engine.dsp.bands import BAND_HZ, Bands, band_powers, gain_at, k_weight_db, smooth_bands, to_db
from automix_mixer.engine.dsp.quantiles import median
from automix_mixer.engine.dsp.running import running_maximum
from automix_mixer.engine.measure.activity import active_steps
from automix_mixer.engine.measure.envelope import STEPS_HZ, stands_out_db
from automix_mixer.engine.measure.fades import gain_db_at
from automix_mixer.engine.measure.loudness import lufs
from automix_mixer.engine.measure.phrases import find_phrases, ride_gains
from automix_mixer.engine.measure.profile import BOTH_SIDES_DB, Profile
from automix_mixer.engine.measure.reverberance import own_space
from automix_mixer.engine.plan.decision import Decision
from automix_mixer.engine.plan.mixplan import TRIMMED_LUFS, Cut, VocalPlan
from automix_mixer.engine.settings import Settings
from automix_mixer.engine.sound.curve_file import MOST_LEVELS

# Byrne et al. 1994 (JASA 96), long-term average speech spectrum, women and men, third octaves 63 Hz to 16 kHz, dB,
# and below and above it the slope of its ends. Singing close to a microphone differs less from it than voices from
# each other.
_SPEECH_DB = np.concatenate(
    [
        [20.0, 26.0, 32.0, 37.0, 38.6, 43.5, 54.4, 57.7, 56.8, 60.2],
        [60.3, 59.0, 62.1, 62.1, 60.5, 56.8, 53.7, 53.0, 52.0, 48.7],
        [48.1, 46.8, 45.6, 44.5, 44.3, 43.7, 43.4, 41.3, 40.7, 38.0],
    ]
)
_PRESENCE_DB = 1.5 * np.exp(-(np.log2(BAND_HZ / 3_000.0) ** 2) / (2 * 0.7**2))
"""Vocal chains in research lift 2-3 kHz by 1 to 1.5 dB."""

_TONE_HZ = (120.0, 12_000.0)
_TONE_SHARE = 0.5
"""Half of the difference is corrected: the voices of the test recordings then move by at most 4.4 dB in any third
octave and keep their character."""
_TONE_BOUNDS_DB = (-5.0, 3.0)
"""The deepest shelf of vocal chains in research is -5 dB, and they lift less than they cut."""
_STANDS_OUT_DB, _RINGS_DB = 10.0, 3.0
"""Over the surroundings: of the long-term spectrum, in which notes stand out too, and of the envelope, which knows none
and resolves less, together; and of the envelope alone. Rings of 10 dB and more put into voices reach 11 and 3.4; notes
that are sung half of the time reach 16 and 1, the formants of one vowel 9 and 4."""
_MOST_CUTS = 4
"""More cuts would be a tone correction, which is a stage of its own."""
_COMPRESSOR_RATIO, _OVER_THRESHOLD_DB = 2.5, 4.0
_SIBILANTS_DB = -13.0
"""Energy of 5 to 9 kHz in sibilants against the voice's loudness. Fletcher (Speech and Hearing, 1953) gives s and z 14
dB, sh 7 dB less power than the mean vowel; harsh recordings reach -8 dB."""
_MOST_DEESS_DB = 8.0
"""A deeper reduction sounds like a lisp."""
_RIDE_STRENGTH = 0.75
"""Three quarters of the way: the spread of phrases falls to a quarter (measured on the test lead: 0.85 to 0.25 LU), and
a chorus still rises."""
_RIDE_LIMIT_DB = 8.0
"""Phrases that differ by more than 11 dB differ on purpose."""
_GUESSED_DB = 6.0
"""Where a fade takes this much and more, how loud a phrase was sung is a guess, and it is not ridden."""

_ALL_WET = 0.9

# Taste, with one measurement to hold on to: in the test multitrack the backing vocal lies 2.6 LU under the lead, before
# any mixing. Behind by another 3 dB, doubles (which are heard as thickness, not as a voice) by twice that.
_LEVELS_DB = {"lead": 0.0, "double": -9.0, "backing": -6.0}
_WIDTHS = {"lead": 0.6, "double": 0.8, "backing": 1.0}


def plan_vocal(index: int, profile: Profile, part: Decision[str], settings: Settings) -> VocalPlan:
    """Every decision for one vocal."""
    channels = _channels(profile, part.value)
    both = BOTH_SIDES_DB if channels.value in {"mono", "left", "right"} and not profile.identical_channels else 0.0
    loudness = profile.integrated_lufs + both
    trim = TRIMMED_LUFS - loudness
    bands = to_db(band_powers(profile.sounding.mid + profile.sounding.side, profile.sample_rate))
    highpass = _highpass(bands)
    tone = _tone(bands)
    deess_threshold, deess_range = _deess(profile, tone.value, _COMPRESSOR_RATIO, settings.deess_amount)
    return VocalPlan(
        track=index,
        name=profile.track.label,
        part=part,
        channels=channels,
        trim_db=Decision(trim, "dB", f"brings the voice from {loudness:.1f} to {TRIMMED_LUFS:g} LUFS"),
        highpass_hz=highpass,
        tone_db=tone,
        cuts=_resonances(profile),
        expander_threshold_lufs=_expander_threshold(profile, trim + both),
        expander_range_db=Decision(12.0, "dB", "lowers noise between phrases; softer than a gate, which would chop"),
        ride_db=_ride(profile),
        deess_threshold_db=deess_threshold,
        deess_range_db=deess_range,
        compressor_threshold_lufs=Decision(
            TRIMMED_LUFS - _OVER_THRESHOLD_DB, "LUFS", f"{_OVER_THRESHOLD_DB:g} dB below the loudness of the voice"
        ),
        compressor_ratio=Decision(_COMPRESSOR_RATIO, ":1", "firm: vocal chains in research use 1 to 2.5"),
        compressor_attack_ms=Decision(10.0, "ms", "lets consonants through; research uses 10 to 50 ms"),
        compressor_release_ms=Decision(120.0, "ms", "for short peaks; four times as long after sustained ones"),
        level_db=Decision(
            _LEVELS_DB[part.value],
            "dB",
            "relative to the lead" if part.value != "lead" else "the other voices are set relative to the lead",
        ),
        width=Decision(_WIDTHS[part.value], "", _width_reason(part.value, channels.value)),
        send_db=_send(profile, settings),
        fade_db=Decision(
            profile.fade, "s, dB", "fades of the recording are kept" if profile.fade else "the recording has no fades"
        ),
    )


def _channels(profile: Profile, part: str) -> Decision[str]:
    if profile.channels == 1:
        return Decision("mono", "", "recorded in mono")
    left, right = profile.channel_energy
    # A channel 40 dB under the other is a dead cable or its noise.
    if right < left * 1e-4:
        return Decision("left", "", "the right channel is dead, so the left one is used alone")
    if left < right * 1e-4:
        return Decision("right", "", "the left channel is dead, so the right one is used alone")
    if profile.identical_channels:
        return Decision("left", "", "both channels are the same, so one is used")
    mid, side = float(profile.whole.mid.sum()), float(profile.whole.side.sum())
    if part == "lead" and side < 0.01 * mid:
        return Decision(
            "mid",
            "",
            f"its side is {to_db(mid / max(side, 1e-20)):.0f} dB below its mid: room sound, so the mid is used alone",
        )
    return Decision("stereo", "", "recorded in stereo")


def _highpass(bands: Bands) -> Decision[float]:
    weighted = bands + k_weight_db(BAND_HZ)
    voice = np.flatnonzero((weighted > weighted[6:20].max() - 22.0) & (BAND_HZ > 70.0))
    lowest = float(BAND_HZ[voice[0]]) if voice.size else 100.0
    cutoff = float(np.clip(0.7 * lowest, 60.0, 160.0))
    return Decision(
        cutoff, "Hz", f"the voice begins at {lowest:.0f} Hz; rumble below it is removed at 24 dB per octave"
    )


def _tone(bands: Bands) -> Decision[list[float]]:
    inside = (_TONE_HZ[0] <= BAND_HZ) & (_TONE_HZ[1] >= BAND_HZ)
    target = _SPEECH_DB + _PRESENCE_DB
    difference = target - bands
    weights = inside * 10 ** ((k_weight_db(BAND_HZ) + _SPEECH_DB) / 20)
    # Bands in which the recording holds nothing (a low-pass, a telephone) are not raised.
    present = bands > bands.max() - 50.0
    difference -= float((difference * weights * present).sum() / max(float((weights * present).sum()), 1e-12))
    move = _TONE_SHARE * smooth_bands(np.where(inside & present, difference, 0.0), 3)
    move = np.clip(move, *_TONE_BOUNDS_DB) * present
    return Decision(
        [float(v) for v in move], "dB per third octave", "half way to the tone of an average voice, within limits"
    )


def _resonances(profile: Profile) -> list[Cut]:
    """Cuts where both the long-term spectrum and the envelope stand out; a note that is often sung stands out only in
    the former."""
    power = profile.sounding.mid + profile.sounding.side
    step = profile.sample_rate / (2 * (power.size - 1))
    total = np.concatenate([[0.0], np.cumsum(power)])
    half = 2 ** (1 / 24)
    index = np.arange(total.size)
    low, high = (np.interp(hz / step, index, total) for hz in (STEPS_HZ / half, STEPS_HZ * half))
    rings = running_maximum(profile.envelope_excess_db, 3)
    excess = stands_out_db(to_db(high - low)) + rings
    stands = (excess > _STANDS_OUT_DB) & (rings > _RINGS_DB) & (profile.sample_rate * 0.4 > STEPS_HZ)
    cuts: list[Cut] = []
    for i in np.argsort(-excess, kind="stable"):
        hz = float(STEPS_HZ[i])
        if not stands[i] or len(cuts) == _MOST_CUTS or any(abs(np.log2(hz / c.freq_hz)) < 0.4 for c in cuts):
            continue
        gain = -float(min(4.0, excess[i] / 3.0))
        cuts.append(
            Cut(hz, gain, 5.0, f"a resonance {excess[i] / 2:.1f} dB above its surroundings, whatever note is sung")
        )
    return sorted(cuts, key=lambda c: c.freq_hz)


def _expander_threshold(profile: Profile, trim_db: float) -> Decision[float]:
    active = active_steps(profile.unfaded, profile.integrated_lufs, profile.step, profile.sample_rate)
    every = -(-profile.k_steps.size // MOST_LEVELS)
    soft = (k[~active[start : start + k.size]] for start, k in profile.k_steps.pieces())
    pauses = np.concatenate([k[k > 0][::every] for k in soft])
    floor = lufs(float(median(pauses)) / profile.step) + trim_db if pauses.size else -120.0
    threshold = float(np.clip(floor + 8.0, -90.0, TRIMMED_LUFS - 20.0))
    return Decision(
        threshold, "LUFS", f"8 dB above the {floor:.0f} LUFS between phrases, and at least 20 dB below the voice"
    )


def _ride(profile: Profile) -> Decision[list[list[float]]]:
    phrases = find_phrases(profile.unfaded, profile.integrated_lufs, profile.step, profile.sample_rate)
    gains = ride_gains(phrases, _RIDE_STRENGTH, _RIDE_LIMIT_DB)
    seconds = profile.step / profile.sample_rate
    rides = [
        [p.start * seconds, p.end * seconds, g * _unfaded_share(profile, p.start * seconds, p.end * seconds)]
        for p, g in zip(phrases, gains, strict=True)
    ]
    return Decision(
        rides, "s, s, dB", f"{len(rides)} phrases, each moved three quarters of the way to their median loudness"
    )


def _unfaded_share(profile: Profile, start: float, end: float) -> float:
    """How far a phrase is ridden: 1 where no fade touches it, 0 where one takes `_GUESSED_DB` and more from it."""
    fade = gain_db_at(profile.fade, np.linspace(start, end, 16))
    return float(np.clip(1.0 + fade.mean() / _GUESSED_DB, 0.0, 1.0))


def _deess(profile: Profile, tone: list[float], compressor_ratio: float, amount: float) -> tuple[Decision[float], ...]:
    """Threshold and range of the de-esser: the mean sibilant is brought to a level against the voice, and one that has
    it already stays."""
    lift = float(gain_at(np.array([7_000.0]), np.array(tone))[0])
    # The compressor takes from vowels, and sibilants stand out by as much more.
    squeezed = (1.0 - 1.0 / compressor_ratio) * _OVER_THRESHOLD_DB
    ratio = profile.sibilance.level_db - profile.integrated_lufs + lift + squeezed
    need = float(np.clip(ratio - _SIBILANTS_DB, 0.0, _MOST_DEESS_DB))
    if profile.sibilance.share == 0.0:
        said = "off: no sibilants were found"
    elif need == 0.0:
        said = f"off: sibilants are at {ratio:+.1f} dB relative to the voice; {_SIBILANTS_DB:g} dB is usual"
    else:
        said = f"without it sibilants are at {ratio:+.1f} dB relative to the voice; {_SIBILANTS_DB:g} dB is usual"
    # The de-esser takes four fifths of what lies over its threshold.
    threshold = TRIMMED_LUFS - squeezed + ratio - need / 0.8
    most = min(1.5 * need, _MOST_DEESS_DB) * amount
    return (
        Decision(max(threshold, -60.0), "dB", f"set so that the average sibilant is lowered by {need:.1f} dB"),
        Decision(most if profile.sibilance.share else 0.0, "dB", said),
    )


def _send(profile: Profile, settings: Settings) -> Decision[float]:
    if settings.reverb_amount != 1.0:
        return Decision(0.0, "dB", "the settings say how much reverb there is")
    own = own_space(profile.steps, profile.step, profile.sample_rate)
    if own == 0.0:
        return Decision(0.0, "dB", "the recording is dry, so it gets the full reverb")
    if own > _ALL_WET:
        return Decision(-120.0, "dB", "off: the recording has reverb of its own")
    return Decision(20.0 * float(np.log10(1.0 - own)), "dB", "reduced: the recording has some reverb of its own")


def _width_reason(part: str, channels: str) -> str:
    if part == "lead":
        return "part of the stereo side that is kept: a lead belongs in the middle"
    return (
        "part of the stereo side that is kept"
        if channels == "stereo"
        else "width made by decorrelation, around and behind the lead"
    )
