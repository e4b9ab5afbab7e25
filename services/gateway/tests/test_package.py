"""What the gateway's wheel, and so its image, holds: the studio where it is built, and a refusal where it is not."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "services/gateway"
IGNORED = (ROOT / ".dockerignore").read_text().splitlines()


def wheel(package: Path, folder: Path) -> list[str]:
    """The names of the files in the wheel of a package."""
    pip = (sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps")
    subprocess.run([*pip, "--no-build-isolation", "--wheel-dir", folder, package], check=True)
    (made,) = folder.glob("*.whl")
    with zipfile.ZipFile(made) as file:
        return file.namelist()


def test_an_image_is_given_the_studio_and_refused_without_it(tmp_path: Path) -> None:
    # As the Dockerfile does: the services are copied, without what git knows of them, and wheels are made of the copy.
    dockerfile = (ROOT / "deploy/docker/Dockerfile").read_text()
    assert "COPY services services" in dockerfile
    assert "deploy/docker/imports.py ${SERVICE}" in dockerfile
    assert not any("studio" in line for line in IGNORED)
    package = tmp_path / "services" / "gateway"
    (tmp_path / "libs").mkdir()
    (tmp_path / "libs/VERSION").write_text((ROOT / "libs/VERSION").read_text())
    module = package / "src/automix_gateway"
    (module / "studio").mkdir(parents=True)
    (package / "pyproject.toml").write_text((PACKAGE / "pyproject.toml").read_text())
    for source in (PACKAGE / "src/automix_gateway").rglob("*.py"):
        copy = module / source.relative_to(PACKAGE / "src/automix_gateway")
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(source.read_text())
    (module / "openapi.json").write_text("{}")

    check = [sys.executable, "-B", ROOT / "deploy/docker/imports.py", "gateway"]
    without = subprocess.run(
        check, capture_output=True, text=True, check=False, env={"PYTHONPATH": str(package / "src")}
    )
    assert without.returncode == 1
    assert "run `make web`" in without.stderr
    (module / "studio/index.html").write_text("<!doctype html>")
    assert "automix_gateway/studio/index.html" in wheel(package, tmp_path / "wheels")
    subprocess.run(check, check=True, env={"PYTHONPATH": str(package / "src")})
