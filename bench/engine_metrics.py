"""Independent measures of a finished mix, on arrays of shape (n, 2) at 44.1 kHz. Nothing here is the engine's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from scipy import signal

RATE = 44_100
Sound = npt.NDArray[np.float64]


def ffmpeg_meter(path: Path) -> tuple[float, float]:
    """Integrated loudness (LUFS) and true peak (dBTP) by FFmpeg's ebur128."""
    read = _ebur128(path)
    return read["I"], 20 * float(np.log10(max(read["true_peak"], 1e-9)))


def loudness_range_lu(path: Path) -> float:
    """Loudness range by FFmpeg's ebur128."""
    return _ebur128(path)["LRA"]


def _ebur128(path: Path) -> dict[str, float]:
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        graph = av.filter.Graph()
        source = graph.add_abuffer(template=stream)
        meter = graph.add("ebur128", "peak=true:metadata=1:framelog=quiet")
        sink = graph.add("abuffersink")
        source.link_to(meter)
        meter.link_to(sink)
        graph.configure()
        read: dict[str, str] = {}
        for frame in container.decode(stream):
            graph.push(frame)
            while True:
                try:
                    read = dict(graph.pull().metadata)
                except (BlockingIOError, av.error.EOFError):
                    break
    return {name: float(read[f"lavfi.r128.{name}"]) for name in ("I", "LRA", "true_peak")}


def k_weighted(sound: Sound) -> Sound:
    """BS.1770's K-weighting at 44.1 kHz."""
    k = np.tan(np.pi * 1681.974450955533 / RATE)
    q, gain = 0.7071752369554196, 3.999843853973347
    high = 10 ** (gain / 20)
    band = high**0.4996667741545416
    a0 = 1 + k / q + k * k
    b = np.array([high + band * k / q + k * k, 2 * (k * k - high), high - band * k / q + k * k]) / a0
    a = np.array([1, 2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0])
    shelved = signal.lfilter(b, a, sound, axis=0)
    k = np.tan(np.pi * 38.13547087602444 / RATE)
    q = 0.5003270373238773
    a0 = 1 + k / q + k * k
    a = np.array([1, 2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0])
    return np.asarray(signal.lfilter([1, -2, 1], a, shelved, axis=0))


def third_octave_db(sound: Sound, *, side: bool = False) -> Sound:
    """Mean power per third octave of mid (or side), 25 Hz to 16 kHz, at unit loudness of the whole, dB."""
    y = (sound[:, 0] - sound[:, 1]) / 2 if side else sound.mean(axis=1)
    hz, power = signal.welch(y, RATE, nperseg=16_384)
    centres = 1000 * 2.0 ** (np.arange(-16, 13) / 3)
    bands = [power[(hz >= c / 2 ** (1 / 6)) & (hz < c * 2 ** (1 / 6))].sum() for c in centres]
    loudness = (k_weighted(sound) ** 2).sum(axis=1).mean()
    return np.asarray(10 * np.log10(np.array(bands) + 1e-14) - 10 * np.log10(loudness + 1e-14))


def spectral_distance_db(a: Sound, b: Sound) -> float:
    """Mean absolute difference of third-octave spectra at equal loudness."""
    return float(np.abs(third_octave_db(a) - third_octave_db(b)).mean())


def features(sound: Sound) -> dict[str, Any]:
    """Diff-MST's audio features (Vanka et al. 2024): RMS, crest factor, width, imbalance, Bark spectra."""
    rms = np.sqrt((sound**2).mean(axis=0))
    crest = 20 * np.log10(np.abs(sound).max(axis=0) / (rms + 1e-12) + 1e-12)
    left, right = sound.T
    width = ((left - right) ** 2).mean() / (((left + right) ** 2).mean() + 1e-12)
    energy_left, energy_right = (left**2).mean(), (right**2).mean()
    imbalance = (energy_right - energy_left) / (energy_right + energy_left + 1e-12)
    barks = []
    for y in ((left + right) / 2, (left - right) / 2):
        hz, _, spectrum = signal.stft(y, RATE, nperseg=32_768, noverlap=24_576)
        magnitude = np.abs(spectrum).mean(axis=1)
        bark = np.floor(26.81 * hz / (1960 + hz) - 0.53).astype(int)
        barks.append([magnitude[(bark == k) & (hz >= 20)].sum() for k in range(24)])
    return {"rms": rms, "crest": crest, "width": width, "imbalance": imbalance, "bark": np.log(np.array(barks) + 1e-8)}


def feature_distance(a: Sound, b: Sound) -> dict[str, float]:
    """Mean squared differences of the features, and their sum with Diff-MST's weights."""
    x, y = features(a), features(b)
    out = {name: float(np.mean((np.asarray(x[name]) - np.asarray(y[name])) ** 2)) for name in x}
    weights = {"rms": 0.1, "crest": 0.001, "width": 1.0, "imbalance": 1.0, "bark": 0.1}
    out["total"] = sum(weights[name] * out[name] for name in weights)
    return out


def lar_db(mix: Sound, vocals: Sound, backing: Sound, nfft: int = 4096) -> float:
    """Lead-to-accompaniment ratio of a finished mix: what of it each stem explains (least squares per bin in 6 s)."""
    n = min(len(mix), len(vocals), len(backing))
    y, v, b = (signal.stft(k_weighted(x[:n]).T, RATE, nperseg=nfft)[2] for x in (mix, vocals, backing))
    active = (np.abs(v) ** 2).sum(axis=(0, 1))
    active = active > active.max() * 1e-3
    voice = behind = 0.0
    segment = int(6 * RATE / (nfft / 2))
    for start in range(0, y.shape[2], segment):
        part = slice(start, start + segment)
        if active[part].sum() < 20:
            continue
        ys, vs, bs = (z[:, :, part][:, :, active[part]] for z in (y, v, b))
        vv, bb = (np.abs(vs) ** 2).sum(axis=(0, 2)), (np.abs(bs) ** 2).sum(axis=(0, 2))
        vb, yv, yb = ((p.conj() * q).sum(axis=(0, 2)) for p, q in ((vs, bs), (vs, ys), (bs, ys)))
        det = vv * bb - np.abs(vb) ** 2
        fine = det > 1e-3 * vv * bb
        safe = np.where(fine, det, 1.0)
        gain_v = np.where(fine, (bb * yv - vb * yb) / safe, 0)
        gain_b = np.where(fine, (vv * yb - vb.conj() * yv) / safe, 0)
        voice += float((np.abs(gain_v) ** 2 * vv).sum())
        behind += float((np.abs(gain_b) ** 2 * bb).sum())
    return float(10 * np.log10((voice + 1e-20) / (behind + 1e-20)))


def audibility(stems: dict[str, Sound], frame: int = 4_096) -> dict[str, float]:
    """Of every stem, the share of its K-weighted energy that lies at most 6 dB under all others, by cells.

    A cell is a third octave, 31 Hz to 16 kHz, in a frame.
    """
    centres = 1000 * 2.0 ** (np.arange(-15, 13) / 3)
    cells = {}
    for name, sound in stems.items():
        hz, _, spectrum = signal.stft(k_weighted(sound).T, RATE, nperseg=frame, noverlap=0, boundary=None)
        power = (np.abs(spectrum) ** 2).sum(axis=0)
        cells[name] = np.array([power[(hz >= c / 2 ** (1 / 6)) & (hz < c * 2 ** (1 / 6))].sum(axis=0) for c in centres])
    total = sum(cells.values())
    return {n: float(c[c >= (total - c) * 10**-0.6].sum() / max(c.sum(), 1e-20)) for n, c in cells.items()}


def width_db(sound: Sound) -> float:
    """K-weighted power of the sides against the middle."""
    pair = k_weighted(np.column_stack([sound.mean(axis=1), (sound[:, 0] - sound[:, 1]) / 2]))
    mid, side = (pair**2).mean(axis=0)
    return float(10 * np.log10((side + 1e-14) / (mid + 1e-14)))


def bass_over_kick(bass: Sound, kick: Sound) -> float:
    """Share of the kick's hits, frames of 46 ms within 6 dB of the loudest, in which the bass has more under 180 Hz."""
    low = signal.butter(4, 180, fs=RATE, output="sos")

    def levels(sound: Sound) -> Sound:
        filtered = signal.sosfilt(low, sound.mean(axis=1))
        return np.asarray(np.square(filtered[: len(filtered) // 2_048 * 2_048]).reshape(-1, 2_048).mean(axis=1))

    struck, held = levels(kick), levels(bass)
    hits = struck > 0.25 * struck.max()
    return float((held[hits] > struck[hits]).mean())


def tails_db(voice: Sound, raw: Sound) -> float:
    """How much louder the ends of phrases are in a voice as mixed, against the same voice before, at equal loudness.

    An end is a frame of 50 ms that lies 20 to 50 dB under the loud ones, within a second after one of these.
    """
    frame, n = RATE // 20, min(len(voice), len(raw)) // (RATE // 20)
    after, before = (
        10 * np.log10(np.square(k_weighted(s)[: n * frame]).reshape(n, -1).mean(axis=1) + 1e-14) for s in (voice, raw)
    )
    under = before - np.percentile(before, 95)
    loud = under > -12
    since = np.arange(n) - np.maximum.accumulate(np.where(loud, np.arange(n), -n))
    ends = (under < -20) & (under > -50) & (since <= 20)
    gain = after - before
    return float(np.median(gain[ends]) - np.median(gain[loud]))
