"""Scratch folders: one for each living process, none for the dead."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from automix_common.process.scratch import PREFIX, scratch_root

HOLD = """
import sys
from pathlib import Path
from automix_common.process.scratch import scratch_root
with scratch_root(Path(sys.argv[1])) as made:
    print(made, flush=True)
    sys.stdin.read()
"""


def folders(parent: Path) -> set[Path]:
    return set(parent.glob(f"{PREFIX}*"))


def test_a_folder_lives_as_long_as_its_block(tmp_path: Path) -> None:
    with scratch_root(tmp_path / "new") as made:
        (made / "audio").write_bytes(b"audio")
        assert folders(tmp_path / "new") == {made}
    assert folders(tmp_path / "new") == set()


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_has_is_not(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout
        theirs = Path(other.stdout.readline().strip())
        (theirs / "audio").write_bytes(b"audio")
        with scratch_root(tmp_path) as mine:
            assert folders(tmp_path) == {theirs, mine}
        other.kill()
        other.wait()
        with scratch_root(tmp_path) as mine:
            assert folders(tmp_path) == {mine}


def test_folders_that_are_made_at_once_do_not_remove_each_other(tmp_path: Path) -> None:
    with ExitStack() as stack, ThreadPoolExecutor(8) as pool:
        made = set(pool.map(lambda _: stack.enter_context(scratch_root(tmp_path)), range(40)))
        assert folders(tmp_path) == made
