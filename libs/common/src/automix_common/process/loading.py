"""How a process loads its modules: quickly, and without keeping what it has no use for."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import cast


@contextmanager
def loading() -> Iterator[None]:
    """Holds the garbage collector at rest: a process does its imports inside this block.

    A thousand modules are made of objects that stay. The collector would walk over all of them again and again while
    they are loaded (a fifth of the time that loading takes), and later with every full collection, while callers wait.
    So it rests in the block, and never looks at what was loaded there.
    """
    gc.disable()
    try:
        _load_structlog()
        yield
    finally:
        gc.freeze()
        gc.enable()


def _load_structlog() -> None:
    """structlog loads rich where it is installed, 4 MB for coloured tracebacks; these processes write JSON."""
    if "structlog" not in sys.modules and "rich" not in sys.modules:
        cast("dict[str, object]", sys.modules)["rich"] = None
        import_module("structlog")
        del sys.modules["rich"]
