"""What a deployment runs as jobs and processes: settings from the environment alone."""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Callable

import psycopg
from automix_common.process.command import load
from automix_common.process.logs import configure_logging, logger
from automix_platform.access import DATABASE_ROLES

from automix_ops.credentials import Cluster, ClusterError, ensure
from automix_ops.grants import grants
from automix_ops.provision import ProvisionSettings, provision, watch
from automix_ops.roles import provision_roles

log = logger(__name__)

AGAIN_SECONDS = 2.0


def provisioner(arguments: argparse.Namespace) -> None:
    """Creates the stream and its consumers, once or for as long as it runs."""
    settings = load(ProvisionSettings)
    configure_logging("automix_ops.provision", settings.log_level)
    asyncio.run(watch(settings) if arguments.watch else provision(settings))


def credentials(arguments: argparse.Namespace) -> None:
    """Makes the secret with every password and key, or what it lacks."""
    configure_logging("automix_ops.credentials", "INFO")
    try:
        made = ensure(Cluster.from_pod(), arguments.namespace, arguments.secret)
    except ClusterError as error:
        sys.exit(f"error: {error}")
    log.info("credentials", secret=arguments.secret, made=made)


def roles(arguments: argparse.Namespace) -> None:
    """Creates the database, roles and schemas as the administrator of AUTOMIX_DATABASE_URL."""
    configure_logging("automix_ops.roles", "INFO")
    try:
        database = os.environ["AUTOMIX_DATABASE_URL"]
        passwords = {role.name: os.environ[f"ROLE_{role.name.upper()}"] for role in DATABASE_ROLES}
    except KeyError as missing:
        sys.exit(f"error: {missing.args[0]} is not set")
    name = psycopg.conninfo.conninfo_to_dict(database).get("dbname")
    server = psycopg.conninfo.make_conninfo(database, dbname="postgres")
    deadline = time.monotonic() + arguments.wait
    while True:
        try:
            provision_roles(server, database, passwords, str(name))
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline:
                sys.exit(f"error: {error}")
            log.info("waiting", why=str(error).splitlines()[0])
            time.sleep(AGAIN_SECONDS)
        else:
            log.info("roles", database=name, roles=sorted(passwords))
            return


def print_grants(_: argparse.Namespace) -> None:
    """Prints what to create where no job may."""
    print(grants(), end="")  # noqa: T201 - what it is for


def main() -> None:
    """Command line of this module."""
    parser = argparse.ArgumentParser(prog="python -m automix_ops", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name: str, run: Callable[[argparse.Namespace], None], text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(run=run)
        return added

    provisioning = command("provision", provisioner, "create the stream of events and its consumers")
    provisioning.add_argument("--watch", action="store_true", help="stay, and create again what has gone")
    making = command("credentials", credentials, "make the Kubernetes secret with every password and key")
    making.add_argument("--namespace", required=True, help="namespace of the secret")
    making.add_argument("--secret", required=True, help="name of the secret; what it holds stays as it is")
    role = command(
        "roles", roles, "create the database, its roles and their schemas (AUTOMIX_DATABASE_URL, ROLE_AUTH, …)"
    )
    role.add_argument("--wait", type=float, default=0, metavar="SECONDS", help="for a server that is not there yet")
    command("grants", print_grants, "print the roles, users and keys to create by hand, as SQL, NATS and S3 have them")
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
