"""Speed of a mix of vocal, beat and reference on one core, beside Matchering and a plain pedalboard chain.

    python bench/engine_speed.py [--seconds 210] [--repeat 3] [--profile]

CPU time of the process is what counts (other work on the machine does not enter it); wav in, 24-bit wav out, analysis
included. Start-up and imports are shown apart. The last line says whether the budgets hold.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import engine_matchering
from automix_mixer.engine import Settings, Track, mix
from engine_material import audio_folder, load, save, song

_LEAST_TIMES_REAL_TIME = 60.0
_START = """
import json, resource, sys, time
def cpu():
    r = resource.getrusage(resource.RUSAGE_SELF)
    return r.ru_utime + r.ru_stime
def tell(begun, wall):
    peak = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")][0]
    print(json.dumps({"cpu_s": cpu() - begun, "wall_s": time.perf_counter() - wall, "import_s": begun,
                      "peak_mb": int(peak) / 1024}))
"""
_MIX = (
    _START
    + """
from automix_mixer.engine import Settings, Track
from automix_mixer.engine.face.mixing import mix
begun, wall = cpu(), time.perf_counter()
tracks = [Track(path, role) for path, role in zip(sys.argv[1:4], ("vocals", "beat", "reference"))]
mix(tracks, Settings(), sys.argv[4], threads=int(sys.argv[5]))
tell(begun, wall)
"""
)
_CHAIN = (
    _START
    + """
import pedalboard as p
from pedalboard.io import AudioFile
begun, wall = cpu(), time.perf_counter()
def chain():
    return p.Pedalboard([p.HighpassFilter(80), p.PeakFilter(300, -2, 1), p.PeakFilter(3000, 1.5, 1),
                         p.Compressor(-20, 3), p.HighShelfFilter(8000, 1), p.Gain(-3), p.Limiter(-1)])
with AudioFile(sys.argv[1]) as vocal, AudioFile(sys.argv[2]) as beat:
    rate = vocal.samplerate
    with AudioFile(sys.argv[3], "w", rate, 2, bit_depth=24) as out:
        a, b = chain(), chain()
        while vocal.tell() < vocal.frames:
            out.write(a(vocal.read(16384), rate, reset=False) + b(beat.read(16384), rate, reset=False))
tell(begun, wall)
"""
)


def run(program: str, arguments: list[str], cores: str) -> dict[str, float]:
    """A program on the given cores; its last line of output is JSON."""
    command = ["taskset", "-c", cores, sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Prints one row for each program, the best of the repeats by CPU time, and the verdict."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=210.0)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--profile", action="store_true")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        vocal, beat, reference = song(audio_folder(), folder, wanted.seconds)
        plain = save(folder / "plain.wav", 0.5 * (load(vocal) + load(beat)))
        out = str(folder / "out.wav")
        if wanted.profile:
            _profile([str(vocal), str(beat), str(reference)], out)
            return
        files = [str(vocal), str(beat), str(reference), out]
        rows: dict[str, list[dict[str, float]]] = {}
        for _ in range(wanted.repeat):
            # In turn, so that a busy spell of the machine meets all of them.
            rows.setdefault("AutoMix, one core", []).append(run(_MIX, [*files, "1"], "0"))
            rows.setdefault("AutoMix, two cores", []).append(run(_MIX, [*files, "2"], "0,1"))
            if engine_matchering.available():
                found = engine_matchering.run(plain, reference, folder / "matchering.wav")
                rows.setdefault("Matchering, one core", []).append(vars(found))
            rows.setdefault("pedalboard chain, one core", []).append(run(_CHAIN, [*files[:2], out], "0"))
        best = {name: min(results, key=lambda r: r["cpu_s"]) for name, results in rows.items()}
        _table(best, wanted.seconds)
    ours = best["AutoMix, one core"]["cpu_s"]
    theirs = best.get("Matchering, one core", {}).get("cpu_s")
    fast = wanted.seconds / ours >= _LEAST_TIMES_REAL_TIME and (theirs is None or ours < theirs)
    print("holds" if fast else "FALLS SHORT", end=": ")
    print(f"{wanted.seconds / ours:.0f} x real time" + (f", {theirs / ours:.1f} x Matchering" if theirs else ""))


def _table(best: dict[str, dict[str, float]], seconds: float) -> None:
    print("| program | CPU s | x real time | wall s | start and imports s | peak MB |")
    print("|---|---|---|---|---|---|")
    for name, r in best.items():
        print(
            f"| {name} | {r['cpu_s']:.2f} | {seconds / r['cpu_s']:.0f} | {r['wall_s']:.2f} | {r['import_s']:.2f} |"
            f" {r['peak_mb']:.0f} |"
        )


def _profile(files: list[str], out: str) -> None:
    tracks = [Track(path, role) for path, role in zip(files, ("vocals", "beat", "reference"), strict=True)]
    profile = cProfile.Profile(_cpu)
    profile.enable()
    begun, wall = _cpu(), time.perf_counter()
    mix(tracks, Settings(), out, threads=1)
    print(f"CPU {_cpu() - begun:.2f} s, wall {time.perf_counter() - wall:.2f} s, with the profiler's own cost")
    profile.disable()
    pstats.Stats(profile).sort_stats("tottime").print_stats(30)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
