"""The same client for code that is not asynchronous: each method runs the asynchronous one to its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from automix.auth.v1 import auth_pb2
from automix.media.v1 import media_pb2
from automix.mixer.v1 import mixer_pb2
from automix.projects.v1 import projects_pb2

from automix_client.client import AsyncClient
from automix_client.downloads import Facts
from automix_client.endpoints import Endpoints
from automix_client.mix import Listener, MixSummary
from automix_client.settings import Patience, TlsFiles
from automix_client.tokens import TokenStore
from automix_client.uploads import ByteProgress

T = TypeVar("T")


class Run(Protocol):
    """Runs a coroutine to its end."""

    def __call__(self, work: Coroutine[Any, Any, T], /) -> T:
        """What it returns, or raises."""


class Client:
    """A client of one platform for one account; see AsyncClient for every method's meaning and errors.

        with Client("localhost:8080") as automix:
            automix.account.sign_in(email, password)
            summary = automix.mix([Path("v.wav")], [Path("b.wav")], out=Path("mix.wav"))

    It has an event loop of its own: not for use inside a running one, nor by several threads at once. Ctrl-C during a
    call cancels it, and with it a mix's job.
    """

    def __init__(
        self,
        endpoints: Endpoints | str | None = None,
        *,
        token_store: TokenStore | None = None,
        tls: TlsFiles | None = None,
        patience: Patience | None = None,
    ) -> None:
        """Connects as AsyncClient does."""
        self._runner = asyncio.Runner()

        async def connect() -> AsyncClient:
            return AsyncClient(endpoints, token_store=token_store, tls=tls, patience=patience)

        try:
            self._client = self._run(connect())
        except BaseException:
            self._runner.close()
            raise
        self.account = SyncAccount(self._client, self._run)
        self.projects = SyncProjects(self._client, self._run)
        self.assets = SyncAssets(self._client, self._run)
        self.jobs = SyncJobs(self._client, self._run)
        self.renders = SyncRenders(self._client, self._run)

    def mix(
        self,
        vocals: Sequence[Path] = (),
        beats: Sequence[Path] = (),
        references: Sequence[Path] = (),
        settings: mixer_pb2.MixSettings | None = None,
        *,
        out: Path,
        project_id: str = "",
        project_name: str = "Mix",
        plan_json: str = "",
        progress: Listener | None = None,
    ) -> MixSummary:
        """Uploads, mixes and downloads; see AsyncClient.mix."""
        return self._run(
            self._client.mix(
                vocals,
                beats,
                references,
                settings,
                out=out,
                project_id=project_id,
                project_name=project_name,
                plan_json=plan_json,
                progress=progress,
            )
        )

    def close(self) -> None:
        """Closes the connections."""
        try:
            self._run(self._client.close())
        finally:
            self._runner.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _run(self, work: Coroutine[Any, Any, T], /) -> T:
        return self._runner.run(work)


class SyncAccount:
    """Account, one call at a time."""

    def __init__(self, client: AsyncClient, run: Run) -> None:
        self._account = client.account
        self._run = run

    def sign_up(self, email: str, password: str) -> auth_pb2.User:
        """See Account.sign_up."""
        return self._run(self._account.sign_up(email, password))

    def sign_in(self, email: str, password: str) -> auth_pb2.User:
        """See Account.sign_in."""
        return self._run(self._account.sign_in(email, password))

    def sign_out(self) -> None:
        """See Account.sign_out."""
        self._run(self._account.sign_out())

    def me(self) -> auth_pb2.User:
        """See Account.me."""
        return self._run(self._account.me())

    def change_password(self, current: str, new: str) -> None:
        """See Account.change_password."""
        self._run(self._account.change_password(current, new))

    def delete(self, password: str) -> None:
        """See Account.delete."""
        self._run(self._account.delete(password))


class SyncProjects:
    """Projects, one call at a time."""

    def __init__(self, client: AsyncClient, run: Run) -> None:
        self._projects = client.projects
        self._run = run

    def create(self, name: str, *, request_id: str | None = None) -> projects_pb2.Project:
        """See Projects.create."""
        return self._run(self._projects.create(name, request_id=request_id))

    def get(self, project_id: str) -> projects_pb2.Project:
        """See Projects.get."""
        return self._run(self._projects.get(project_id))

    def list(self) -> Iterator[projects_pb2.Project]:
        """See Projects.list."""
        return each(self._run, self._projects.list())

    def update(
        self, project_id: str, *, name: str | None = None, completed: bool | None = None
    ) -> projects_pb2.Project:
        """See Projects.update."""
        return self._run(self._projects.update(project_id, name=name, completed=completed))

    def delete(self, project_id: str) -> None:
        """See Projects.delete."""
        self._run(self._projects.delete(project_id))


class SyncAssets:
    """Assets, one call at a time."""

    def __init__(self, client: AsyncClient, run: Run) -> None:
        self._assets = client.assets
        self._run = run

    def upload(
        self,
        project_id: str,
        path: Path,
        role: media_pb2.AssetRole.ValueType,
        *,
        filename: str | None = None,
        progress: ByteProgress | None = None,
        opened: Callable[[media_pb2.Upload], None] | None = None,
        request_id: str | None = None,
    ) -> media_pb2.Asset:
        """See Uploads.upload."""
        work = self._assets.upload(
            project_id, path, role, filename=filename, progress=progress, opened=opened, request_id=request_id
        )
        return self._run(work)

    def resume_upload(self, upload_id: str, path: Path, *, progress: ByteProgress | None = None) -> media_pb2.Asset:
        """See Uploads.resume."""
        return self._run(self._assets.resume_upload(upload_id, path, progress=progress))

    def abort_upload(self, upload_id: str) -> None:
        """See Uploads.abort."""
        self._run(self._assets.abort_upload(upload_id))

    def get(self, asset_id: str) -> media_pb2.Asset:
        """See Assets.get."""
        return self._run(self._assets.get(asset_id))

    def list(self, project_id: str) -> Iterator[media_pb2.Asset]:
        """See Assets.list."""
        return each(self._run, self._assets.list(project_id))

    def update(
        self, asset_id: str, *, role: media_pb2.AssetRole.ValueType | None = None, filename: str | None = None
    ) -> media_pb2.Asset:
        """See Assets.update."""
        return self._run(self._assets.update(asset_id, role=role, filename=filename))

    def delete(self, asset_id: str) -> None:
        """See Assets.delete."""
        self._run(self._assets.delete(asset_id))

    def download(
        self, asset_id: str, target: Path, *, overwrite: bool = True, progress: ByteProgress | None = None
    ) -> Facts:
        """See Downloads.fetch."""
        return self._run(self._assets.download(asset_id, target, overwrite=overwrite, progress=progress))

    def download_url(self, asset_id: str, *, lifetime_s: int | None = None) -> media_pb2.CreateDownloadUrlResponse:
        """See Assets.download_url."""
        return self._run(self._assets.download_url(asset_id, lifetime_s=lifetime_s))

    def waveform(self, asset_id: str) -> media_pb2.GetWaveformResponse:
        """See Assets.waveform."""
        return self._run(self._assets.waveform(asset_id))


class SyncJobs:
    """Jobs, one call at a time."""

    def __init__(self, client: AsyncClient, run: Run) -> None:
        self._jobs = client.jobs
        self._run = run

    def create(
        self,
        project_id: str,
        inputs: Sequence[mixer_pb2.JobInput] = (),
        settings: mixer_pb2.MixSettings | None = None,
        *,
        plan_json: str = "",
        request_id: str | None = None,
    ) -> mixer_pb2.Job:
        """See Jobs.create."""
        return self._run(self._jobs.create(project_id, inputs, settings, plan_json=plan_json, request_id=request_id))

    def get(self, job_id: str) -> mixer_pb2.Job:
        """See Jobs.get."""
        return self._run(self._jobs.get(job_id))

    def list(self, project_id: str) -> Iterator[mixer_pb2.Job]:
        """See Jobs.list."""
        return each(self._run, self._jobs.list(project_id))

    def cancel(self, job_id: str) -> mixer_pb2.Job:
        """See Jobs.cancel."""
        return self._run(self._jobs.cancel(job_id))

    def retry(self, job_id: str, *, request_id: str | None = None) -> mixer_pb2.Job:
        """See Jobs.retry."""
        return self._run(self._jobs.retry(job_id, request_id=request_id))

    def watch(self, job_id: str) -> Iterator[mixer_pb2.Job]:
        """See Jobs.watch."""
        return each(self._run, self._jobs.watch(job_id))

    def wait(self, job_id: str, progress: Callable[[mixer_pb2.Job], None] | None = None) -> mixer_pb2.Job:
        """See Jobs.wait."""
        return self._run(self._jobs.wait(job_id, progress))


class SyncRenders:
    """Renders, one call at a time."""

    def __init__(self, client: AsyncClient, run: Run) -> None:
        self._renders = client.renders
        self._run = run

    def get(self, render_id: str) -> mixer_pb2.Render:
        """See Renders.get."""
        return self._run(self._renders.get(render_id))

    def list(self, project_id: str) -> Iterator[mixer_pb2.Render]:
        """See Renders.list."""
        return each(self._run, self._renders.list(project_id))

    def report(self, render_id: str) -> mixer_pb2.GetRenderReportResponse:
        """See Renders.report."""
        return self._run(self._renders.report(render_id))

    def download(
        self, render_id: str, target: Path, *, overwrite: bool = True, progress: ByteProgress | None = None
    ) -> Facts:
        """See Downloads.fetch."""
        return self._run(self._renders.download(render_id, target, overwrite=overwrite, progress=progress))

    def download_file(
        self, file_id: str, target: Path, *, overwrite: bool = True, progress: ByteProgress | None = None
    ) -> Facts:
        """See Renders.download_file."""
        return self._run(self._renders.download_file(file_id, target, overwrite=overwrite, progress=progress))

    def download_url(
        self, render_id: str, *, lifetime_s: int | None = None
    ) -> mixer_pb2.CreateRenderDownloadUrlResponse:
        """See Renders.download_url."""
        return self._run(self._renders.download_url(render_id, lifetime_s=lifetime_s))


def each(run: Run, items: AsyncIterator[T]) -> Iterator[T]:
    """The items of an asynchronous iterator, one step at a time."""

    async def step() -> list[T]:
        try:
            return [await anext(items)]
        except StopAsyncIteration:
            return []

    while reached := run(step()):
        yield from reached
