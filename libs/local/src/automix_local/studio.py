"""The way into the studio without an account: a link that signs this computer's own account in."""

import asyncio
from pathlib import Path

from automix_client.cli.connection import config_folder
from automix_client.cli.local_account import LocalAccount
from automix_client.client import AsyncClient
from automix_client.endpoints import embedded
from automix_client.tokens import MemoryTokenStore

from automix_local.discovery import as_mapping, discover

FRAGMENT = "#sign-in="
"""What follows this sign in a link never leaves the browser: no server sees or logs it."""


def signed_in_link(state_dir: Path) -> str | None:
    """The studio's address with a refresh token of the local account, None where no stack with a studio runs.

    The page exchanges the token at once, and half a minute later it is good for nothing. Raises AutomixError when
    nobody can be signed in.
    """
    found = discover(state_dir)
    if found is None or found.url is None:
        return None
    endpoints = embedded(as_mapping(found))

    async def token() -> str:
        store = MemoryTokenStore()
        async with AsyncClient(endpoints, token_store=store) as client:
            await LocalAccount(config_folder(), endpoints.name).sign_in(client)
        kept = store.load()
        assert kept is not None  # noqa: S101 - it has just signed in
        return kept.refresh_token

    return f"{found.url}/{FRAGMENT}{asyncio.run(token())}"
