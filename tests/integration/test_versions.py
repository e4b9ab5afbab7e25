"""Every package has the one version of the repository."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
VERSION = ROOT / "libs" / "VERSION"
PACKAGES = [
    *ROOT.glob("libs/*/pyproject.toml"),
    *ROOT.glob("services/*/pyproject.toml"),
    ROOT / "protos/pyproject.toml",
]


def test_no_package_has_a_version_of_its_own() -> None:
    for package in PACKAGES:
        said = tomllib.loads(package.read_text())
        assert "version" not in said["project"], package
        assert (package.parent / said["tool"]["hatch"]["version"]["path"]).resolve() == VERSION, package


def test_the_chart_deploys_this_version() -> None:
    chart = (ROOT / "deploy" / "k8s" / "automix" / "Chart.yaml").read_text()
    assert re.findall(r"(?m)^(?:app)?[vV]ersion: (.+)$", chart) == [VERSION.read_text().strip()] * 2
