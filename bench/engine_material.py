"""Material for the engine's benchmarks, made from the test recordings: vocal, beat and reference of any length."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
from automix_audio.decode import open_audio
from automix_audio.encode import AudioWriter

RATE = 44_100
_SONG_START_S, _SONG_END_S = 149.0, 233.0
"""Where the lead of the multitrack sings."""
_BAR_S = 4 * 60.0 / 90.0


def audio_folder() -> Path:
    """The test recordings: AUTOMIX_TEST_AUDIO, or ../shared/audio beside the repository."""
    root = Path(__file__).resolve().parents[1]
    folder = Path(os.environ.get("AUTOMIX_TEST_AUDIO", root.parent / "shared" / "audio"))
    if not folder.is_dir():
        raise SystemExit(f"the benchmark needs the test recordings; there are none at {folder}")
    return folder


def load(path: Path, rate: int = RATE) -> npt.NDArray[np.float32]:
    """Stereo sound, shape (n, 2)."""
    with open_audio(path, sample_rate=rate) as reader:
        sound = np.concatenate(list(reader.blocks()))
    return sound if sound.shape[1] == 2 else np.repeat(sound[:, :1], 2, axis=1)


def exact(path: Path) -> npt.NDArray[np.float64]:
    """The same in the precision that `engine_metrics` takes."""
    return load(path).astype(np.float64)


def save(path: Path, sound: npt.NDArray[np.float32], rate: int = RATE, bits: int = 16) -> Path:
    """A wav file."""
    with AudioWriter(path, "wav", rate, sound.shape[1], bits) as writer:
        writer.write(np.ascontiguousarray(sound, np.float32))
    return path


def looped(sound: npt.NDArray[np.float32], seconds: float) -> npt.NDArray[np.float32]:
    """The sound again and again until it is that long."""
    n = round(seconds * RATE)
    return np.concatenate([sound] * -(-n // len(sound)))[:n]


def multitrack(folder: Path, name: str) -> tuple[list[Path], list[Path], list[Path]]:
    """Files of a multitrack: leads, backing vocals, beats."""
    files = [p for p in sorted((folder / "multitrack" / name).iterdir()) if ".stem." not in p.name and p.stem != "mix"]
    leads = [p for p in files if "VOX_LEAD" in p.name or "vocals" in p.name]
    backing = [p for p in files if "BGVOX" in p.name]
    return leads, backing, [p for p in files if p not in leads and p not in backing]


def summed(paths: list[Path], rate: int = RATE) -> npt.NDArray[np.float32]:
    """The plain sum of files."""
    parts = [load(p, rate) for p in paths]
    out = np.zeros((max(len(p) for p in parts), 2), np.float32)
    for part in parts:
        out[: len(part)] += part
    return out


def stems(folder: Path, target: Path, seconds: float) -> list[Path]:
    """Ten stems of the same part, as `song` writes its beat: seven of the multitrack, and three of them a bar later."""
    target.mkdir(parents=True, exist_ok=True)
    _, _, beats = multitrack(folder, "eif_potassium")
    part = slice(round(_SONG_START_S * RATE), round(_SONG_END_S * RATE))
    out = []
    for i, path in enumerate([*beats, *beats][:10]):
        sound = looped(np.roll(load(path)[part], i // len(beats) * round(_BAR_S * RATE), axis=0), seconds)
        out.append(save(target / f"{i} {path.stem}.wav", sound * np.float32(0.5)))
    return out


def song(folder: Path, target: Path, seconds: float) -> tuple[Path, Path, Path]:
    """Vocal, beat and reference of `seconds` as 16-bit wav at 44.1 kHz; the vocal sings nearly all the time."""
    target.mkdir(parents=True, exist_ok=True)
    leads, _, beats = multitrack(folder, "eif_potassium")
    part = slice(round(_SONG_START_S * RATE), round(_SONG_END_S * RATE))
    vocal = looped(load(leads[0])[part], seconds)
    beat = looped(summed(beats)[part], seconds)
    beat *= np.float32(0.9 / np.abs(beat).max())
    reference = looped(load(folder / "songs" / "jonathan_coulton_code_monkey.ogg"), seconds)
    reference *= np.float32(min(1.0, 0.99 / np.abs(reference).max()))
    return (
        save(target / "vocal.wav", vocal),
        save(target / "beat.wav", beat),
        save(target / "reference.wav", reference),
    )
