"""An import that the rules forbid is caught, in each kind of place."""

import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
SERVICES = ("auth", "projects", "media", "mixer", "gateway")
OWNERS = tuple(name for name in SERVICES if name != "gateway")
"""Those with a schema."""

ILLEGAL = (
    # Against what stands above all services.
    *((f"services/{name}/src/automix_{name}/domain.py", "automix_local.errors") for name in OWNERS),
    *((f"services/{name}/src/automix_{name}/servicer.py", "automix_client.errors") for name in OWNERS),
    ("services/gateway/src/automix_gateway/envoy/routes.py", "automix_local.errors"),
    ("services/gateway/src/automix_gateway/uploads.py", "automix_client.uploads"),
    *((f"services/{name}/src/automix_{name}/settings.py", "automix_ops.rules") for name in SERVICES),
    ("services/mixer/src/automix_mixer/worker/inputs.py", "automix_client.uploads"),
    # Against each other, and against knowing who else is there.
    ("services/auth/src/automix_auth/servicer.py", "automix_projects.domain"),
    ("services/mixer/src/automix_mixer/peers.py", "automix_media.domain"),
    ("services/media/src/automix_media/servicer.py", "automix_platform.processes"),
    # Against a gateway that owns nothing.
    ("services/gateway/src/automix_gateway/content.py", "minio"),
    ("services/gateway/src/automix_gateway/health.py", "automix_common.database.pool"),
    # Against the layers of a service.
    ("services/gateway/src/automix_gateway/calls.py", "automix_gateway.application"),
    ("services/auth/src/automix_auth/repository.py", "automix_auth.sessions"),
    ("services/projects/src/automix_projects/statements.py", "automix_projects.repository"),
    ("services/projects/src/automix_projects/domain.py", "automix_projects.settings"),
    ("services/media/src/automix_media/repository/assets.py", "automix_media.verification"),
    ("services/media/src/automix_media/domain.py", "automix_media.messages"),
    ("services/mixer/src/automix_mixer/repository/jobs.py", "automix_mixer.peers"),
    ("services/mixer/src/automix_mixer/worker/outcomes.py", "automix_mixer.worker.taking"),
    ("services/mixer/src/automix_mixer/worker/taking.py", "automix_mixer.servicer"),
    ("services/mixer/src/automix_mixer/reactions.py", "automix_mixer.watching"),
    ("services/mixer/src/automix_mixer/webhooks/calling.py", "automix_mixer.webhooks.sender"),
    ("services/mixer/src/automix_mixer/presets/statements.py", "automix_mixer.presets.repository"),
    # Against a domain that does no I/O.
    ("services/auth/src/automix_auth/domain.py", "psycopg"),
    ("services/media/src/automix_media/domain.py", "automix_common.database.pool"),
    ("services/mixer/src/automix_mixer/domain.py", "nats"),
    # Against the rooms of what is common.
    ("libs/common/src/automix_common/process/logs.py", "grpc"),
    ("libs/common/src/automix_common/process/lifecycle.py", "automix_common.database.pool"),
    ("libs/common/src/automix_common/children/child.py", "automix_common.rpc.errors"),
    ("libs/common/src/automix_common/rpc/server.py", "automix_common.database.migrations"),
    ("libs/common/src/automix_common/rpc/edge.py", "psycopg"),
    ("libs/common/src/automix_common/database/pool.py", "automix_common.events.messaging"),
    ("libs/common/src/automix_common/events/messaging.py", "automix_common.runtime"),
    ("libs/common/src/automix_common/process/ids.py", "automix_auth.domain"),
    # Against libraries that stand below.
    ("libs/platform/src/automix_platform/processes.py", "automix_common.process.ids"),
    ("libs/audio/src/automix_audio/errors.py", "automix_common.process.ids"),
    ("libs/client/src/automix_client/errors.py", "automix_common.rpc.errors"),
    ("libs/ops/src/automix_ops/rules.py", "automix_local.errors"),
    # Against an engine that knows no server.
    ("services/mixer/src/automix_mixer/engine/errors.py", "automix_common.process.ids"),
    ("services/mixer/src/automix_mixer/engine/dsp/fir.py", "automix_mixer.engine.plan.tone"),
)

STRAYS = (
    # In files that are no module of any layer.
    *(
        (f"services/{name}/src/automix_{name}/migrations/0001_{first}.py", f"automix_{name}.tables")
        for name, first in (("auth", "auth"), ("projects", "projects"), ("media", "media"), ("mixer", "jobs"))
    ),
    *((f"services/{name}/src/automix_{name}/__init__.py", f"automix_{name}.composition") for name in SERVICES),
    ("services/mixer/src/automix_mixer/worker/__init__.py", "automix_mixer.worker.intake"),
)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of everything that the rules look at."""
    for folder in ("libs", "services", "protos", ".ci"):
        shutil.copytree(
            ROOT / folder,
            tmp_path / folder,
            ignore=lambda at, names: [
                name
                for name in names
                if name in ("tests", "__pycache__") or ("." in name[1:] and not name.endswith((".py", ".toml", ".ini")))
            ],
        )
    return tmp_path


def broken_in(tree: Path) -> tuple[int, str]:
    """The exit code of the check, and what it says without its line breaks."""
    command = [sys.executable, str(tree / ".ci" / "imports.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={"COLUMNS": "1000", "PATH": ""})
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def module(path: str) -> str:
    """The module that a file is."""
    return path.partition("/src/")[2].removesuffix(".py").replace("/", ".")


def test_the_tree_as_it_is_breaks_no_rule(tree: Path) -> None:
    assert broken_in(tree)[0] == 0


def test_the_written_rules_are_those_of_the_tree() -> None:
    made = runpy.run_path(str(ROOT / ".ci" / "imports.py"))["written"](ROOT)
    assert (ROOT / ".importlinter").read_text() == made, "run `python .ci/imports.py --write`"


def test_an_illegal_import_is_caught_in_each_kind_of_place(tree: Path) -> None:
    for path, target in (*ILLEGAL, *STRAYS):
        with (tree / path).open("a") as file:
            file.write(f"\nimport {target}  # illegal\n")
    code, said = broken_in(tree)
    assert code == 1
    missed = [(path, target) for path, target in ILLEGAL if f"{module(path)} -> {target} " not in said]
    missed += [(path, target) for path, target in STRAYS if not re.search(rf"{path}:\d+ imports {target}: ", said)]
    assert not missed


def test_a_module_that_no_layer_names_is_caught(tree: Path) -> None:
    for name in SERVICES:
        (tree / f"services/{name}/src/automix_{name}/helpers.py").touch()
    code, said = broken_in(tree)
    assert code == 1
    for name in SERVICES:
        assert f"automix_{name}.helpers" in said


def test_a_new_service_is_under_the_rules_without_being_named(tree: Path) -> None:
    package = tree / "services/novel/src/automix_novel"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "servicer.py").write_text("import automix_local.errors\n")
    described = tree / "services/novel/pyproject.toml"
    described.write_text('[project]\nname = "automix-novel"\n')
    code, said = broken_in(tree)
    assert code == 1
    assert "services/novel/pyproject.toml must name the service's modules" in said
    described.write_text('[tool.automix]\nlayers = ["servicer"]\n')
    code, said = broken_in(tree)
    assert code == 1
    assert "automix_novel.servicer -> automix_local.errors" in said
