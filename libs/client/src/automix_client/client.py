"""The asynchronous client: everything that the platform does, in one place."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from automix.auth.v1.auth_pb2_grpc import AuthServiceStub
from automix.media.v1.media_pb2_grpc import MediaServiceStub
from automix.mixer.v1 import mixer_pb2
from automix.mixer.v1.mixer_pb2_grpc import MixerServiceStub
from automix.mixer.v1.webhooks_pb2_grpc import WebhooksServiceStub
from automix.projects.v1.projects_pb2_grpc import ProjectsServiceStub

from automix_client.account import Account
from automix_client.assets import Assets
from automix_client.channel import open_channel
from automix_client.downloads import Downloads
from automix_client.endpoints import EndpointError, Endpoints, discover_embedded, find_endpoints
from automix_client.jobs import Jobs
from automix_client.mix import Listener, Mixing, MixRequest, MixSummary
from automix_client.mix_settings import mix_settings
from automix_client.personal_tokens import PersonalTokens
from automix_client.presets import Presets
from automix_client.projects import Projects
from automix_client.renders import Renders
from automix_client.session import Session
from automix_client.settings import AnyPath, ConfigurationError, Patience, TlsFiles
from automix_client.tokens import MemoryTokenStore, TokenStore
from automix_client.track_options import Options
from automix_client.uploads import Uploads
from automix_client.webhooks import Webhooks


class AsyncClient:
    """A client of one platform for one account.

    `account`, `tokens`, `projects`, `assets`, `jobs`, `renders` and `webhooks` hold the calls, `mix` goes the whole
    way:

        async with AsyncClient("localhost:8080") as automix:
            await automix.account.sign_in(email, password)
            summary = await automix.mix(["v.wav"], ["b.wav"], out="mix.wav")

    Made inside a running event loop. Tokens live as long as the client unless a `token_store` keeps them.
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
        """Connects to `endpoints`, else to those of the environment, else to the embedded stack.

        With a personal `token`, by default that of AUTOMIX_TOKEN, it calls in its owner's name until somebody signs in.

        Raises EndpointError when there are none.
        """
        self.endpoints = _resolve(endpoints)
        tls = tls or TlsFiles.from_environment(os.environ)
        where = self.endpoints
        self._channels = {
            address: open_channel(address, tls) for address in {where.auth, where.projects, where.media, where.mixer}
        }
        auth = AuthServiceStub(self._channels[where.auth])
        media = MediaServiceStub(self._channels[where.media])
        mixer = MixerServiceStub(self._channels[where.mixer])
        token = os.environ.get("AUTOMIX_TOKEN", "").strip() if token is None else token
        session = Session(auth, token_store or MemoryTokenStore(), patience or Patience(), token)
        downloads = Downloads(session)
        self.session = session
        self.account = Account(auth, session)
        self.tokens = PersonalTokens(auth, session)
        self.projects = Projects(ProjectsServiceStub(self._channels[where.projects]), session)
        self.assets = Assets(media, session, Uploads(media, session), downloads)
        self.jobs = Jobs(mixer, session)
        self.renders = Renders(mixer, session, downloads)
        self.webhooks = Webhooks(WebhooksServiceStub(self._channels[where.mixer]), session)
        self.presets = Presets(mixer, session)
        self._mixing = Mixing(self.projects, self.assets, self.jobs, self.renders)

    async def mix(
        self,
        vocals: Sequence[AnyPath] = (),
        beats: Sequence[AnyPath] = (),
        references: Sequence[AnyPath] = (),
        settings: mixer_pb2.MixSettings | Mapping[str, Any] | None = None,
        *,
        out: AnyPath,
        project_id: str = "",
        project_name: str = "",
        plan_json: str = "",
        track_options: Sequence[Options] = (),
        progress: Listener | None = None,
    ) -> MixSummary:
        """Uploads the files into a project (a new one unless `project_id` names one), mixes them, downloads to `out`.

        Without files every asset of the project is mixed. `settings` are a message, or names and values such as
        `{"reverb_amount": 0.5}`. The ending of `out` says the format: .wav (24 bit), .flac (24 bit) or .mp3, unless the
        settings name another that ends so. `track_options` say what is asked of each vocal and then of each beat, such
        as `{"role": "lead", "level_db": 1.0}`. Cancelling the task cancels the job.

        Raises ConfigurationError for an ending that goes with no format and for a setting that does not exist,
        InvalidInputError for a file that is refused, JobFailedError when the mix fails.
        """
        request = MixRequest(
            _paths("vocals", vocals),
            _paths("beats", beats),
            _paths("references", references),
            mix_settings(settings) if isinstance(settings, Mapping) else settings,
            project_id,
            project_name,
            plan_json,
            track_options,
        )
        return await self._mixing.run(request, Path(out), progress)

    async def close(self) -> None:
        """Closes the connections."""
        async with AsyncExitStack() as stack:
            for channel in self._channels.values():
                stack.push_async_callback(channel.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()


def _paths(name: str, files: Sequence[AnyPath]) -> list[Path]:
    if isinstance(files, str | os.PathLike):
        raise ConfigurationError(f"{name} is a list of files, not one: [{str(files)!r}]")
    return [Path(file) for file in files]


def _resolve(endpoints: Endpoints | str | None) -> Endpoints:
    if isinstance(endpoints, Endpoints):
        return endpoints
    found = find_endpoints([endpoints] if endpoints else (), os.environ, discover_embedded)
    if found is None:
        raise EndpointError("no AutoMix runs on this machine: start it with `automix up`, or name an endpoint")
    return found
