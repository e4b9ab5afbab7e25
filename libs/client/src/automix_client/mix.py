"""The whole way in one call: project, uploads, job, download."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from automix.media.v1 import media_pb2
from automix.mixer.v1 import mixer_pb2

from automix_client.assets import BEAT, REFERENCE, VOCALS, Assets
from automix_client.errors import AutomixError
from automix_client.jobs import Jobs
from automix_client.mix_settings import for_file
from automix_client.outputs import Beside, files_beside
from automix_client.plans import asked_or_planned, planned
from automix_client.printing import printable
from automix_client.projects import Projects, fit_name
from automix_client.renders import Renders
from automix_client.targets import check_target, refuse_overlaps
from automix_client.track_options import Options, message_of
from automix_client.uploads import CLEANUP_S, file_sha256

# Verification decodes on the platform's side; more at once only queue up there and spend the quota of open uploads.
UPLOADS_AT_ONCE = 3

Step = Literal["project", "upload", "verify", "mix", "download"]


@dataclass(frozen=True)
class MixProgress:
    """How far a step is: in uploads and downloads `done` of `total` bytes of `name`, in the mix `done` is a share of 1.

    A `total` of 0 means that nobody knows how long it takes, such as the verification of an upload.
    """

    step: Step
    name: str
    done: float
    total: float
    detail: str = ""


@dataclass(frozen=True)
class MixSummary:
    """The result of a mix: where it is, its loudness, the engine's remarks, and how many seconds each step took.

    `beside` are its further masters and its versions, as far as there are any.
    """

    out: Path
    project_id: str
    job_id: str
    render: mixer_pb2.Render
    assets: Sequence[media_pb2.Asset]
    seconds: dict[str, float] = field(default_factory=dict)
    notes: Sequence[str] = ()
    beside: Sequence[Path] = ()

    @property
    def loudness_lufs(self) -> float | None:
        """Integrated loudness; None for silence."""
        return self.render.loudness if self.render.HasField("loudness") else None

    @property
    def true_peak_dbtp(self) -> float | None:
        """Highest true peak; None for silence."""
        return self.render.true_peak if self.render.HasField("true_peak") else None


Listener = Callable[[MixProgress], None]


@dataclass(frozen=True)
class MixRequest:
    """What to mix. With a project and no files, every asset of the project is mixed in its own role.

    `options` are those of the vocals and then of the beats, in their order; missing ones are the engine's choice.
    """

    vocals: Sequence[Path] = ()
    beats: Sequence[Path] = ()
    references: Sequence[Path] = ()
    settings: mixer_pb2.MixSettings | None = None
    project_id: str = ""
    project_name: str = ""
    plan_json: str = ""
    options: Sequence[Options] = ()

    @property
    def files(self) -> list[tuple[Path, media_pb2.AssetRole.ValueType]]:
        """Every file with its role."""
        roles = ((self.vocals, VOCALS), (self.beats, BEAT), (self.references, REFERENCE))
        return [(path, role) for paths, role in roles for path in paths]


class Mixing:
    """Goes the whole way. Cancelled on the way, it gives up its open uploads and cancels its job."""

    def __init__(self, projects: Projects, assets: Assets, jobs: Jobs, renders: Renders) -> None:
        self._projects = projects
        self._assets = assets
        self._jobs = jobs
        self._renders = renders

    async def run(self, request: MixRequest, out: Path, listener: Listener | None = None) -> MixSummary:
        """Mixes and downloads the result to `out`.

        A project that it made is deleted again when no job comes of it. Raises what each step raises: InvalidInputError
        for a file that is refused, JobFailedError, ...
        """
        plan = planned(request.plan_json, out)
        settings = for_file(request.settings, out, plan.get("format"))
        request = replace(request, settings=settings)
        asked = {"masters": settings.masters, "versions": settings.versions}
        wanted = files_beside(out, asked_or_planned(asked, plan))
        outputs = {"out": out} | {f"{file.kind} {file.label} ({i})": file.path for i, file in enumerate(wanted, 1)}
        refuse_overlaps(outputs, [path for path, _ in request.files])
        for path in outputs.values():
            check_target(path)
        tell = listener or (lambda _: None)
        seconds: dict[str, float] = {}
        with _timed(seconds, "project"):
            project_id = (
                request.project_id
                or (await self._projects.create(request.project_name or fit_name(out.stem) or "Mix")).id
            )
            tell(MixProgress("project", project_id, 1, 1))
        with _timed(seconds, "upload"):
            async with self._unless_used(project_id, request):
                assets = await self._upload_all(project_id, request, tell)
        with _timed(seconds, "mix"):
            inputs = _inputs(assets, request.options)
            job = await self._mix(project_id, inputs, request, tell)
        with _timed(seconds, "download"):
            render = await self._renders.get(job.render_id)
            notes = json.loads((await self._renders.report(render.id)).report_json or "{}").get("notes", ())
            await self._renders.download(
                render.id, out, progress=lambda done, total: tell(MixProgress("download", out.name, done, total))
            )
            beside = await self._download_beside(render, wanted, tell)
        return MixSummary(out, project_id, job.id, render, assets, seconds, notes, beside)

    async def _download_beside(self, render: mixer_pb2.Render, wanted: Sequence[Beside], tell: Listener) -> list[Path]:
        """Brings further masters and versions; one that could not be made is not there, which the notes say."""
        files, brought = list(render.files), []
        for one in wanted:
            file = next((file for file in files if one.is_called(file.kind, file.filename)), None)
            if file is None:
                continue
            files.remove(file)

            def progress(done: float, total: float, name: str = one.path.name) -> None:
                tell(MixProgress("download", name, done, total))

            await self._renders.download_file(file.id, one.path, progress=progress)
            brought.append(one.path)
        return brought

    @asynccontextmanager
    async def _unless_used(self, project_id: str, request: MixRequest) -> AsyncIterator[None]:
        """Deletes the project again when the block fails: nobody knows of it yet, and a next attempt makes its own."""
        try:
            yield
        except BaseException:
            if not request.project_id:
                await _despite_cancel(self._projects.delete(project_id))
            raise

    async def _upload_all(self, project_id: str, request: MixRequest, tell: Listener) -> list[media_pb2.Asset]:
        slots = asyncio.Semaphore(UPLOADS_AT_ONCE)
        known: dict[tuple[str, int], media_pb2.Asset] = {}
        if request.project_id and request.files:
            # Mixing the same files again must not fill the project with copies of them.
            known = {(asset.sha256, asset.role): asset async for asset in self._assets.list(project_id)}

        async def one(path: Path, role: media_pb2.AssetRole.ValueType) -> media_pb2.Asset:
            async with slots:
                if known and (asset := known.pop((await asyncio.to_thread(file_sha256, path), role), None)):
                    tell(MixProgress("upload", path.name, asset.size, asset.size, "there already"))
                    return asset
                return await self._upload(project_id, path, role, tell)

        tasks: list[asyncio.Task[media_pb2.Asset]] = []
        try:
            async with asyncio.TaskGroup() as group:
                tasks.extend(group.create_task(one(path, role)) for path, role in request.files)
        # Not `except*`, which early releases of Python 3.11 leave with a group of what is raised in it.
        except ExceptionGroup as errors:
            # The first refusal is the one to act on; the others were cancelled because of it.
            raise errors.exceptions[0] from None
        return [task.result() for task in tasks]

    async def _upload(
        self, project_id: str, path: Path, role: media_pb2.AssetRole.ValueType, tell: Listener
    ) -> media_pb2.Asset:
        opened: list[media_pb2.Upload] = []

        def progress(done: int, total: int) -> None:
            tell(MixProgress("upload", path.name, done, total))
            if done == total:
                tell(MixProgress("verify", path.name, 0, 0))

        try:
            asset = await self._assets.upload(project_id, path, role, progress=progress, opened=opened.append)
        except asyncio.CancelledError:
            for upload in opened:
                await _despite_cancel(self._assets.abort_upload(upload.id))
            raise
        except AutomixError as error:
            error.add_note(printable(path))
            raise
        tell(MixProgress("verify", path.name, 1, 1))
        return asset

    async def _mix(
        self, project_id: str, inputs: Sequence[mixer_pb2.JobInput], request: MixRequest, tell: Listener
    ) -> mixer_pb2.Job:
        creation = asyncio.ensure_future(
            self._jobs.create(project_id, inputs, request.settings, plan_json=request.plan_json)
        )
        try:
            async with self._unless_used(project_id, request):
                job = await asyncio.shield(creation)
            return await self._jobs.wait(
                job.id,
                lambda now: tell(MixProgress("mix", now.id, now.progress, 1, now.stage or _status_name(now))),
            )
        except asyncio.CancelledError:

            async def cancel() -> None:
                await self._jobs.cancel((await creation).id)

            await _despite_cancel(cancel())
            raise


def _inputs(assets: Sequence[media_pb2.Asset], options: Sequence[Options]) -> list[mixer_pb2.JobInput]:
    return [
        mixer_pb2.JobInput(asset_id=asset.id, options=message_of(options[i]) if i < len(options) else None)
        for i, asset in enumerate(assets)
    ]


async def _despite_cancel(cleanup: Coroutine[Any, Any, object]) -> None:
    """Tidies up although the task has been cancelled; what fails here has been told elsewhere or expires by itself."""
    with suppress(AutomixError, TimeoutError):
        async with asyncio.timeout(CLEANUP_S):
            await cleanup


def _status_name(job: mixer_pb2.Job) -> str:
    return mixer_pb2.JobStatus.Name(job.status).removeprefix("JOB_STATUS_").lower()


@contextmanager
def _timed(seconds: dict[str, float], step: Step) -> Iterator[None]:
    start = time.monotonic()
    yield
    seconds[step] = time.monotonic() - start
