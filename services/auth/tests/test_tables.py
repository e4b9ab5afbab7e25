"""The metadata that statements are written from is the schema that migrations leave."""

from automix_auth.tables import metadata
from automix_local import Servers
from kit.schemas import differences


def test_the_tables_are_those_of_the_migrations(servers: Servers) -> None:
    assert differences(servers, "auth", metadata) == []
