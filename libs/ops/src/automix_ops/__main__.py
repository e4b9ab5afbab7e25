"""`python -m automix_ops provision [--watch]`, for a supervisor: settings from AUTOMIX_NATS_* alone."""

import argparse
import asyncio

from automix_common.process.command import load
from automix_common.process.logs import configure_logging

from automix_ops.provision import ProvisionSettings, provision, watch


def main() -> None:
    """Provisions once, or stays and watches."""
    parser = argparse.ArgumentParser(prog="python -m automix_ops")
    commands = parser.add_subparsers(dest="command", required=True)
    provisioning = commands.add_parser("provision", help="create the stream of events and its consumers")
    provisioning.add_argument("--watch", action="store_true", help="stay, and create again what has gone")
    arguments = parser.parse_args()
    settings = load(ProvisionSettings)
    configure_logging("automix_ops.provision", settings.log_level)
    asyncio.run(watch(settings) if arguments.watch else provision(settings))


if __name__ == "__main__":
    main()
