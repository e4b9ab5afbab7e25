"""A supervisor of stand-ins as a program: says `ready` and runs until a signal."""

import importlib.util
import sys
from pathlib import Path

from automix_local import foreground
from rich.console import Console

here = Path(__file__).parent
spec = importlib.util.spec_from_file_location("stand_ins", here / "stand_ins.py")
assert spec is not None
assert spec.loader is not None
stand_ins = importlib.util.module_from_spec(spec)
spec.loader.exec_module(stand_ins)
foreground.run_stack(Path(sys.argv[1]), Console(file=sys.stdout), services=stand_ins.STAND_INS)
