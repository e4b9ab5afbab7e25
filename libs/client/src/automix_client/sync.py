"""The same client for code that is not asynchronous: each method runs the asynchronous one to its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from functools import wraps
from types import TracebackType
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, Self, TypeVar

from automix_client.account import Account
from automix_client.assets import Assets
from automix_client.client import AsyncClient
from automix_client.endpoints import Endpoints
from automix_client.jobs import Jobs
from automix_client.personal_tokens import PersonalTokens
from automix_client.presets import Presets
from automix_client.projects import Projects
from automix_client.renders import Renders
from automix_client.settings import Patience, TlsFiles
from automix_client.tokens import TokenStore
from automix_client.webhooks import Webhooks

T = TypeVar("T")
Part = TypeVar("Part")
Arguments = ParamSpec("Arguments")


class Run(Protocol):
    """Runs a coroutine to its end."""

    def __call__(self, work: Coroutine[Any, Any, T], /) -> T:
        """What it returns, or raises."""


class Face(Generic[Part]):
    """A part of the client, one call at a time: its methods are those of the asynchronous part, run to their ends."""

    def __init__(self, part: Part, run: Run) -> None:
        self._part = part
        self._run = run


def one(
    method: Callable[Concatenate[Part, Arguments], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[Face[Part], Arguments], T]:
    """The method without `await`."""

    @wraps(method)
    def call(face: Face[Part], /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> T:
        return face._run(method(face._part, *args, **kwargs))

    return call


def each(
    method: Callable[Concatenate[Part, Arguments], AsyncIterator[T]],
) -> Callable[Concatenate[Face[Part], Arguments], Iterator[T]]:
    """The method with `for` in place of `async for`."""

    @wraps(method)
    def call(face: Face[Part], /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Iterator[T]:
        items = method(face._part, *args, **kwargs)

        async def step() -> list[T]:
            try:
                return [await anext(items)]
            except StopAsyncIteration:
                return []

        while reached := face._run(step()):
            yield from reached

    return call


class SyncAccount(Face[Account]):
    """See Account."""

    sign_up = one(Account.sign_up)
    sign_in = one(Account.sign_in)
    sign_out = one(Account.sign_out)
    me = one(Account.me)
    change_password = one(Account.change_password)
    delete = one(Account.delete)


class SyncPersonalTokens(Face[PersonalTokens]):
    """See PersonalTokens."""

    create = one(PersonalTokens.create)
    list = each(PersonalTokens.list)
    revoke = one(PersonalTokens.revoke)


class SyncProjects(Face[Projects]):
    """See Projects."""

    create = one(Projects.create)
    get = one(Projects.get)
    list = each(Projects.list)
    update = one(Projects.update)
    delete = one(Projects.delete)


class SyncAssets(Face[Assets]):
    """See Assets."""

    upload = one(Assets.upload)
    resume_upload = one(Assets.resume_upload)
    abort_upload = one(Assets.abort_upload)
    get = one(Assets.get)
    list = each(Assets.list)
    update = one(Assets.update)
    delete = one(Assets.delete)
    download = one(Assets.download)
    download_url = one(Assets.download_url)
    waveform = one(Assets.waveform)


class SyncJobs(Face[Jobs]):
    """See Jobs."""

    create = one(Jobs.create)
    get = one(Jobs.get)
    list = each(Jobs.list)
    cancel = one(Jobs.cancel)
    retry = one(Jobs.retry)
    watch = each(Jobs.watch)
    wait = one(Jobs.wait)


class SyncRenders(Face[Renders]):
    """See Renders."""

    get = one(Renders.get)
    list = each(Renders.list)
    report = one(Renders.report)
    whole = one(Renders.whole)
    delete = one(Renders.delete)
    download = one(Renders.download)
    download_file = one(Renders.download_file)
    download_url = one(Renders.download_url)
    file_download_url = one(Renders.file_download_url)


class SyncPresets(Face[Presets]):
    """See Presets."""

    save = one(Presets.save)
    list = each(Presets.list)
    named = one(Presets.named)
    delete = one(Presets.delete)


class SyncWebhooks(Face[Webhooks]):
    """See Webhooks."""

    create = one(Webhooks.create)
    get = one(Webhooks.get)
    list = each(Webhooks.list)
    update = one(Webhooks.update)
    delete = one(Webhooks.delete)
    rotate_secret = one(Webhooks.rotate_secret)
    deliveries = each(Webhooks.deliveries)
    repeat = one(Webhooks.repeat)


class Client(Face[AsyncClient]):
    """A client of one platform for one account; see AsyncClient for every method's meaning and errors.

        with Client("localhost:8080") as automix:
            automix.account.sign_in(email, password)
            summary = automix.mix(["v.wav"], ["b.wav"], out="mix.wav")

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
        token: str | None = None,
    ) -> None:
        """Connects as AsyncClient does."""
        self._runner = asyncio.Runner()

        async def connect() -> AsyncClient:
            return AsyncClient(endpoints, token_store=token_store, tls=tls, patience=patience, token=token)

        try:
            super().__init__(self._runner.run(connect()), self._runner.run)
        except BaseException:
            self._runner.close()
            raise
        self.account = SyncAccount(self._part.account, self._run)
        self.tokens = SyncPersonalTokens(self._part.tokens, self._run)
        self.projects = SyncProjects(self._part.projects, self._run)
        self.assets = SyncAssets(self._part.assets, self._run)
        self.jobs = SyncJobs(self._part.jobs, self._run)
        self.renders = SyncRenders(self._part.renders, self._run)
        self.presets = SyncPresets(self._part.presets, self._run)
        self.webhooks = SyncWebhooks(self._part.webhooks, self._run)

    mix = one(AsyncClient.mix)

    def close(self) -> None:
        """Closes the connections."""
        try:
            self._run(self._part.close())
        finally:
            self._runner.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
