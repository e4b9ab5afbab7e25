"""How close a mix comes to a reference: the engine against Matchering on the plain sum, over all pairs.

    python bench/engine_reference.py [folder for the audio it writes]

One table: distance of third-octave spectra at equal loudness, of stereo width and crest factor, Diff-MST's feature
distance, true peak by FFmpeg, and the lead-to-accompaniment ratio with the reference and without. Under it the claim:
in how many pairs the engine is closer, measure by measure, and whether it kept the ceiling and the balance in the same
runs. Matchering's files in a given folder are used again.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from automix_mixer.engine import Settings, Track, mix
from engine_matchering import run as run_matchering
from engine_material import audio_folder, exact, load, multitrack, save, summed
from engine_metrics import Sound, feature_distance, features, ffmpeg_meter, lar_db, spectral_distance_db

_CEILING_DBTP, _METERS_DB = -1.0, 0.05
_LAR_DB = 3.0
_SHARE = 0.8
"""Of the pairs, in each measure."""


@dataclass(frozen=True)
class Pair:
    """Distances to the reference and true peaks of both; the engine's balance with the reference and without."""

    ours: dict[str, float]
    theirs: dict[str, float]
    our_peak_dbtp: float
    their_peak_dbtp: float
    lar_db: float
    lar_alone_db: float


def main(folder: Path) -> None:
    audio = audio_folder()
    songs = sorted((audio / "songs").iterdir())
    print("| song x reference | | spectrum dB | width dB | crest dB | AF | dBTP | LAR dB (without reference) |")
    print("|---|---|---|---|---|---|---|---|")
    pairs = []
    for name in ("eif_potassium", "falcon69"):
        leads, backing, beats = multitrack(audio, name)
        everything = summed([*leads, *backing, *beats])
        plain = save(folder / f"{name}.wav", 0.5 * everything / np.abs(everything).max(), bits=32)
        voice, behind = (summed(p).astype(np.float64) for p in (leads, [*backing, *beats]))
        tracks = [Track(p, "vocals") for p in [*leads, *backing]] + [Track(p, "beat") for p in beats]
        alone = folder / f"{name}_alone.wav"
        mix(tracks, Settings(), alone)
        lar_alone = lar_db(exact(alone), voice, behind)
        for song in songs:
            reference = save(folder / f"{song.stem}.wav", load(song), bits=32)
            theirs, ours = folder / f"{name}_{song.stem}_matchering.wav", folder / f"{name}_{song.stem}_automix.wav"
            if not theirs.exists():
                run_matchering(plain, reference, theirs)
            settings = Settings(match_reference_loudness=True, reference_strength=1.0, max_limiting_db=16.0)
            mix([*tracks, Track(song, "reference")], settings, ours)
            goal, label = exact(reference), f"{name} x {song.stem[:20]}"
            pair = Pair(
                _distances(exact(ours), goal),
                _distances(exact(theirs), goal),
                ffmpeg_meter(ours)[1],
                ffmpeg_meter(theirs)[1],
                lar_db(exact(ours), voice, behind),
                lar_alone,
            )
            pairs.append(pair)
            _row(label, "plain sum", _distances(exact(plain), goal), ffmpeg_meter(plain)[1])
            _row(label, "Matchering", pair.theirs, pair.their_peak_dbtp)
            _row(label, "AutoMix", pair.ours, pair.our_peak_dbtp, f"{pair.lar_db:+.1f} ({lar_alone:+.1f})")
    _claim(pairs)


def _row(label: str, who: str, distances: dict[str, float], peak_dbtp: float, lar: str = "") -> None:
    cells = " | ".join(f"{v:.3f}" if k == "AF" else f"{v:.2f}" for k, v in distances.items())
    print(f"| {label} | {who} | {cells} | {peak_dbtp:+.2f} | {lar} |", flush=True)


def _claim(pairs: list[Pair]) -> None:
    count = len(pairs)
    wanted = int(np.ceil(_SHARE * count))
    print(f"\nAutoMix closer to the reference than Matchering, of {count} pairs (claimed: {wanted} in each):")
    for measure in pairs[0].ours:
        wins = sum(p.ours[measure] < p.theirs[measure] for p in pairs)
        means = [np.mean([getattr(p, who)[measure] for p in pairs]) for who in ("ours", "theirs")]
        print(f"- {measure}: {wins} {_held(wins, wanted)} (mean {means[0]:.3f} against {means[1]:.3f})")
    limit = _CEILING_DBTP + _METERS_DB
    kept = [sum(getattr(p, f"{who}_peak_dbtp") <= limit for p in pairs) for who in ("our", "their")]
    print(f"- true peak at most {limit:.2f} dBTP: {kept[0]} {_held(kept[0], count)} (Matchering {kept[1]})")
    near = sum(abs(p.lar_db - p.lar_alone_db) <= _LAR_DB for p in pairs)
    print(f"- LAR within {_LAR_DB:g} dB of the one without reference: {near} {_held(near, count)}")


def _held(kept: int, wanted: int) -> str:
    return "held" if kept >= wanted else "MISSED"


def _distances(sound: Sound, goal: Sound) -> dict[str, float]:
    a, b = features(sound), features(goal)
    return {
        "spectrum": spectral_distance_db(sound, goal),
        "width": float(abs(10 * np.log10((a["width"] + 1e-9) / (b["width"] + 1e-9)))),
        "crest": float(np.abs(a["crest"] - b["crest"]).mean()),
        "AF": feature_distance(sound, goal)["total"],
    }


if __name__ == "__main__":
    if len(sys.argv) > 1:
        target = Path(sys.argv[1])
        target.mkdir(parents=True, exist_ok=True)
        main(target)
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(Path(temporary))
