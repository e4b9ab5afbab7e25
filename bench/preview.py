"""What a preview costs, as a share of the whole song: CPU time on one core, in turn, the best of the repeats.

    python bench/preview.py [--seconds 210] [--repeat 3]

`bare` is a mix and nothing beside it, `with reference` the same after a reference, and `as on the platform` leaves
report, picture and plain sum too. Analysis is included, start-up and imports are not.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from engine_material import audio_folder, song

_MOST = 0.1
_MIX = """
import json, resource, sys
from automix_mixer.engine import Settings, Track
from automix_mixer.engine.face.mixing import mix
def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
out, extras, preview, roles, *paths = sys.argv[1:]
named = {"v": "vocals", "b": "beat", "r": "reference"}
tracks = [Track(path, named[role]) for role, path in zip(roles, paths, strict=True)]
begun = cpu()
mix(tracks, Settings(preview=preview == "preview"), out, extras_dir=extras or None, threads=1)
print(json.dumps({"cpu_s": cpu() - begun, "import_s": begun}))
"""


def _cpu_s(out: Path, extras: Path | None, kind: str, roles: str, paths: list[Path]) -> float:
    given = [str(out), str(extras or ""), kind, roles, *map(str, paths)]
    command = ["taskset", "-c", "0", sys.executable, "-c", _MIX, *given]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return float(json.loads(done.stdout.splitlines()[-1])["cpu_s"])


def main() -> None:
    """Prints a row for each way to ask for a mix, and whether the bar is held."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=210.0)
    parser.add_argument("--repeat", type=int, default=3)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        vocal, beat, reference = song(audio_folder(), folder, wanted.seconds)
        out = folder / "out.wav"
        ways: dict[str, tuple[Path | None, str, list[Path]]] = {
            "bare": (None, "vb", [vocal, beat]),
            "with reference": (None, "vbr", [vocal, beat, reference]),
            "as on the platform": (folder / "extras", "vbr", [vocal, beat, reference]),
        }
        print("| three and a half minutes, wav | whole, CPU s | preview, CPU s | share |\n|---|---|---|---|")
        worst = 0.0
        for name, (extras, roles, paths) in ways.items():
            taken: dict[str, list[float]] = {"whole": [], "preview": []}
            for _ in range(wanted.repeat):
                for kind, found in taken.items():
                    found.append(_cpu_s(out, extras, kind, roles, paths))
            whole, part = min(taken["whole"]), min(taken["preview"])
            worst = max(worst, part / whole)
            print(f"| {name} | {whole:.2f} | {part:.2f} | 1/{whole / part:.1f} |", flush=True)
    print(f"{'holds' if worst <= _MOST else 'FALLS SHORT'}: {worst:.3f} of the whole at most, {_MOST} wanted")


if __name__ == "__main__":
    main()
