"""One server of the embedded stack by itself, on its usual port: `python -m automix_local.server postgres --state DIR`.

A trial in containers runs each of the three in a container of its own. Passwords and keys are files in a folder, named
as the credentials of a deployment: `postgres-auth`, `nats-worker`, `s3-media-secret`.
"""

import argparse
import signal
import sys
import threading
from pathlib import Path

from automix_local.embedded import Server
from automix_local.errors import StackError
from automix_local.ports import HOST, WEED_GRPC_OFFSET
from automix_local.servers import nats, postgres, s3
from automix_local.state import StateDir
from automix_local.supervised import Backoff, nothing
from automix_local.supervision import Processes

_PORTS = {
    postgres.NAME: 5432,
    nats.NAME: 4222,
    "s3.s3": 8333,
    "s3.s3.grpc": 8333 + WEED_GRPC_OFFSET,
    "s3.master": 9333,
    "s3.master.grpc": 9333 + WEED_GRPC_OFFSET,
    "s3.volume": 9340,
    "s3.volume.grpc": 9340 + WEED_GRPC_OFFSET,
    "s3.filer": 8888,
    "s3.filer.grpc": 8888 + WEED_GRPC_OFFSET,
    "s3.admin": 9350,
}
_SECRETS = {postgres.NAME: postgres.SECRETS, nats.NAME: nats.SECRETS, s3.NAME: s3.SECRETS}


def given(folder: Path, names: tuple[str, ...]) -> dict[str, str]:
    """The secrets that the folder holds, out of these names: `postgres/auth` is the file `postgres-auth`."""
    files = {name: folder / name.replace("/", "-") for name in names}
    return {name: file.read_text().strip() for name, file in files.items() if file.exists()}


def run(name: str, state: StateDir, credentials: Path, listen: str) -> None:
    """Runs the server until SIGTERM or SIGINT. Raises StackError when it cannot start."""
    names = _SECRETS[name]
    known = given(credentials, names)
    # What nobody else must know, such as the token keys of S3, is made here and kept.
    secrets = state.load_secrets(name for name in names if name not in known) | known
    processes = Processes(state.run_dir, on_change=nothing, backoff=Backoff())
    servers: dict[str, Server] = {
        postgres.NAME: postgres.Postgres(state, _PORTS, secrets, run=processes.run, listen=listen),
        nats.NAME: nats.Nats(state, _PORTS, secrets, listen=listen),
        s3.NAME: s3.S3(state, _PORTS, secrets, listen=listen),
    }
    asked = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked.set())
    try:
        processes.launch(servers[name].prepare())
        servers[name].provision()
        print(f"{name} is ready", flush=True)  # noqa: T201
        asked.wait()
    finally:
        processes.stop_all()


def main() -> None:
    """Command line of this module."""
    parser = argparse.ArgumentParser(prog="python -m automix_local.server", description=__doc__)
    parser.add_argument("server", choices=sorted(_SECRETS))
    parser.add_argument("--state", type=Path, required=True, help="folder for its data, kept from start to start")
    parser.add_argument("--secrets", type=Path, required=True, help="folder with a file for each password and key")
    parser.add_argument("--listen", default=HOST, help="address to listen on (default: %(default)s)")
    options = parser.parse_args()
    state = StateDir(options.state)
    try:
        state.create()
        state.acquire()
        run(options.server, state, options.secrets, options.listen)
    except StackError as error:
        sys.exit(f"error: {error}")
    finally:
        state.release()


if __name__ == "__main__":
    main()
