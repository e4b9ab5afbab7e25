"""The three servers given by URL: they run already, for these tests alone."""

import json
import os
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import psycopg
import pytest
from automix_local import Servers
from automix_local.servers import postgres, s3
from automix_ops.roles import provision_roles
from automix_platform.access import DATABASE, DATABASE_ADMIN, DATABASE_ROLES

from kit.storage import client_of

VARIABLES = (
    "AUTOMIX_TEST_DATABASE_URL",
    "AUTOMIX_TEST_NATS_URL",
    "AUTOMIX_TEST_S3_ENDPOINT",
    "AUTOMIX_TEST_SECRETS",
)


class ExternalServers(Servers):
    """Servers that somebody else runs.

    AUTOMIX_TEST_DATABASE_URL (of a superuser), AUTOMIX_TEST_NATS_URL and AUTOMIX_TEST_S3_ENDPOINT say where they are.
    AUTOMIX_TEST_SECRETS names a JSON file with the passwords and keys that NATS and S3 know the services by, as in an
    embedded stack's secrets.json. Roles, schemas and grants are created in the database.
    """

    def __init__(self, state_dir: Path) -> None:
        self._database, self._nats_url, self._s3_endpoint, secrets = (os.environ[name] for name in VARIABLES)
        super().__init__(state_dir, given=json.loads(Path(secrets).read_text()))

    @classmethod
    def or_skip(cls, state_dir: Path) -> Self:
        """Skips when a variable is not set."""
        missing = [name for name in VARIABLES if name not in os.environ]
        if missing:
            pytest.skip(f"SERVERS=external: {', '.join(missing)} not set", allow_module_level=True)
        return cls(state_dir)

    def claim_ports(self) -> None:
        """They have theirs."""

    def launch(self, name: str) -> None:
        """Create what the running server lacks; what an earlier session left in it goes first."""
        (self.state.path / name).mkdir(mode=0o700, exist_ok=True)
        if name == postgres.NAME:
            with psycopg.connect(self._database, autocommit=True) as connection:
                connection.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        if name == s3.NAME:
            self._empty_bucket()
        self.provision(name)

    def provision(self, name: str) -> None:
        """Roles and schemas; NATS and S3 are configured by whoever runs them."""
        if name == postgres.NAME:
            passwords = {role.name: self.secrets[postgres.secret_of(role.name)] for role in DATABASE_ROLES}
            provision_roles(self._database, self.database_url(DATABASE_ADMIN), passwords)

    def _empty_bucket(self) -> None:
        bucket = client_of(self)
        for entry in bucket.list_objects(self.s3_bucket, recursive=True):
            bucket.remove_object(self.s3_bucket, str(entry.object_name))

    def database_url(self, role: str) -> str:
        """postgresql://role:password@host:port/automix."""
        given = urlsplit(self._database)
        user = f"{role}:{self.secrets[postgres.secret_of(role)]}"
        if role == DATABASE_ADMIN:
            user = f"{given.username}:{given.password}"
        return f"postgresql://{user}@{given.hostname}:{given.port or 5432}/{DATABASE}"

    @property
    def nats_url(self) -> str:
        """As given."""
        return self._nats_url

    @property
    def s3_endpoint(self) -> str:
        """As given."""
        return self._s3_endpoint
