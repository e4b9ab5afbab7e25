"""Checks which module may import which: the rules of imports.ini, and the layers that each service names of itself.

`python .ci/imports.py [ROOT]` checks the tree at ROOT, this one by default. Packages are found by their folders, so a
new one is under the rules without being named here. A service names its modules, all of them, in its pyproject.toml:

    [tool.automix]
    layers = ["__main__", "servicer", "settings | repository", "tables | domain"]

from the top down; a module imports those of lower layers alone. `[tool.automix.layers_of]` does the same for a folder.
"""

import configparser
import io
import os
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

RULES = Path(__file__).with_name("imports.ini")


def source_of(folder: Path) -> Path:
    """Where the packages of a distribution are."""
    return folder if folder.name == "protos" else folder / "src"


def rules(root: Path) -> configparser.ConfigParser:
    """imports.ini with the packages of the tree filled in, and a contract for the layers of each service.

    Exits naming the service that names no layers.
    """
    folders = sorted(path.parent for path in root.glob("libs/*/pyproject.toml"))
    services = sorted(path.parent for path in root.glob("services/*/pyproject.toml"))
    names = {folder: f"automix_{folder.name}" for folder in (*folders, *services)}
    domains = [f"{names[one]}.domain" for one in services if list(source_of(one).glob("*/domain*"))]
    blanks = {
        "PACKAGES": ["automix", *names.values()],
        "SERVICES": [names[service] for service in services],
        "DOMAINS": domains,
    }
    text = RULES.read_text()
    for blank, values in blanks.items():
        text = text.replace(f"    {blank}\n", "".join(f"    {value}\n" for value in values))
    parser = configparser.ConfigParser()
    parser.read_string(text)
    for service in services:
        own = tomllib.loads((service / "pyproject.toml").read_text()).get("tool", {}).get("automix", {})
        if "layers" not in own:
            sys.exit(f"{service.relative_to(root)}/pyproject.toml must name the service's modules: tool.automix.layers")
        for inner, layers in {"": own["layers"], **own.get("layers_of", {})}.items():
            container = ".".join(filter(None, (names[service], inner)))
            parser[f"importlinter:contract:layers-{container}"] = {
                "name": f"{container}: every module imports those of lower layers alone",
                "type": "layers",
                "layers": "\n" + "\n".join(layers),
                "containers": container,
                "exhaustive": "True",
            }
    return parser


def written(root: Path) -> str:
    """What .importlinter is to say: the rules for lint-imports without this program."""
    text = io.StringIO("# Made from .ci/imports.ini by `python .ci/imports.py --write`.\n")
    text.seek(0, io.SEEK_END)
    rules(root).write(text)
    return text.getvalue()


def main() -> None:
    """Exits with 1 when a rule is broken."""
    if sys.argv[1:] == ["--write"]:  # for lint-imports without this program
        root = RULES.parent.parent
        (root / ".importlinter").write_text(written(root))
        return
    root = Path(sys.argv[1] if len(sys.argv) > 1 else RULES.parent.parent).resolve()
    sources = [source_of(path.parent) for path in root.glob("*/pyproject.toml")]
    sources += [source_of(path.parent) for path in root.glob("*/*/pyproject.toml")]
    with tempfile.NamedTemporaryFile("w", suffix=".ini") as file:
        rules(root).write(file)
        file.flush()
        # In a process of its own, which looks at this tree before what is installed.
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, sources))}
        program = str(Path(sys.executable).with_name("lint-imports"))
        command = [program, "--config", file.name, "--no-cache", "--no-logo"]
        sys.exit(subprocess.run(command, env=environment, check=False).returncode)  # noqa: S603 - our own program


if __name__ == "__main__":
    main()
