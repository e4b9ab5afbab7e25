"""Composition root of the media service."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import timedelta
from functools import partial
from pathlib import Path

from automix.media.v1 import media_pb2, media_pb2_grpc
from automix.projects.v1 import projects_pb2_grpc
from automix_common.children.child import Limits
from automix_common.database import command
from automix_common.objects.cleanup import Collector, Deleter
from automix_common.objects.downloads import Downloads
from automix_common.objects.storage import ObjectStore, S3Store
from automix_common.process.scratch import scratch_root
from automix_common.rpc.client import open_channel
from automix_common.rpc.peer_keys import token_verifier
from automix_common.rpc.server import Service
from automix_common.runtime import Runtime, open_runtime

from automix_media.domain import Quotas
from automix_media.reactions import on_project_deleted, on_user_deleted
from automix_media.receiving import Receiver, StreamLimits
from automix_media.repository.keys import kept_keys
from automix_media.servicer import MediaServicer
from automix_media.settings import MediaSettings
from automix_media.sweeper import Sweeper
from automix_media.verification import AudioLimits, Verifier, VerifyLimits


def quotas(settings: MediaSettings) -> Quotas:
    """What one user may have."""
    return Quotas(settings.max_file_bytes, settings.max_stored_bytes, settings.max_open_uploads)


def stream_limits(settings: MediaSettings) -> StreamLimits:
    """What streams may take."""
    return StreamLimits(
        part_bytes=settings.part_bytes,
        parts_at_once=settings.parts_at_once,
        streams=settings.max_streams,
        streams_of_user=settings.max_streams_of_user,
        idle_seconds=settings.stream_idle_seconds,
        part_seconds=settings.part_seconds,
        slowest_bytes_per_second=settings.slowest_bytes_per_second,
        lease_seconds=settings.writer_lease_seconds,
    )


def verify_limits(settings: MediaSettings, scratch: Path) -> VerifyLimits:
    """What verifications may take, and what they accept."""
    return VerifyLimits(
        audio=AudioLimits(
            max_duration_s=settings.max_duration_seconds,
            max_samples=settings.max_samples,
            max_channels=settings.max_channels,
            min_sample_rate=settings.min_sample_rate,
            max_sample_rate=settings.max_sample_rate,
        ),
        child=Limits(
            memory_bytes=settings.verify_memory_bytes,
            cpu_seconds=settings.verify_cpu_seconds,
            wall_seconds=settings.verify_wall_seconds,
            silence_seconds=settings.verify_silence_seconds,
            writes=False,
        ),
        at_once=settings.max_verifications,
        lease_seconds=settings.verify_lease_seconds,
        scratch=scratch,
    )


@asynccontextmanager
async def open_servicer(
    settings: MediaSettings,
    runtime: Runtime,
    store: ObjectStore,
    projects: "projects_pb2_grpc.ProjectsServiceAsyncStub",
) -> AsyncIterator[MediaServicer]:
    """The servicer with its workers, which finish what they must at the end of the block."""
    with scratch_root(settings.scratch_dir) as scratch:
        receiver = Receiver(runtime.database, store, stream_limits(settings), runtime.stopping)
        verifier = Verifier(runtime.database, store, verify_limits(settings, scratch), runtime.stopping)
        try:
            yield MediaServicer(
                runtime,
                store,
                projects,
                receiver,
                verifier,
                Downloads(store, runtime.stopping, settings),
                quotas=quotas(settings),
                upload_lifetime=timedelta(hours=settings.upload_hours),
                form_lifetime=timedelta(minutes=settings.form_minutes),
            )
        finally:
            await verifier.close()
            await receiver.close()


async def serve_media(settings: MediaSettings) -> None:
    """Wires the service and serves until told to stop."""
    with closing(S3Store(settings, downloads=settings.max_downloads)) as store:
        async with (
            open_runtime(settings, "media") as runtime,
            open_channel(settings.auth_endpoint, settings) as auth,
            open_channel(settings.projects_endpoint, settings) as projects,
            open_servicer(settings, runtime, store, projects_pb2_grpc.ProjectsServiceStub(projects)) as servicer,
        ):
            deleter = Deleter(runtime.database, store, settings.deletion_sweep_seconds)
            collector = Collector(
                runtime.database,
                store,
                ["incoming/", "assets/"],
                kept_keys,
                every_seconds=settings.collect_seconds,
                age_seconds=settings.collect_age_seconds,
            )
            sweeper = Sweeper(
                runtime.database,
                sweep_seconds=settings.upload_sweep_seconds,
                keep_refused=timedelta(days=settings.refused_days),
            )
            service = Service(
                names=[media_pb2.DESCRIPTOR.services_by_name["MediaService"].full_name],
                add=partial(media_pb2_grpc.add_MediaServiceServicer_to_server, servicer),
                background=[
                    runtime.forget,
                    deleter.run,
                    collector.run,
                    sweeper.run,
                    partial(runtime.consume, "media-user-deleted", on_user_deleted),
                    partial(runtime.consume, "media-project-deleted", on_project_deleted),
                ],
            )
            await runtime.serve(service, settings, token_verifier(auth, settings), living=runtime.living())


def main() -> None:
    """Runs `python -m automix_media`."""
    command.main("automix_media", MediaSettings, serve_media)
