"""`helm install`, then a mix from outside of the cluster: what comes is what the embedded stack makes."""

import hashlib
import uuid
from pathlib import Path

import pytest
from kit import audio
from kit.cluster import Release
from kit.command import Command
from kit.people import PASSWORD

from .conftest import PORTS, READY_SECONDS

SERVICES = ("auth", "projects", "media", "mixer")


async def mixed(command: Command) -> str:
    """The digest of a mix by `automix mix`."""
    folder = command.folder
    vocal, beat = audio.vocal(folder / "vocal.wav", 4.0), audio.beat(folder / "beat.wav", 6.0)
    outcome = await command("mix", "--vocals", vocal, "--beat", beat, "--out", folder / "mix.wav")
    assert outcome.code == 0, outcome.err
    return hashlib.sha256((folder / "mix.wav").read_bytes()).hexdigest()


@pytest.fixture(scope="module")
async def embedded(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The digest of the mix that the embedded stack makes."""
    folder = tmp_path_factory.mktemp("embedded")
    return await mixed(Command(folder, {"AUTOMIX_STATE_DIR": str(folder / "state")}))


def test_it_is_ready_within_two_minutes(installing: tuple[Release, float]) -> None:
    assert installing[1] <= READY_SECONDS


@pytest.mark.parametrize("by", ["gateway", "services"])
async def test_a_mix_from_outside_is_the_embedded_stacks(
    release: Release, embedded: str, tmp_path: Path, by: str
) -> None:
    environment = {
        f"AUTOMIX_{name.upper()}_ENDPOINT": f"http://{release.node}:{PORTS['gateway' if by == 'gateway' else name]}"
        for name in SERVICES
    }
    outside = Command(tmp_path, environment | {"AUTOMIX_PASSWORD": PASSWORD})
    assert (await outside("signup", f"{uuid.uuid4().hex}@example.org")).code == 0
    assert await mixed(outside) == embedded
    assert not (await release.check()).findings


async def test_no_pod_was_started_anew_on_the_way(release: Release) -> None:
    restarts = {
        pod["metadata"]["name"]: status["restartCount"]
        for pod in await release.objects("pods")
        for status in pod["status"].get("containerStatuses", ())
    }
    assert set(restarts.values()) == {0}, restarts
