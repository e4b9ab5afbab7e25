"""How close a mix comes to a reference: the engine against Matchering on the plain sum, over all pairs.

    python bench/engine_reference.py [folder for the audio it writes]

One table: distance of third-octave spectra at equal loudness, of stereo width and crest factor, Diff-MST's feature
distance, true peak by FFmpeg, and the lead-to-accompaniment ratio with the reference and without.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
from automix_mixer.engine import Settings, Track, mix
from engine_matchering import run as run_matchering
from engine_material import audio_folder, load, multitrack, save, summed
from engine_metrics import Sound, feature_distance, features, ffmpeg_meter, lar_db, spectral_distance_db


def main(folder: Path) -> None:
    audio = audio_folder()
    songs = sorted((audio / "songs").iterdir())
    print("| pair | | spectrum dB | width dB | crest dB | AF | dBTP | LAR dB (without reference) |")
    print("|---|---|---|---|---|---|---|---|")
    wins = 0
    pairs = 0
    for name in ("eif_potassium", "falcon69"):
        leads, backing, beats = multitrack(audio, name)
        everything = summed([*leads, *backing, *beats])
        plain = save(folder / f"{name}.wav", 0.5 * everything / np.abs(everything).max(), bits=32)
        voice, behind = (summed(p).astype(np.float64) for p in (leads, [*backing, *beats]))
        tracks = [Track(p, "vocals") for p in [*leads, *backing]] + [Track(p, "beat") for p in beats]
        alone = folder / f"{name}_alone.wav"
        mix(tracks, Settings(), alone)
        lar_alone = lar_db(_sound(alone), voice, behind)
        for song in songs:
            reference = save(folder / "reference.wav", load(song), bits=32)
            theirs, ours = folder / f"{name}_{song.stem}_matchering.wav", folder / f"{name}_{song.stem}_automix.wav"
            run_matchering(plain, reference, theirs)
            settings = Settings(target_loudness_lufs="reference", reference_strength=1.0, max_limiting_db=16.0)
            mix([*tracks, Track(song, "reference")], settings, ours)
            goal = _sound(reference)
            rows = {}
            for who, path in (("plain sum", plain), ("Matchering", theirs), ("AutoMix", ours)):
                sound = _sound(path)
                rows[who] = _distances(sound, goal)
                peak = ffmpeg_meter(path)[1]
                lar = "" if who != "AutoMix" else f"{lar_db(sound, voice, behind):+.1f} ({lar_alone:+.1f})"
                cells = " | ".join(f"{v:.3f}" if k == "AF" else f"{v:.2f}" for k, v in rows[who].items())
                print(f"| {name} x {song.stem[:20]} | {who} | {cells} | {peak:+.2f} | {lar} |", flush=True)
            closer = [k for k in rows["AutoMix"] if rows["AutoMix"][k] < rows["Matchering"][k]]
            wins += {"spectrum", "AF"} <= set(closer)
            pairs += 1
            print(f"| | AutoMix closer in | {', '.join(closer)} | | | | | |", flush=True)
    print(f"\nAutoMix closer in spectrum and feature distance in {wins} of {pairs} pairs")


def _sound(path: Path) -> Sound:
    return load(path).astype(np.float64)


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
