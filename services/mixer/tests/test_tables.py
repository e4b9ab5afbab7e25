"""The metadata that statements are written from is the schema that migrations leave."""

from automix_local import Servers
from automix_mixer.presets.tables import presets
from automix_mixer.webhooks.tables import webhooks
from kit.schemas import differences


def test_the_tables_are_those_of_the_migrations(servers: Servers) -> None:
    assert presets.metadata is webhooks.metadata
    assert differences(servers, "mixer", presets.metadata) == []
