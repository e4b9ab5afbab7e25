"""Confusion table of instruments' roles: python bench/engine_roles.py FOLDER [FOLDER ...]

Takes the stems of each folder whose names say what they play, forgets the names, and prints what the engine makes of
their sound alone. The demo band is always among them.
"""

import sys
import tempfile
from collections import Counter
from pathlib import Path

from automix_mixer.demo.song import write_demo
from automix_mixer.engine import Track, Workspace, analyse
from automix_mixer.engine.plan.role_planning import features, role_of_sound
from automix_mixer.engine.role_names import role_of_name

RATE = 44_100
SOUND = {".wav", ".flac", ".m4a", ".mp3", ".ogg"}


def stems(folder: Path) -> list[Path]:
    """Files that an instrument's name names."""
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in SOUND and ".stem." not in path.name)
    return [path for path in files if role_of_name(path.name, vocal=False)]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, Workspace() as workspace:
        files = list(write_demo(Path(folder))["beat"])
        for name in sys.argv[1:]:
            files += stems(Path(name))
        table: Counter[tuple[str, str]] = Counter()
        for path in files:
            told = role_of_name(path.name, vocal=False) or "?"
            table[told, role_of_sound(features(analyse(Track(path, "beat"), workspace, RATE))).value] += 1
    heard = sorted({found for _, found in table})
    print("| named | " + " | ".join(heard) + " |\n|---|" + "---|" * len(heard))
    for told in sorted({named for named, _ in table}):
        print(f"| {told} | " + " | ".join(str(table[told, found] or "") for found in heard) + " |")


if __name__ == "__main__":
    main()
