"""The embedded AutoMix stack: real servers and every service on this machine, under one supervisor."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from automix_local.discovery import Endpoints, discover
    from automix_local.embedded import EmbeddedServers
    from automix_local.errors import StackError, StateDirBusyError
    from automix_local.running import running_stack
    from automix_local.servers.protocol import Servers
    from automix_local.stack import Stack

__all__ = [
    "EmbeddedServers",
    "Endpoints",
    "Servers",
    "Stack",
    "StackError",
    "StateDirBusyError",
    "discover",
    "running_stack",
]

_HOMES = {
    "EmbeddedServers": "embedded",
    "Endpoints": "discovery",
    "Servers": "servers.protocol",
    "Stack": "stack",
    "StackError": "errors",
    "StateDirBusyError": "errors",
    "discover": "discovery",
    "running_stack": "running",
}


def __getattr__(name: str) -> Any:
    # Every command of the client asks where the stack is; it must not wait for the drivers of three servers to load.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
