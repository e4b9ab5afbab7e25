"""Every named point of every process is struck by SIGKILL again and again while work goes on."""

import ast
import asyncio
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import automix_common.events.consumer
import grpc
import pytest
from automix.auth.v1 import auth_pb2, auth_pb2_grpc
from automix_client.assets import BEAT
from automix_client.client import AsyncClient
from automix_client.errors import AutomixError
from automix_platform.access import CONSUMERS
from kit import audio
from kit.jobs import settle, statuses
from kit.people import PASSWORD, Person, Studio
from kit.stack import WORKERS, Stack
from kit.strikes import STRIKES, Strikes

STORM_SECONDS = 1800
PROCESSES = ("auth", "projects", "media", "mixer", *WORKERS)

WORKER = (
    "worker.after_claim",
    "worker.during_render",
    "worker.after_upload",
    "worker.before_commit",
    "worker.after_commit",
)
MEDIA = (
    "media.part_stored",
    "media.after_fetch",
    "media.after_verify",
    "media.after_put",
    "media.before_commit",
    "media.after_commit",
)
RELAY = ("relay.before_publish", "relay.after_publish")
DELETER = ("deleter.after_delete",)
WEBHOOKS = ("webhooks.before_record",)
CONSUMER = tuple(
    f"{durable.name}.{moment}"
    for durable in CONSUMERS
    if durable.user != "worker"  # the claim is the idempotency of job.queued: those are the points of WORKER
    for moment in ("before_commit", "after_commit")
)
ALL = {*WORKER, *MEDIA, *RELAY, *DELETER, *WEBHOOKS, *CONSUMER}


def points_in(source: Path) -> Iterator[str]:
    """The names that a module's calls of `faults.reach` have; `*` where one is put together."""
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("faults.reach"):
            yield node.args[0].value if isinstance(node.args[0], ast.Constant) else "*"


def test_no_point_is_left_out() -> None:
    root = Path(__file__).parents[2]
    sources = [*root.glob("libs/*/src/**/*.py"), *root.glob("services/*/src/**/*.py")]
    found = {(name, source) for source in sources for name in points_in(source)}
    consumer = Path(automix_common.events.consumer.__file__)
    assert {source for name, source in found if name == "*"} == {consumer}
    assert {name for name, _ in found if name != "*"} == {*WORKER, *MEDIA, *RELAY, *DELETER, *WEBHOOKS}


class Mixing:
    """Jobs for the workers to be struck at, a dozen of them under way at any time, and webhooks that hear of them."""

    points = (*WORKER, *WEBHOOKS)

    def __init__(self, stack: Stack, studios: Sequence[Studio]) -> None:
        self._stack = stack
        self._studios = studios
        self.accepted: list[str] = []

    async def step(self) -> None:
        """Tops up."""
        found = await statuses(self._stack, self.accepted)
        unfinished = sum(status in ("queued", "processing") for status in found.values())
        for number in range(12 - unfinished):
            self.accepted.append(await self._studios[number % len(self._studios)].job())


class Deleting:
    """People who come and go with all that they have, for relays, consumers and deleters to be struck at."""

    points = (*RELAY, *DELETER, *CONSUMER)

    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    async def step(self) -> None:
        """One life."""
        person = await Person.sign_up(self._stack)
        async with person.client() as client:
            project = await client.projects.create("Deleted")
            await client.projects.create("Deleted with me")
            with tempfile.TemporaryDirectory() as folder:
                await client.assets.upload(project.id, audio.beat(Path(folder) / "beat.wav", 0.1), BEAT)
            await client.jobs.create(project.id)
            await client.projects.delete(project.id)
            await client.account.delete(PASSWORD)


class Leaving:
    """People who come and go with nothing: two calls, and news for every consumer of deleted users."""

    points = tuple(point for point in CONSUMER if "user-deleted" in point)

    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    async def step(self) -> None:
        """A short life."""
        person = await Person.sign_up(self._stack)
        request = auth_pb2.DeleteAccountRequest(password=PASSWORD)
        await auth_pb2_grpc.AuthServiceStub(self._stack.channel("auth")).DeleteAccount(
            request, metadata=person.metadata, timeout=20
        )


class Discarding:
    """Projects that are given up at once: two calls, and news for every consumer of deleted projects."""

    points = tuple(point for point in CONSUMER if "project-deleted" in point)

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def step(self) -> None:
        """A false start."""
        await self._client.projects.delete((await self._client.projects.create("Discarded")).id)


class Erasing:
    """Renders that their owner deletes as soon as they are there."""

    points = tuple(point for point in CONSUMER if "render-deleted" in point)

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self.erased: set[str] = set()

    async def step(self) -> None:
        """The next one."""
        async for render in self._studio.client.renders.list(self._studio.project_id):
            await self._studio.client.renders.delete(render.id)
            self.erased.add(render.id)
            return


class Uploading:
    """Uploads for the media service to be struck at."""

    points = MEDIA

    def __init__(self, client: AsyncClient, project_id: str, file: Path) -> None:
        self._client = client
        self._project_id = project_id
        self._file = file
        self.uploaded: set[str] = set()

    async def step(self) -> None:
        """One upload, which survives as many strikes as meet it."""
        self.uploaded.add((await self._client.assets.upload(self._project_id, self._file, BEAT)).id)


Work = Mixing | Deleting | Leaving | Discarding | Erasing | Uploading


async def under_fire(strikes: Strikes, work: Work) -> None:
    """Works for as long as strikes are due at its points; a call that a strike refuses is no failure."""
    while strikes.due(*work.points):
        with suppress(AutomixError, grpc.aio.AioRpcError):
            await work.step()
        await asyncio.sleep(0.2)


@pytest.mark.timeout(STORM_SECONDS + 300)
async def test_every_point_is_struck_while_everything_goes_on(stack: Stack, strikes: Strikes, tmp_path: Path) -> None:
    """All of it at once: strikes at one process meet the restarts of the others."""
    await stack.shorten_ack_waits()
    for point in ALL:
        strikes.order(point, STRIKES)
    async with AsyncExitStack() as opened:
        studios = [await opened.enter_async_context(Studio.open(stack)) for _ in range(4)]
        for studio in studios:
            await studio.client.webhooks.create("http://127.0.0.1:1/hook")
        patient = await opened.enter_async_context((await Person.sign_up(stack)).client())
        project = await patient.projects.create("Uploaded under fire")
        file = audio.beat(tmp_path / "beat.wav", 0.1)
        mixing, uploading = Mixing(stack, studios), Uploading(patient, project.id, file)
        erasing = Erasing(studios[0])
        works = (mixing, uploading, uploading, Deleting(stack), Leaving(stack), Discarding(patient), erasing)
        async with stack.told(strikes.armed(*sorted(ALL)), *PROCESSES), asyncio.timeout(STORM_SECONDS):
            await asyncio.gather(*(under_fire(strikes, work) for work in works))
        assert {point: strikes.struck(point) for point in ALL} == dict.fromkeys(ALL, STRIKES)
        await settle(stack, mixing.accepted)
        ends = await statuses(stack, mixing.accepted)
        assert "succeeded" in ends.values()
        told = await stack.query("SELECT job_id::text, event FROM mixer.webhook_deliveries")
        assert {job: f"job.{end}" for job, end in ends.items()}.items() <= dict(told).items()
        left = [(await studio.client.projects.get(studio.project_id)).no_of_renders for studio in studios]
        erased = await stack.query("SELECT count(*) FROM mixer.jobs WHERE deleted_render_id IS NOT NULL")
        assert erased[0][0] >= len(erasing.erased)
        assert sum(status == "succeeded" for status in ends.values()) == sum(left) + erased[0][0]
        assert uploading.uploaded <= {asset.id async for asset in patient.assets.list(project.id)}
