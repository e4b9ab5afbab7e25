"""What all instruments of the demo song share: envelopes, noise bands, saws, filters that move."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, lfilter, sosfilt

from automix_mixer.demo.score import SAMPLE_RATE

Signal = NDArray[np.float64]

# Filters move in steps of this many samples, 5.8 ms: too short to be heard as steps.
BLOCK = 256


def decay(length: int, seconds: float) -> Signal:
    """1 falling exponentially to 1/e after `seconds`; shape (length,)."""
    return np.exp(-np.arange(length) / (seconds * SAMPLE_RATE))


def fade(signal: Signal, attack_s: float, release_s: float) -> Signal:
    """The signal with a raised-cosine beginning and end."""
    shaped = signal.copy()
    for seconds, part in ((attack_s, slice(None)), (release_s, slice(None, None, -1))):
        count = min(int(seconds * SAMPLE_RATE), len(shaped))
        shaped[part][:count] *= 0.5 - 0.5 * np.cos(np.pi * np.arange(count) / max(count, 1))
    return shaped


def smooth(steps: Signal, seconds: float, rate: float = SAMPLE_RATE) -> Signal:
    """Steps rounded by a one-pole low-pass with the given time constant, at rest at the first value."""
    pole = np.exp(-1.0 / (seconds * rate))
    smoothed, _ = lfilter([1.0 - pole], [1.0, -pole], steps, zi=[pole * steps[0]])
    return np.asarray(smoothed)


def band(noise: Signal, low_hz: float, high_hz: float, order: int = 2) -> Signal:
    """The part of a signal between two frequencies, Butterworth."""
    sos = butter(order, (low_hz, high_hz), "bandpass", fs=SAMPLE_RATE, output="sos")
    return np.asarray(sosfilt(sos, noise))


def saw(hz: Signal, phase: float = 0.0) -> Signal:
    """A sawtooth between -1 and 1 whose step is rounded by a two-sample polynomial (PolyBLEP), so that it hardly
    aliases; `hz` is its frequency at each sample."""
    step = hz / SAMPLE_RATE
    turn = (phase + np.cumsum(step)) % 1.0
    wave = 2.0 * turn - 1.0
    start = turn < step
    near = turn[start] / step[start]
    wave[start] -= 2.0 * near - near**2 - 1.0
    end = turn > 1.0 - step
    near = (turn[end] - 1.0) / step[end]
    wave[end] -= near**2 + 2.0 * near + 1.0
    return wave


def resonator(signal: Signal, hz: Signal | float, width_hz: float) -> Signal:
    """Klatt's two-pole resonator, gain 1 at 0 Hz, at a frequency that stays or moves from block to block.

    `hz` holds one frequency, or one for each block. The state is kept as past output, so that moving does not click.
    Source: D. H. Klatt, Software for a cascade/parallel formant synthesizer, JASA 67 (1980).
    """
    if isinstance(hz, float):
        b_fixed, c_fixed = _poles(hz, width_hz)
        return np.asarray(lfilter([1.0 - b_fixed - c_fixed], [1.0, -b_fixed, -c_fixed], signal))
    out = np.empty_like(signal)
    last, before = 0.0, 0.0
    for number, start in enumerate(range(0, len(signal), BLOCK)):
        b_now, c = _poles(float(hz[number]), width_hz)
        state = [b_now * last + c * before, c * last]
        piece, _ = lfilter([1.0 - b_now - c], [1.0, -b_now, -c], signal[start : start + BLOCK], zi=state)
        out[start : start + len(piece)] = piece
        last, before = float(piece[-1]), float(piece[-2]) if len(piece) > 1 else last
    return out


def _poles(hz: float, width_hz: float) -> tuple[float, float]:
    """Klatt's B and C."""
    radius = math.exp(-math.pi * width_hz / SAMPLE_RATE)
    return 2.0 * radius * math.cos(2.0 * math.pi * hz / SAMPLE_RATE), -(radius**2)


def low_pass(signal: Signal, hz: Signal, q: float) -> Signal:
    """A two-pole low-pass at a frequency that moves from block to block (`hz`, one for each); `q` is its resonance."""
    centre = np.minimum(hz, 0.4 * SAMPLE_RATE)
    return resonator(signal, centre, float(np.mean(centre)) / q)


def pan(signal: Signal, position: float) -> Signal:
    """A mono signal placed between -1 (left) and 1 (right) at equal power; shape (samples, 2)."""
    angle = (position + 1.0) * np.pi / 4.0
    return np.stack((signal * np.cos(angle), signal * np.sin(angle)), axis=1)


def add(mix: Signal, sound: Signal, start: int, gain: float = 1.0) -> None:
    """Adds a sound to a track from a sample on; what lies outside the track is dropped."""
    first = max(start, 0)
    last = min(start + len(sound), len(mix))
    if last > first:
        mix[first:last] += gain * sound[first - start : last - start]
