"""Every process of the platform: how it is run, what it owns, what it may reach.

A process is one entry of `PROCESSES`. What it has no use for, it does not name: a process without a schema has no
Postgres role, one without `messaging` no NATS user, one without `objects` no S3 key.
"""

from dataclasses import dataclass
from enum import StrEnum

from automix_platform.events import (
    JOB_QUEUED,
    JOB_SUCCEEDED,
    PROBE,
    PROGRESS,
    PROJECT_DELETED,
    RENDER_DELETED,
    USER_DELETED,
)


class Protocol(StrEnum):
    """What a process speaks on its port."""

    GRPC = "grpc"
    """Its health is the standard gRPC health service."""
    HTTP = "http"
    """Its health is `HEALTH_PATH`, which answers 200."""


HEALTH_PATH = "/healthz"
METRICS_PORT = 9464
"""Where a process shows Prometheus metrics, in a deployment that collects them."""
PROBE_PORT = 9465
"""Where a process answers health checks without TLS, in a deployment whose probes do not speak it."""


class Scale(StrEnum):
    """How many of a process there should be."""

    REPLICAS = "replicas"
    """As many as its calls need."""
    QUEUE = "queue"
    """As many as wait for it, down to none."""
    ONE = "one"


@dataclass(frozen=True)
class Schema:
    """A schema and the role of its name, which owns it."""

    name: str
    package: str
    """The Python package that holds its migrations: `python -m <package> migrate`."""
    connection_limit: int
    """Most connections of all processes together that connect as the role."""


@dataclass(frozen=True)
class Messaging:
    """What a process says and hears in NATS."""

    publishes: tuple[str, ...] = ()
    subscribes: tuple[str, ...] = ()
    """Core NATS, outside the stream."""
    consumes: tuple[str, ...] = ()
    """Subjects of the stream, each by a durable consumer of its own."""
    manages: bool = False
    """Whether it creates the stream and its consumers."""


@dataclass(frozen=True)
class Objects:
    """What a process may do in the bucket. Each field holds key prefixes, `""` for the whole bucket."""

    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    delete: tuple[str, ...] = ()
    list: tuple[str, ...] = ()
    signs_post_policies: bool = False


@dataclass(frozen=True)
class Process:
    """One process. Its NATS user and its S3 key have its name."""

    name: str
    module: str
    """`python -m <module> <arguments>`."""
    settings: str
    """module:class of what it reads from its environment."""
    does: str
    """What it does, in half a sentence."""
    distribution: str
    """The distribution whose installation can run it."""
    arguments: tuple[str, ...] = ()
    port: int | None = None
    """Where it listens in a deployment; None for a process that nobody calls."""
    protocol: Protocol = Protocol.GRPC
    schema: Schema | None = None
    calls: tuple[str, ...] = ()
    """Processes that it calls."""
    messaging: Messaging | None = None
    objects: Objects | None = None
    scale: Scale = Scale.REPLICAS
    dials_out: bool = False
    """Whether it calls addresses of the public network that users have named."""
    is_public: bool = False
    """Whether users reach it from outside: it passes on their tokens, and their presigned URLs to S3."""

    @property
    def verifies_tokens(self) -> bool:
        """Whether it answers in the name of a caller, whose access token it verifies."""
        return not self.is_public and (self.name == "auth" or "auth" in self.calls)


_MIXER = Schema("mixer", "automix_mixer", 40)

PROCESSES = (
    Process(
        "auth",
        module="automix_auth",
        settings="automix_auth.settings:AuthSettings",
        does="accounts, tokens, public keys",
        distribution="automix-auth",
        port=50051,
        schema=Schema("auth", "automix_auth", 20),
        messaging=Messaging(publishes=("automix.auth.>",)),
    ),
    Process(
        "projects",
        module="automix_projects",
        settings="automix_projects.settings:ProjectsSettings",
        does="containers of work and their render count",
        distribution="automix-projects",
        port=50052,
        schema=Schema("projects", "automix_projects", 20),
        calls=("auth",),
        messaging=Messaging(publishes=("automix.projects.>",), consumes=(USER_DELETED, JOB_SUCCEEDED, RENDER_DELETED)),
    ),
    Process(
        "media",
        module="automix_media",
        settings="automix_media.settings:MediaSettings",
        does="audio in and out: verified uploads, downloads, waveforms",
        distribution="automix-media",
        port=50053,
        schema=Schema("media", "automix_media", 20),
        calls=("auth", "projects"),
        messaging=Messaging(publishes=("automix.media.>",), consumes=(USER_DELETED, PROJECT_DELETED)),
        objects=Objects(
            read=("incoming/", "assets/"),
            write=("incoming/", "assets/"),
            delete=("incoming/", "assets/"),
            list=("incoming/", "assets/"),
            signs_post_policies=True,
        ),
    ),
    Process(
        "mixer",
        module="automix_mixer",
        settings="automix_mixer.settings:MixerSettings",
        does="jobs, renders and webhooks",
        distribution="automix-mixer",
        port=50054,
        schema=_MIXER,
        calls=("auth", "projects", "media"),
        messaging=Messaging(
            publishes=("automix.mixer.>",),
            subscribes=(f"{PROGRESS}.>",),
            consumes=(USER_DELETED, PROJECT_DELETED),
        ),
        objects=Objects(read=("renders/",), delete=("renders/",), list=("renders/",)),
        dials_out=True,  # webhooks
    ),
    Process(
        "worker",
        module="automix_mixer.worker",
        settings="automix_mixer.settings:WorkerSettings",
        does="takes queued jobs and renders them, one core each",
        distribution="automix-mixer",
        port=50055,
        schema=_MIXER,
        messaging=Messaging(publishes=(f"{PROGRESS}.>",), consumes=(JOB_QUEUED,)),
        # Workers never delete: a zombie's delete could strike the winner's object.
        objects=Objects(read=("assets/", "renders/"), write=("renders/",)),
        scale=Scale.QUEUE,
    ),
    Process(
        "gateway",
        module="automix_gateway",
        settings="automix_gateway.settings:GatewaySettings",
        does="HTTP in front of all of them: JSON, events, files, pages",
        distribution="automix-gateway",
        port=8080,
        protocol=Protocol.HTTP,
        calls=("auth", "projects", "media", "mixer"),
        is_public=True,
    ),
    Process(
        "provisioner",
        module="automix_ops",
        arguments=("provision", "--watch"),
        settings="automix_ops.provision:ProvisionSettings",
        does="keeps the stream and its consumers there",
        distribution="automix-ops",
        messaging=Messaging(publishes=("$JS.API.>", PROBE), manages=True),
        scale=Scale.ONE,
    ),
)


def named(name: str) -> Process:
    """The process of that name. Raises KeyError."""
    return {process.name: process for process in PROCESSES}[name]


SCHEMAS = tuple(dict.fromkeys(process.schema for process in PROCESSES if process.schema is not None))
"""Every schema, in the order in which the table first names it."""
