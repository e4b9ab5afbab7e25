"""Python SDK of the AutoMix platform and the automix command.

`AsyncClient` and `Client` do everything that the platform does; `automix_client.errors` says what can go wrong.
"""

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
