"""The metadata that statements are written from is the schema that migrations leave."""

from automix_local import Servers
from automix_mixer.webhooks.tables import metadata
from kit.schemas import differences


def test_the_tables_are_those_of_the_migrations(servers: Servers) -> None:
    assert differences(servers, "mixer", metadata) == []
