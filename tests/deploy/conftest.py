"""Fixtures of the chart's tests: the chart rendered with one set of values or another. No cluster is needed."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy/k8s/automix"

Objects = list[dict[str, Any]]
Render = Callable[..., Objects]

EXTERNAL = ("postgres.host=pg.example", "nats.url=nats://nats.example:4222", "s3.endpoint=https://s3.example")
VARIANTS: dict[str, tuple[str, ...]] = {
    "external": EXTERNAL,
    "trial": ("dev.enabled=true",),
    "keda": ("dev.enabled=true", "scaling.kind=keda", "scaling.min=0"),
    "hpa": (*EXTERNAL, "scaling.kind=hpa"),
    "tls": (*EXTERNAL, "tls.secret=certificates", "tls.requireClient=true", "postgres.sslmode=verify-full"),
    "existing-secret": (*EXTERNAL, "credentials.existingSecret=mine", "postgres.manageRoles=false"),
    "registry": (*EXTERNAL, "image.registry=registry.example/audio", "image.pullSecrets={one,two}"),
    "node-ports": ("dev.enabled=true", "nodePorts.auth=30051"),
    "ingress": (
        *EXTERNAL,
        "gateway.ingress.host=mix.example",
        "gateway.ingress.tlsSecret=mix",
        "trustedProxies=10.0.0.0/8",
    ),
    "no-policies": (*EXTERNAL, "networkPolicy.enabled=false", "metrics.enabled=false"),
}


@pytest.fixture(scope="session")
def helm() -> str:
    """The program `helm`, which `make test` brings."""
    program = shutil.which("helm", path=os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])))
    if program is None:
        pytest.skip("there is no helm: `make kube-tools` brings it")
    return program


@pytest.fixture(scope="session")
def render(helm: str) -> Render:
    """The objects of the chart, for `--set` values and options of `helm template`."""

    @cache
    def rendered(*values: str, options: tuple[str, ...] = (), release: str = "mix") -> Objects:
        settings = [part for value in values for part in ("--set", value)]
        command = [helm, "template", release, str(CHART), "--namespace", "audio", *settings, *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ValueError(done.stderr)
        return [found for found in yaml.safe_load_all(done.stdout) if found]

    return rendered
