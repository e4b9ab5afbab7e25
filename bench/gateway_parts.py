"""Which part of Envoy a GET of a project spends its processor time in, for a budget of 1.3 times the service alone.

Beside the gateway's own Envoy others are started on its configuration with parts taken out, and all are asked in turn:

- whole: as the gateway has it;
- bare: without access log, traces, statistics, headers of its own, timers, and every filter but transcoder and router;
- gRPC: the same call as gRPC, passed on without a translation;
- itself: an answer that Envoy gives by itself, without a service behind it.

Printed are the medians of Envoy's and the service's processor time, and the ratio to the service called directly.
"""

from __future__ import annotations

import argparse
import asyncio
import copy
import json
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import psutil
from automix_local.stack import Stack
from gateway import CALLS, Person, by_http, directly, envoy_of, spent_seconds

CALL = "GetProject"
NEEDED = ("grpc_json_transcoder", "router")
OFF = {"@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "disabled": True, "config": {}}
START_SECONDS = 20


def manager(configuration: Any) -> Any:
    """The connection manager of the listener for clients."""
    return configuration["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]


def host(configuration: Any) -> Any:
    """Its one virtual host."""
    return manager(configuration)["route_config"]["virtual_hosts"][0]


def route(configuration: Any) -> Any:
    """The route of the call."""
    return next(one for one in host(configuration)["routes"] if one["name"] == CALL)


def whole(_configuration: Any) -> None:
    """Changes nothing."""


def bare(configuration: Any) -> None:
    """Leaves out all that the call does not need."""
    its, one = manager(configuration), route(configuration)
    for name in ("access_log", "tracing", "early_header_mutation_extensions"):
        its.pop(name)
    its["http_filters"] = [each for each in its["http_filters"] if each["name"].endswith(NEEDED)]
    configuration["stats_config"] = {"stats_matcher": {"reject_all": True}}
    target = {"cluster": one["route"]["cluster"], "timeout": "0s"}
    its["route_config"]["virtual_hosts"] = [
        {"name": "bare", "domains": ["*"], "routes": [{"match": one["match"], "route": target}]}
    ]


def itself(configuration: Any) -> None:
    """Answers without a service."""
    answer = {"status": 200, "body": {"inline_string": "x" * 300}}
    filters = {"envoy.filters.http.grpc_json_transcoder": OFF}
    host(configuration)["routes"] = [
        {"match": route(configuration)["match"], "direct_response": answer, "typed_per_filter_config": filters}
    ]


@contextmanager
def another(envoy: psutil.Process, change: Callable[[Any], None], folder: Path) -> Iterator[tuple[psutil.Process, str]]:
    """An Envoy like this one but for a change, and its address."""
    arguments = envoy.cmdline()
    at = arguments.index("--config-path") + 1
    configuration = copy.deepcopy(json.loads(Path(arguments[at]).read_text()))
    change(configuration)
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    listener = configuration["static_resources"]["listeners"][0]
    listener["address"]["socket_address"] = {"address": "127.0.0.1", "port_value": port}
    configuration["static_resources"]["listeners"] = [listener]
    configuration.pop("admin")
    file = folder / f"{change.__name__}.json"
    file.write_text(json.dumps(configuration))
    started = subprocess.Popen(
        [*arguments[:at], str(file), *arguments[at + 1 :]], cwd=envoy.cwd(), stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        yield psutil.Process(started.pid), f"127.0.0.1:{port}"
    finally:
        started.terminate()
        started.wait()


def measure(stack: Stack, rounds: int) -> None:
    """Asks each in turn and prints the table."""
    person = Person(stack.endpoints["gateway"])
    project, token = person.project(), person.token
    service = psutil.Process(stack.processes.pid("projects"))
    envoy = envoy_of(psutil.Process(stack.processes.pid("gateway")))
    direct = stack.endpoints["projects"]
    ways: dict[str, tuple[psutil.Process | None, Callable[[], Awaitable[None]]]] = {
        "directly": (None, lambda: directly(direct, token, project))
    }
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stays:

        def add(name: str, change: Callable[[Any], None], ask: Callable[..., Awaitable[None]]) -> None:
            process, address = stays.enter_context(another(envoy, change, Path(folder)))
            ways[name] = (process, lambda: ask(address, token, project))

        add("whole", whole, by_http)
        add("bare", bare, by_http)
        add("gRPC", whole, directly)
        add("itself", itself, by_http)
        spent: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
        for round_ in range(rounds + 1):
            for name, (process, ask) in ways.items():
                counted = [service] if process is None else [service, process]
                before = [spent_seconds(one) for one in counted]
                asyncio.run(ask())
                after = [spent_seconds(one) for one in counted]
                each = [(a - b) / CALLS * 1e6 for a, b in zip(after, before, strict=True)]
                if round_:  # the first one warms them up
                    spent[name].append((each[0], sum(each[1:])))
    alone = statistics.median(own for own, _ in spent["directly"])
    for name, pairs in spent.items():
        own, its = (statistics.median(column) for column in zip(*pairs, strict=True))
        print(f"{name:9} service {own:5.0f} us, Envoy {its:5.0f} us, ratio {(own + its) / alone:.2f}")


def main() -> None:
    """Command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=8)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder, Stack.start(Path(folder) / "state") as stack:
        measure(stack, rounds)


if __name__ == "__main__":
    main()
