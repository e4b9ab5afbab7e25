"""Checks which module may import which: the rules of imports.ini, and the layers that each service names of itself.

`python .ci/imports.py [ROOT]` checks the tree at ROOT, this one by default. Packages are found by their folders, so a
new one is under the rules without being named here. A service names its modules, all of them, in its pyproject.toml:

    [tool.automix]
    layers = ["__main__", "servicer", "settings | repository", "tables | domain"]

from the top down; a module imports those of lower layers alone. `[tool.automix.layers_of]` does the same for a folder.

Two kinds of file are no module of any layer, so their imports are read here: a migration and the `__init__` of layers.
"""

import ast
import configparser
import io
import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

RULES = Path(__file__).with_name("imports.ini")


FROZEN = ("alembic", "sqlalchemy", "automix_common.database.frozen_")
"""What a migration may import beside the standard library. A table or a rule that lives on would change history."""


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
        for inner, layers in layers_of(service, root).items():
            container = ".".join(filter(None, (names[service], inner)))
            parser[f"importlinter:contract:layers-{container}"] = {
                "name": f"{container}: every module imports those of lower layers alone",
                "type": "layers",
                "layers": "\n" + "\n".join(layers),
                "containers": container,
                "exhaustive": "True",
            }
    return parser


def layers_of(service: Path, root: Path) -> dict[str, list[str]]:
    """The layers that a service names: of itself under "", and of its folders. Exits when it names none."""
    own = tomllib.loads((service / "pyproject.toml").read_text()).get("tool", {}).get("automix", {})
    if "layers" not in own:
        sys.exit(f"{service.relative_to(root)}/pyproject.toml must name the service's modules: tool.automix.layers")
    return {"": own["layers"], **own.get("layers_of", {})}


def imported(file: Path) -> Iterator[tuple[str, int]]:
    """Every name that a file imports, with its line."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            of = "." * node.level + (node.module or "")
            yield from ((f"{of}.{alias.name}", node.lineno) for alias in node.names)


def strays(root: Path) -> list[str]:
    """The illegal imports of files that are no module of any layer, each in one line."""
    found: list[str] = []
    for service in sorted(path.parent for path in root.glob("services/*/pyproject.toml")):
        package = source_of(service) / f"automix_{service.name}"
        for file in sorted(package.rglob("migrations/*.py")):
            found += [
                f"{file.relative_to(root)}:{line} imports {name}: a migration is frozen, it imports no live module"
                for name, line in imported(file)
                if not name.startswith(FROZEN) and name.partition(".")[0] not in sys.stdlib_module_names
            ]
        for inner in layers_of(service, root):
            file = package / inner / "__init__.py"
            found += [
                f"{file.relative_to(root)}:{line} imports {name}: above layers stands no module, so it imports nothing"
                for name, line in imported(file)
            ]
    return found


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
        broken = subprocess.run(command, env=environment, check=False).returncode  # noqa: S603 - our own program
    found = strays(root)
    sys.stderr.writelines(f"{line}\n" for line in found)
    sys.exit(broken or bool(found))


if __name__ == "__main__":
    main()
