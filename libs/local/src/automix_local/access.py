"""Who may do what in PostgreSQL, NATS and S3: every grant of the stack, as data.

Each service has a role, a user and a key of its own that reach what it needs and nothing else. The same tables
describe what to create on managed servers.
"""

from dataclasses import dataclass

from automix_common.events.topology import CONSUMERS, PROGRESS, STREAM

DATABASE = "automix"
BUCKET = "automix"

DATABASE_ADMIN = "postgres"
S3_ADMIN = "admin"
OPS = "ops"
PROVISIONER = "provisioner"


@dataclass(frozen=True)
class DatabaseRole:
    """A login role. It owns the schema of its name; a reader owns none and may read every schema."""

    name: str
    connection_limit: int
    reader: bool = False


@dataclass(frozen=True)
class NatsUser:
    """A NATS user; its inboxes are `_INBOX_<name>.>`, its consumers those that the topology gives it."""

    name: str
    publish: tuple[str, ...] = ()
    subscribe: tuple[str, ...] = ()
    watches_stream: bool = False

    @property
    def publish_subjects(self) -> tuple[str, ...]:
        """Every subject it may publish to: events, and the few JetStream requests its consumers need."""
        requests = [f"$JS.API.STREAM.INFO.{STREAM}"] if self.watches_stream else []
        for durable in (consumer.name for consumer in CONSUMERS if consumer.user == self.name):
            requests += [
                f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{durable}",
                f"$JS.API.CONSUMER.INFO.{STREAM}.{durable}",
                f"$JS.ACK.{STREAM}.{durable}.>",
            ]
        return (*self.publish, *requests)

    @property
    def subscribe_subjects(self) -> tuple[str, ...]:
        """Every subject it may subscribe to."""
        return (f"_INBOX_{self.name}.>", *self.subscribe)


@dataclass(frozen=True)
class S3Key:
    """An S3 key. Each field holds the key prefixes it applies to, `""` for the whole bucket."""

    name: str
    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    delete: tuple[str, ...] = ()
    list: tuple[str, ...] = ()
    signs_post_policies: bool = False


# The limits add up to less than max_connections of servers/postgres.py. The worker shares the mixer's role.
DATABASE_ROLES = (
    DatabaseRole("auth", 20),
    DatabaseRole("projects", 20),
    DatabaseRole("media", 20),
    DatabaseRole("mixer", 40),
    DatabaseRole(OPS, 5, reader=True),
)

NATS_USERS = (
    NatsUser("auth", publish=("automix.auth.>",), watches_stream=True),
    NatsUser(
        "projects",
        publish=("automix.projects.>",),
        watches_stream=True,
    ),
    NatsUser(
        "media",
        publish=("automix.media.>",),
        watches_stream=True,
    ),
    NatsUser(
        "mixer",
        publish=("automix.mixer.>",),
        subscribe=(f"{PROGRESS}.>",),
        watches_stream=True,
    ),
    NatsUser("worker", publish=(f"{PROGRESS}.>",), watches_stream=True),
    # Sees how far each consumer lags; takes and acknowledges nothing.
    NatsUser(OPS, publish=(f"$JS.API.CONSUMER.INFO.{STREAM}.*",), watches_stream=True),
    NatsUser(PROVISIONER, publish=("$JS.API.>",)),
)

S3_KEYS = (
    S3Key(
        "media",
        read=("incoming/", "assets/"),
        write=("incoming/", "assets/"),
        delete=("incoming/", "assets/"),
        list=("incoming/", "assets/"),
        signs_post_policies=True,
    ),
    S3Key("mixer", read=("renders/",), delete=("renders/",), list=("renders/",)),
    # Workers never delete: a zombie's delete could strike the winner's object.
    S3Key("worker", read=("assets/", "renders/"), write=("renders/",)),
    S3Key(OPS, read=("",), list=("",)),
)
