"""Connections to the services."""

from __future__ import annotations

from pathlib import Path

import grpc

from automix_client.endpoints import Address
from automix_client.settings import TlsFiles

# The largest message that either side accepts; audio travels in chunks far below it.
MAX_MESSAGE_BYTES = 4 * 1024 * 1024


def credentials(files: TlsFiles) -> grpc.ChannelCredentials:
    """TLS credentials from PEM files.

    Raises OSError when a file cannot be read.
    """
    return grpc.ssl_channel_credentials(
        root_certificates=Path(files.ca).read_bytes() if files.ca else None,
        private_key=Path(files.key).read_bytes() if files.key else None,
        certificate_chain=Path(files.certificate).read_bytes() if files.certificate else None,
    )


def open_channel(address: Address, tls: TlsFiles) -> grpc.aio.Channel:
    """A channel to one address; it connects at the first call and again by itself whenever the connection is lost."""
    options: list[tuple[str, int | str]] = [
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
        # A service that restarts is back within a second: grpc's default would wait up to two minutes.
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", 1000),
        ("grpc.max_reconnect_backoff_ms", 2000),
        # Connections are shared by all channels of a process otherwise, and a new client would be told of an outage
        # that is over while an older one pauses before it tries again.
        ("grpc.use_local_subchannel_pool", 1),
        # A name may stand for many replicas, among which calls take turns.
        ("grpc.lb_policy_name", "round_robin"),
        ("grpc.dns_min_time_between_resolutions_ms", 5000),
        # Retries are the session's decision, by what each call does, and never a service config's from DNS.
        ("grpc.service_config_disable_resolution", 1),
    ]
    if address.loopback:
        options.append(("grpc.enable_http_proxy", 0))
    if address.encrypted(certificates=tls != TlsFiles()):
        return grpc.aio.secure_channel(address.target, credentials(tls), options=options)
    return grpc.aio.insecure_channel(address.target, options=options)
