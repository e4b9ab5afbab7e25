"""Speed of a mix of vocal, beat and reference on one core, beside Matchering and a plain pedalboard chain.

    python bench/engine_speed.py [--seconds 210] [--repeat 3] [--profile]

CPU time of the process is what counts (other work on the machine does not enter it); wav in, 24-bit wav out, analysis
included. Start-up and imports are shown apart. The last line says whether the budgets hold.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import engine_matchering
from automix_mixer.engine import Track
from engine_material import audio_folder, load, save, song, stems
from engine_profile import profile

_LEAST_RATIO, _MOST_FOR_STEMS = 2.5, 2.5
"""Of Matchering's time to ours, and of ten stems' to one beat's."""
_OURS, _ONE_BEAT, _TEN_STEMS = "AutoMix, one core", "without reference", "without reference, ten stems"
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
roles = {"v": "vocals", "b": "beat", "r": "reference"}
tracks = [Track(path, roles[role]) for role, path in zip(sys.argv[3], sys.argv[4:])]
mix(tracks, Settings(), sys.argv[1], threads=int(sys.argv[2]))
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
            roles = ("vocals", "beat", "reference")
            profile([Track(p, r) for p, r in zip((vocal, beat, reference), roles, strict=True)], Path(out))
            return
        vbr = [str(vocal), str(beat), str(reference)]
        ten = [str(p) for p in stems(audio_folder(), folder / "stems", wanted.seconds)]
        rows: dict[str, list[dict[str, float]]] = {}
        for _ in range(wanted.repeat):
            # In turn, so that a busy spell of the machine meets all of them.
            rows.setdefault(_OURS, []).append(run(_MIX, [out, "1", "vbr", *vbr], "0"))
            rows.setdefault("the same, two cores", []).append(run(_MIX, [out, "2", "vbr", *vbr], "0,1"))
            rows.setdefault(_ONE_BEAT, []).append(run(_MIX, [out, "1", "vb", *vbr[:2]], "0"))
            rows.setdefault(_TEN_STEMS, []).append(run(_MIX, [out, "1", "v" + "b" * len(ten), vbr[0], *ten], "0"))
            if engine_matchering.available():
                found = engine_matchering.run(plain, reference, folder / "matchering.wav")
                rows.setdefault("Matchering, one core", []).append(vars(found))
            rows.setdefault("pedalboard chain, one core", []).append(run(_CHAIN, [*vbr[:2], out], "0"))
        best = {name: min(results, key=lambda r: r["cpu_s"]) for name, results in rows.items()}
        _table(best, wanted.seconds)
    ours = best[_OURS]["cpu_s"]
    if (theirs := best.get("Matchering, one core", {}).get("cpu_s")) is not None:
        held = "holds" if theirs / ours >= _LEAST_RATIO else "FALLS SHORT"
        print(f"{held}: {theirs / ours:.2f} x Matchering, {wanted.seconds / ours:.0f} x real time")
    more = best[_TEN_STEMS]["cpu_s"] / best[_ONE_BEAT]["cpu_s"]
    print(f"{'holds' if more <= _MOST_FOR_STEMS else 'FALLS SHORT'}: ten stems take {more:.2f} times one beat")


def _table(best: dict[str, dict[str, float]], seconds: float) -> None:
    print("| program | CPU s | x real time | wall s | start and imports s | peak MB |")
    print("|---|---|---|---|---|---|")
    for name, r in best.items():
        print(
            f"| {name} | {r['cpu_s']:.2f} | {seconds / r['cpu_s']:.0f} | {r['wall_s']:.2f} | {r['import_s']:.2f} |"
            f" {r['peak_mb']:.0f} |"
        )


if __name__ == "__main__":
    main()
