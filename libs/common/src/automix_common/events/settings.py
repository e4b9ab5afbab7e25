"""Settings of a process that has a NATS user, and of one that has a schema as well."""

from pydantic import Field, SecretStr

from automix_common.database.settings import DatabaseSettings
from automix_common.process.settings import ProcessSettings


class MessagingSettings(ProcessSettings):
    """NATS."""

    nats_url: str = Field("nats://127.0.0.1:4222", description="nats://host:port, or tls://host:port")
    nats_user: str | None = Field(None, description="NATS user of this process, whose inboxes are _INBOX_<user>.>")
    nats_password: SecretStr | None = Field(None, description="password of that user")


class RuntimeSettings(DatabaseSettings, MessagingSettings):
    """A process with a schema and a NATS user."""


class PublisherSettings(RuntimeSettings):
    """A process that publishes its schema's outbox."""

    relay_sweep_seconds: float = Field(
        1, gt=0, description="how often the outbox is read when no notification has come"
    )
