"""The plain manifests are the chart's objects, and an overlay changes them where it says so."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from .conftest import ROOT

MANIFESTS = ROOT / "deploy/k8s/manifests"
EXAMPLES = sorted(path.stem for path in (ROOT / "deploy/k8s/automix/examples").glob("*.yaml"))

Objects = list[dict[str, Any]]


def built(folder: Path) -> Objects:
    """What `kubectl apply -k` would apply."""
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    command = ["kubectl", "kustomize", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | {"PATH": path})
    assert done.returncode == 0, done.stderr
    return [found for found in yaml.safe_load_all(done.stdout) if found]


def names(objects: Objects) -> set[tuple[str, str]]:
    return {(found["kind"], found["metadata"]["name"]) for found in objects}


def test_they_are_what_the_chart_renders(helm: str) -> None:
    path = os.pathsep.join((str(Path(helm).parent), os.environ["PATH"]))
    done = subprocess.run(
        [sys.executable, "deploy/k8s/manifests.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PATH": path},
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("example", EXAMPLES)
def test_kustomize_builds_every_object(helm: str, example: str) -> None:
    plain = [found for found in yaml.safe_load_all((MANIFESTS / example / "automix.yaml").read_text()) if found]
    objects = built(MANIFESTS / example)
    assert names(objects) == names(plain)
    assert {found["metadata"]["namespace"] for found in objects} == {"automix"}


def test_an_overlay_moves_all_of_it_into_another_namespace_with_other_images(helm: str) -> None:
    objects = built(MANIFESTS / "overlays/example")
    assert {found["metadata"]["namespace"] for found in objects} == {"audio"}
    assert "namespace: automix" not in yaml.safe_dump_all(objects)
    pods = [found["spec"]["template"]["spec"] for found in objects if "template" in found.get("spec", {})]
    images = {container["image"] for pod in pods for container in pod["containers"]}
    assert all(image.startswith("registry.example.org/") and image.endswith(":1.2.3") for image in images), images
    assert '--namespace", "automix' not in json.dumps(objects)
    (auth,) = [f for f in objects if (f["kind"], f["metadata"]["name"]) == ("Deployment", "automix-auth")]
    assert auth["spec"]["replicas"] == 3
