"""Who may do what in PostgreSQL, NATS and S3: every grant, as it follows from the table of processes.

Each process has a role, a user and a key that reach what it needs and nothing else. The embedded stack is provisioned
from here; managed servers should be given the same.
"""

from dataclasses import dataclass

from automix_platform.events import STREAM, durable, inbox
from automix_platform.processes import PROCESSES, SCHEMAS, Messaging, Objects

DATABASE = "automix"
BUCKET = "automix"

DATABASE_ADMIN = "postgres"
S3_ADMIN = "admin"
OPS = "ops"
"""The operator: reads everything, changes nothing."""
PROVISIONER = "provisioner"


@dataclass(frozen=True)
class DatabaseRole:
    """A login role. It owns the schema of its name; a reader owns none and may read every schema."""

    name: str
    connection_limit: int
    reader: bool = False


@dataclass(frozen=True)
class NatsUser:
    """A NATS user and the subjects it may use."""

    name: str
    publish_subjects: tuple[str, ...]
    subscribe_subjects: tuple[str, ...]


@dataclass(frozen=True)
class S3Key:
    """An S3 key and what it may do."""

    name: str
    objects: Objects


CONSUMERS = tuple(
    durable(process.name, subject)
    for process in PROCESSES
    if process.messaging is not None
    for subject in process.messaging.consumes
)
"""Every durable consumer of the stream."""


def _nats_user(name: str, messaging: Messaging) -> NatsUser:
    """What it may publish: its events, and the few JetStream requests that its consumers need."""
    requests = [] if messaging.manages else [f"$JS.API.STREAM.INFO.{STREAM}"]
    for subject in messaging.consumes:
        consumer = durable(name, subject).name
        requests += [
            f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{consumer}",
            f"$JS.API.CONSUMER.INFO.{STREAM}.{consumer}",
            f"$JS.ACK.{STREAM}.{consumer}.>",
        ]
    return NatsUser(name, (*messaging.publishes, *requests), (f"{inbox(name)}.>", *messaging.subscribes))


DATABASE_ROLES = (
    *(DatabaseRole(schema.name, schema.connection_limit) for schema in SCHEMAS),
    DatabaseRole(OPS, 5, reader=True),
)

NATS_USERS = (
    *(_nats_user(process.name, process.messaging) for process in PROCESSES if process.messaging is not None),
    # Sees how far each consumer lags; takes and acknowledges nothing.
    _nats_user(OPS, Messaging(publishes=(f"$JS.API.CONSUMER.INFO.{STREAM}.*",))),
)

S3_KEYS = (
    *(S3Key(process.name, process.objects) for process in PROCESSES if process.objects is not None),
    S3Key(OPS, Objects(read=("",), list=("",))),
)


def policy(key: S3Key) -> dict[str, object]:
    """The key's grants as an IAM policy document, which any S3 understands."""
    objects = {
        ("s3:GetObject",): key.objects.read,
        ("s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"): key.objects.write,
        ("s3:DeleteObject",): key.objects.delete,
    }
    statements: list[dict[str, object]] = [
        {
            "Effect": "Allow",
            "Action": list(actions),
            "Resource": [f"arn:aws:s3:::{BUCKET}/{prefix}*" for prefix in prefixes],
        }
        for actions, prefixes in objects.items()
        if prefixes
    ]
    if key.objects.list:
        listing: dict[str, object] = {
            "Effect": "Allow",
            "Action": ["s3:ListBucket"],
            "Resource": [f"arn:aws:s3:::{BUCKET}"],
        }
        if "" not in key.objects.list:
            listing["Condition"] = {"StringLike": {"s3:prefix": [f"{prefix}*" for prefix in key.objects.list]}}
        statements.append(listing)
    return {"Version": "2012-10-17", "Statement": statements}
