"""What is asked for beside a plain mix, against the plain mix: previews, several masters, effects.

    python bench/engine_deliveries.py [--repeat 3] [--long-minutes 20]

CPU time on one core, in turn, the best of the repeats; peak memory with effects of a short and of a long song. Analysis
is included, start-up and imports are not. `as on the platform` leaves report, picture and plain sum beside the mix.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from engine_material import audio_folder, song

_SECONDS, _SHORT_MINUTES = 210.0, 3.0
_MOST_OF_PREVIEW, _MOST_OF_MASTERS, _MOST_MORE_MB = 0.1, 1.8, 20.0
_INSERTS = ("lead:stadium", "beat:warm_tape", "mix:compressor")
_MIX = """
import json, resource, sys
from pathlib import Path
from automix_mixer.engine import Settings, Track
from automix_mixer.engine.face.mixing import mix
from automix_mixer.engine.effects import Insert
def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
asked = json.load(sys.stdin)
named = {"v": "vocals", "b": "beat", "r": "reference"}
tracks = [Track(path, named[role]) for role, path in zip(asked["roles"], asked["paths"], strict=True)]
inserts = tuple(Insert(*insert.split(":"), {}) for insert in asked["inserts"])
settings = Settings(preview=asked["preview"], masters=tuple(asked["masters"]), inserts=inserts)
begun = cpu()
beside = [Path(f"{asked['out']}.{i}.wav") for i in range(len(asked["masters"]) - 1)]
mix(tracks, settings, asked["out"], extras_dir=asked["extras"], beside=beside or None, threads=1)
peak = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")][0]
print(json.dumps({"cpu_s": cpu() - begun, "peak_mb": int(peak) / 1024}))
"""


def _run(paths: list[Path], out: Path, **asked: object) -> dict[str, float]:
    usual = {"roles": "vbr"[: len(paths)], "paths": [*map(str, paths)], "out": str(out), "extras": None}
    wanted = {**usual, "preview": False, "masters": [], "inserts": [], **asked}
    command = ["taskset", "-c", "0", sys.executable, "-c", _MIX]
    done = subprocess.run(command, input=json.dumps(wanted), capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _compared(
    repeat: int, paths: list[Path], out: Path, plain: dict[str, object], other: dict[str, object]
) -> tuple[float, float]:
    """CPU seconds of both, each the best of its repeats, which take turns."""
    rows = [[_run(paths, out, **asked)["cpu_s"] for asked in (plain, other)] for _ in range(repeat)]
    first, second = (min(column) for column in zip(*rows, strict=True))
    return first, second


def main() -> None:
    """Prints a row for each, and whether the bars are held."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--long-minutes", type=float, default=20.0)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        tracks = list(song(audio_folder(), folder, _SECONDS))
        out, extras = folder / "out.wav", str(folder / "extras")
        print("| 3.5 minutes, wav | CPU s | plain mix, CPU s | ratio |\n|---|---|---|---|")
        shares = []
        rows: list[tuple[str, list[Path], dict[str, object], dict[str, object]]] = [
            ("preview", tracks[:2], {}, {"preview": True}),
            ("preview with a reference", tracks, {}, {"preview": True}),
            ("preview as on the platform", tracks, {"extras": extras}, {"extras": extras, "preview": True}),
            ("three masters", tracks[:2], {}, {"masters": ["streaming", "loud", "broadcast"]}),
            ("effects on lead, beat and mix", tracks[:2], {}, {"inserts": _INSERTS}),
        ]
        for name, paths, plain, asked in rows:
            whole, part = _compared(wanted.repeat, paths, out, plain, asked)
            shares.append(part / whole)
            print(f"| {name} | {part:.2f} | {whole:.2f} | {part / whole:.2f} |", flush=True)
        peaks = []
        for minutes in (_SHORT_MINUTES, wanted.long_minutes):
            one = folder / f"{minutes:g}"
            peaks.append(_run(list(song(audio_folder(), one, 60.0 * minutes))[:2], out, inserts=_INSERTS)["peak_mb"])
            print(f"{minutes:g} minutes with the same effects: {peaks[-1]:.0f} MB at the most", flush=True)
    for name, held in (
        (f"a preview takes {_MOST_OF_PREVIEW} of the whole", max(shares[:3]) <= _MOST_OF_PREVIEW),
        (f"three masters take {_MOST_OF_MASTERS} of one", shares[3] <= _MOST_OF_MASTERS),
        (f"a long song with effects takes {_MOST_MORE_MB:g} MB more", peaks[1] <= peaks[0] + _MOST_MORE_MB),
    ):
        print(f"{'holds' if held else 'FALLS SHORT'}: {name} at most")


if __name__ == "__main__":
    main()
