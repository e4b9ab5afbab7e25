"""What a process loads costs it little from then on."""

import subprocess
import sys

LOADS = """
import gc, sys
from automix_common.process.loading import loading
with loading():
    assert not gc.isenabled()
    import automix_common.process.logs
print(gc.isenabled(), gc.get_freeze_count() > 10_000, "rich" in sys.modules)
import rich
"""


def test_the_collector_works_again_and_leaves_alone_what_was_loaded() -> None:
    told = subprocess.run([sys.executable, "-c", LOADS], capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["True", "True", "False"]
