"""Composition root of the mixer's API process."""

from contextlib import closing
from datetime import timedelta
from functools import partial

import grpc
from automix.media.v1 import media_pb2_grpc
from automix.mixer.v1 import mixer_pb2, mixer_pb2_grpc, webhooks_pb2, webhooks_pb2_grpc
from automix.projects.v1 import projects_pb2_grpc
from automix_common.database import command
from automix_common.objects.cleanup import Collector, Deleter
from automix_common.objects.downloads import Downloads
from automix_common.objects.storage import S3Store
from automix_common.rpc.client import open_channel
from automix_common.rpc.peer_keys import token_verifier
from automix_common.rpc.server import Service
from automix_common.runtime import open_runtime

from automix_mixer.peers import Peers
from automix_mixer.queue_depth import QueueDepth
from automix_mixer.reactions import on_project_deleted, on_user_deleted
from automix_mixer.repository.keys import kept_keys
from automix_mixer.servicer import MixerServicer
from automix_mixer.settings import MixerSettings
from automix_mixer.sweeper import Sweeper
from automix_mixer.watching import Watcher
from automix_mixer.webhooks.calling import Caller
from automix_mixer.webhooks.sender import Sender
from automix_mixer.webhooks.servicer import WebhooksServicer


async def serve_mixer(settings: MixerSettings) -> None:
    """Wires the service and serves until told to stop."""
    async with (
        open_runtime(settings, "mixer") as runtime,
        open_channel(settings.auth_endpoint, settings) as auth,
        open_channel(settings.projects_endpoint, settings) as projects,
        open_channel(settings.media_endpoint, settings) as media,
    ):
        database = runtime.database
        with closing(S3Store(settings, downloads=settings.max_downloads)) as store:
            peers = Peers(
                projects_pb2_grpc.ProjectsServiceStub(projects),
                media_pb2_grpc.MediaServiceStub(media),
                settings.limits,
            )
            watcher = Watcher(runtime, poll_seconds=settings.watch_seconds, watches_of_user=settings.max_watches)
            servicer = MixerServicer(
                database,
                Downloads(store, runtime.stopping, settings),
                peers,
                watcher,
                limits=settings.limits,
                kept_for=timedelta(seconds=settings.deleted_render_seconds),
            )
            sweeper = Sweeper(
                database, sweep_seconds=settings.sweep_seconds, stale_seconds=settings.stale_queued_seconds
            )
            collector = Collector(
                database,
                store,
                ["renders/"],
                kept_keys,
                every_seconds=settings.collect_seconds,
                age_seconds=settings.collect_age_seconds,
            )
            private = settings.webhook_private_addresses
            webhooks = WebhooksServicer(database, quota=settings.max_webhooks, private=private)
            caller = Caller(private=private, authorities=settings.tls_ca if private else None)

            def add(server: grpc.aio.Server) -> None:
                mixer_pb2_grpc.add_MixerServiceServicer_to_server(servicer, server)
                webhooks_pb2_grpc.add_WebhooksServiceServicer_to_server(webhooks, server)

            service = Service(
                names=[
                    mixer_pb2.DESCRIPTOR.services_by_name["MixerService"].full_name,
                    webhooks_pb2.DESCRIPTOR.services_by_name["WebhooksService"].full_name,
                ],
                add=add,
                background=[
                    partial(runtime.relay, settings.relay_sweep_seconds),
                    runtime.forget,
                    partial(runtime.consume, "mixer-user-deleted", on_user_deleted),
                    partial(runtime.consume, "mixer-project-deleted", on_project_deleted),
                    sweeper.run,
                    QueueDepth(database, settings.queue_depth_seconds).run,
                    Deleter(database, store, settings.deletion_sweep_seconds).run,
                    collector.run,
                    Sender(database, caller, settings.webhook_sweep_seconds).run,
                ],
            )
            await runtime.serve(service, settings, token_verifier(auth, settings), living=runtime.living())


def main() -> None:
    """Runs `python -m automix_mixer`."""
    command.main("automix_mixer", MixerSettings, serve_mixer)
