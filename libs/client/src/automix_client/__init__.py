"""Python SDK of the AutoMix platform and the automix command.

`AsyncClient` and `Client` do everything that the platform does; `automix_client.errors` says what can go wrong.
"""

from importlib import import_module

# The `automix` script imports this package before it can answer an interrupt: nothing may take long here, not typing.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from automix_client.client import AsyncClient
    from automix_client.endpoints import Endpoints
    from automix_client.errors import AutomixError
    from automix_client.mix import MixProgress, MixSummary
    from automix_client.settings import Patience, TlsFiles
    from automix_client.sync import Client
    from automix_client.tokens import FileTokenStore, MemoryTokenStore

__all__ = [
    "AsyncClient",
    "AutomixError",
    "Client",
    "Endpoints",
    "FileTokenStore",
    "MemoryTokenStore",
    "MixProgress",
    "MixSummary",
    "Patience",
    "TlsFiles",
]

_HOMES = {
    "AsyncClient": "client",
    "AutomixError": "errors",
    "Client": "sync",
    "Endpoints": "endpoints",
    "FileTokenStore": "tokens",
    "MemoryTokenStore": "tokens",
    "MixProgress": "mix",
    "MixSummary": "mix",
    "Patience": "settings",
    "TlsFiles": "settings",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
