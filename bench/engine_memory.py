"""Memory of a mix: peak of the process tree (PSS) for 3.5 and for 60 minutes, through the child that the worker starts.

python bench/engine_memory.py [--long 3600]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import psutil
from engine_material import audio_folder, song
from memory import held_bytes

_PEAK_MB, _GROWTH_MB = 300.0, 20.0


def main() -> None:
    """Prints both peaks and whether the budgets hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", type=float, default=210.0)
    parser.add_argument("--long", type=float, default=3600.0)
    wanted = parser.parse_args()
    peaks = {}
    for seconds in (wanted.short, wanted.long):
        with tempfile.TemporaryDirectory() as temporary:
            peaks[seconds] = _peak_mb(Path(temporary), seconds)
            print(f"{seconds / 60:.1f} minutes: {peaks[seconds]:.0f} MB", flush=True)
    short, long = peaks[wanted.short], peaks[wanted.long]
    fits = short <= _PEAK_MB and long <= short + _GROWTH_MB
    print(f"{'holds' if fits else 'FALLS SHORT'}: {short:.0f} MB, and {long - short:+.0f} MB for the long one")


def _peak_mb(folder: Path, seconds: float) -> float:
    paths = song(audio_folder(), folder, seconds)
    tracks = [{"path": str(p), "role": r} for p, r in zip(paths, ("vocals", "beat", "reference"), strict=True)]
    request = {"tracks": tracks, "settings": {}, "plan": None, "output": str(folder / "o.wav"), "extras_dir": None}
    command = [sys.executable, "-m", "automix_mixer.engine.face.child"]
    with psutil.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        peak = [0.0]
        ended = threading.Event()

        def watch() -> None:
            while not ended.wait(0.02):
                peak[0] = max(peak[0], held_bytes(child) / 2**20)

        watcher = threading.Thread(target=watch)
        watcher.start()
        answer, _ = child.communicate(json.dumps(request))
        ended.set()
        watcher.join()
    last = json.loads(answer.splitlines()[-1])
    if "result" not in last:
        sys.exit(json.dumps(last))
    return peak[0]


if __name__ == "__main__":
    main()
