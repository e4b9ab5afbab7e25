"""Imports every module that an image may run, so that what it lacks is found when it is built: `imports.py mixer`.

The gateway's image must also hold the studio.
"""

import importlib
import pkgutil
import sys

ON_A_MACHINE = ("automix_mixer.demo",)
"""What only the command on a user's own machine runs."""
ENTRIES = {"servers": ("automix_local.server",)}
"""Of an image that holds a part of a package only."""


def main(image: str) -> None:
    """Imports them. Raises what an import raises; ends with a sentence where the studio is missing."""
    if image in ENTRIES:
        for name in ENTRIES[image]:
            importlib.import_module(name)
        return
    package = importlib.import_module(f"automix_{image}")
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if found.name.endswith("__main__") or ".migrations" in found.name or found.name.startswith(ON_A_MACHINE):
            continue
        importlib.import_module(found.name)
    if image == "gateway":
        site = importlib.import_module("automix_gateway.site")
        if not (site.BUILT / site.INDEX).is_file():
            sys.exit("the studio is not built: run `make web` before the image is built")


if __name__ == "__main__":
    main(sys.argv[1])
