"""Memory that processes hold."""

import psutil


def held_bytes(*roots: psutil.Process) -> int:
    """Proportional set sizes of the processes and of all below them; what ends while it is asked holds nothing."""
    return sum(_pss(process) for root in roots for process in _tree(root))


def _tree(root: psutil.Process) -> list[psutil.Process]:
    try:
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _pss(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.NoSuchProcess:  # PostgreSQL's autovacuum, among others, comes and goes
        return 0
