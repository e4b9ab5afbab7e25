"""Loudness by ITU-R BS.1770-4, EBU R 128 (momentary, short-term, integrated) and EBU Tech 3342 (range), streaming."""

import math
from array import array
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from automix_audio.biquad import BiquadCascade

ABSOLUTE_GATE_LUFS = -70.0
OFFSET_DB = -0.691
"""BS.1770-4: makes a 997 Hz sine of 0 dBFS in one channel read -3.01."""

_HOPS_PER_SECOND = 100
"""Maxima are looked for every 10 ms: a 100 ms hop fails EBU Tech 3341 case 13."""
_MOMENTARY_HOPS = 40
_SHORT_TERM_HOPS = 300
_GATE_HOPS = 10
"""Gating blocks and short-term values of the range are taken every 100 ms."""


_CHUNK = 1 << 16
"""Frames filtered at a time, so that a long block needs no more memory."""
_OFFSET = 1e-30
"""Added to every sample before the filter. In digital silence its recursion would otherwise stay among denormal
numbers, which take a processor forty times as long (measured); the filter lets no constant through, and what rounding
leaves of this one has a power far under `_SILENCE`."""
_SILENCE = 1e-50
"""Power under that of any sound: 500 dB below full scale."""


def k_weighting(sample_rate: float) -> NDArray[np.float64]:
    """BS.1770-4's K-weighting as two second-order sections, shape (2, 6), for any rate in Hz.

    The standard tabulates 48 kHz; these are the analogue filters behind that table under the bilinear transform.
    """
    k = math.tan(math.pi * 1681.974450955533 / sample_rate)
    q = 0.7071752369554196
    high = 10 ** (3.999843853973347 / 20)
    band = high**0.4996667741545416
    a0 = 1 + k / q + k * k
    shelf = [
        (high + band * k / q + k * k) / a0,
        2 * (k * k - high) / a0,
        (high - band * k / q + k * k) / a0,
        1.0,
        2 * (k * k - 1) / a0,
        (1 - k / q + k * k) / a0,
    ]
    k = math.tan(math.pi * 38.13547087602444 / sample_rate)
    q = 0.5003270373238773
    a0 = 1 + k / q + k * k
    return np.array([shelf, [1.0, -2.0, 1.0, 1.0, 2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0]])


def channel_weights(channels: int, names: Sequence[str] = ()) -> NDArray[np.float64]:
    """BS.1770-4 table 3 and 4: 1.41 for surrounds at the sides, 0 for the LFE, else 1; shape (channels,).

    `names` are FFmpeg's (FL, FR, FC, LFE, SL, ...). Without them 5 channels are L R C Ls Rs, 6 are L R C LFE Ls Rs.
    """
    if len(names) != channels:
        names = {5: ("FL", "FR", "FC", "SL", "SR"), 6: ("FL", "FR", "FC", "LFE", "SL", "SR")}.get(channels, ())
    # The backs of a 5.1 (back) layout are its surrounds; beside sides they stand at 135 degrees and weigh 1.
    surrounds = {"SL", "SR"} if "SL" in names else {"BL", "BR"}
    weights = [1.41 if name in surrounds else 0.0 if name.startswith("LFE") else 1.0 for name in names]
    return np.array(weights if names else [1.0] * channels)


class KWeighting:
    """The K-weighting filter on a stream of `channels` at `sample_rate` Hz."""

    def __init__(self, sample_rate: float, channels: int) -> None:
        self._filter = BiquadCascade(k_weighting(sample_rate), channels)

    def process(self, signal: NDArray[np.float64]) -> None:
        """Filter the next block in place, shape (channels, n), contiguous."""
        signal += _OFFSET
        self._filter.process(signal)


class LoudnessMeter:
    """Feed blocks of any size to `process`, read values at any time. Loudness in LUFS, -inf for silence.

    Values are those of whole 10 ms steps. Memory grows by 160 bytes for each second of sound.
    """

    def __init__(self, sample_rate: int, channels: int, channel_names: Sequence[str] = ()) -> None:
        self._rate = sample_rate
        self._filter = KWeighting(sample_rate, channels)
        self._weights = channel_weights(channels, channel_names)
        self._frames = 0
        self._hops = 0
        self._open_hop = 0.0
        self._recent = np.zeros(0)
        self._momentary_power = 0.0
        self._short_term_power = 0.0
        self._max_momentary_power = 0.0
        self._max_short_term_power = 0.0
        self._gating_blocks = array("d")
        self._range_blocks = array("d")

    @property
    def momentary(self) -> float:
        """Loudness of the last 400 ms; -inf before there are as many."""
        return _lufs(self._momentary_power)

    @property
    def short_term(self) -> float:
        """Loudness of the last 3 s; -inf before there are as many."""
        return _lufs(self._short_term_power)

    @property
    def max_momentary(self) -> float:
        """The highest momentary loudness so far."""
        return _lufs(self._max_momentary_power)

    @property
    def max_short_term(self) -> float:
        """The highest short-term loudness so far."""
        return _lufs(self._max_short_term_power)

    @property
    def integrated(self) -> float:
        """Loudness of the whole with the absolute gate at -70 LUFS and the relative one 10 LU below (BS.1770-4)."""
        return integrated_loudness(np.frombuffer(self._gating_blocks))

    @property
    def loudness_range(self) -> float:
        """Loudness range in LU (Tech 3342): from the 10th to the 95th percentile of gated short-term loudness."""
        return _loudness_range(np.frombuffer(self._range_blocks))

    def process(self, block: NDArray[np.float32]) -> None:
        """Measure the next block, shape (n, channels), n >= 0."""
        for start in range(0, len(block), _CHUNK):
            signal = block[start : start + _CHUNK].T.astype(np.float64, order="C")
            self._filter.process(signal)
            np.square(signal, out=signal)
            self._take(signal)

    def _take(self, power: NDArray[np.float64]) -> None:
        """Sum the power of each frame, shape (channels, n), into hops."""
        start, end = self._frames, self._frames + power.shape[1]
        last = end * _HOPS_PER_SECOND // self._rate
        ends = self._frame_of(np.arange(self._hops + 1, last + 1)) - start
        segments = np.concatenate(([0], ends[ends < power.shape[1]]))
        energies = self._weights @ np.add.reduceat(power, segments, axis=1)
        energies[0] += self._open_hop
        self._frames = end
        self._open_hop = 0.0
        if len(energies) > len(ends):
            self._open_hop = float(energies[-1])
            energies = energies[:-1]
        if len(energies):
            self._take_hops(energies)

    def _frame_of(self, hops: NDArray[np.int64]) -> NDArray[np.int64]:
        """The frame at which each hop begins: a hop ends with the first frame at or after its 10 ms."""
        return -(-hops * self._rate // _HOPS_PER_SECOND)

    def _take_hops(self, energies: NDArray[np.float64]) -> None:
        """Windows over the hops of at most the last 3 s and the new ones."""
        first = self._hops - len(self._recent)
        self._hops += len(energies)
        known = np.concatenate((self._recent, energies))
        sums = np.concatenate(([0.0], np.cumsum(known)))
        hops_until = np.arange(first, self._hops + 1)
        bounds = self._frame_of(hops_until)
        on_grid = hops_until % _GATE_HOPS == 0
        new = len(self._recent)
        for hops in (_MOMENTARY_HOPS, _SHORT_TERM_HOPS):
            start = max(new + 1 - hops, 0)
            if len(sums) <= start + hops:
                continue
            power = (sums[start + hops :] - sums[start:-hops]) / (bounds[start + hops :] - bounds[start:-hops])
            power = np.maximum(power, 0.0)
            gated = power[on_grid[start + hops :]]
            if hops == _MOMENTARY_HOPS:
                self._momentary_power = float(power[-1])
                self._max_momentary_power = max(self._max_momentary_power, float(power.max()))
                self._gating_blocks.frombytes(gated.tobytes())
            else:
                self._short_term_power = float(power[-1])
                self._max_short_term_power = max(self._max_short_term_power, float(power.max()))
                self._range_blocks.frombytes(gated.tobytes())
        self._recent = known[-(_SHORT_TERM_HOPS - 1) :]


def integrated_loudness(powers: NDArray[np.float64]) -> float:
    """Gated loudness in LUFS of 400 ms blocks of the given K-weighted mean squares; -inf if none passes (BS.1770-4)."""
    loud = powers[powers > _power(ABSOLUTE_GATE_LUFS)]
    if not len(loud):
        return -math.inf
    return _lufs(float(loud[loud > loud.mean() * 10 ** (-10 / 10)].mean()))


def _loudness_range(powers: NDArray[np.float64]) -> float:
    loud = powers[powers > _power(ABSOLUTE_GATE_LUFS)]
    if not len(loud):
        return 0.0
    levels = np.sort(loud[loud > loud.mean() * 10 ** (-20 / 10)])
    low, high = (levels[round((len(levels) - 1) * share)] for share in (0.10, 0.95))
    return float(10 * math.log10(high / low))


def _power(lufs: float) -> float:
    return float(10 ** ((lufs - OFFSET_DB) / 10))


def _lufs(power: float) -> float:
    return OFFSET_DB + 10 * math.log10(power) if power > _SILENCE else -math.inf
