"""Servers with every schema and no service: what is in them is what a test wrote."""

from collections.abc import Iterator

import pytest
from automix_common.database.migrations import upgrade
from automix_local import Servers
from kit.servers import launched

SCHEMAS = ("auth", "projects", "media", "mixer")


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """PostgreSQL with every migration, NATS and S3."""
    with launched(tmp_path_factory.mktemp("ops") / "state") as servers:
        for schema in SCHEMAS:
            upgrade(f"automix_{schema}", servers.database_url(schema))
        yield servers
