"""Imports every module that an image may run, so that what it lacks is found when it is built: `imports.py mixer`."""

import importlib
import pkgutil
import sys

ENTRIES = {"servers": ("automix_local.server",)}
"""Of an image that holds a part of a package only."""


def main(image: str) -> None:
    """Imports them. Raises what an import raises."""
    if image in ENTRIES:
        for name in ENTRIES[image]:
            importlib.import_module(name)
        return
    package = importlib.import_module(f"automix_{image}")
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not found.name.endswith("__main__") and ".migrations" not in found.name:
            importlib.import_module(found.name)


if __name__ == "__main__":
    main(sys.argv[1])
