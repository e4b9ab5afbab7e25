"""Today's figure of every reported case: `python bench/reported_cases.py [FOLDER]`, by default ../shared/cases."""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).parents[1] / "services" / "mixer" / "tests"))

from engine.test_cases import CASES, Desk

SHARED = Path(__file__).resolve().parents[2] / "shared"


def main() -> None:
    """Prints a line for each; exits with 1 when one is wrong."""
    folder_of_cases = Path(sys.argv[1]) if sys.argv[1:] else SHARED / "cases"
    wrong = 0
    for name, case in CASES.items():
        with tempfile.TemporaryDirectory() as folder:
            figure, right = case(Desk(folder_of_cases, Path(folder)))
        wrong += not right
        print(f"{name:26} {'right' if right else 'WRONG':6} {figure}", flush=True)
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()
