"""The account of a person who just mixes on their own machine, made on first use, its password kept like the tokens."""

import json
import secrets
from pathlib import Path

from automix_client.account import is_wrong_password
from automix_client.client import AsyncClient
from automix_client.errors import NotSignedInError, not_signed_in
from automix_client.tokens import file_lock, slug, write_private


class LocalAccount:
    """One account for each embedded stack, in a file that only its user can read."""

    def __init__(self, folder: Path, name: str) -> None:
        self._path = folder / "local-accounts" / f"{slug(name)}.json"

    async def ensure_signed_in(self, client: AsyncClient) -> str:
        """Signs the local account in unless somebody is; returns the email of who is signed in.

        Raises NotSignedInError when an account of the user's own was signed in and its sign-in has expired: their
        mix must not end up in another account.
        """
        if client.session.token:
            return (await client.account.me()).email
        known = client.session.store.load()
        if known is not None:
            try:
                return (await client.account.me()).email
            except NotSignedInError:
                if known.email != self._load()[0]:
                    raise
        return await self.sign_in(client)

    async def sign_in(self, client: AsyncClient) -> str:
        """Signs the local account in, and makes it first where there is none (any more)."""
        async with file_lock(self._path.with_suffix(".lock")):
            email, password = self._load()
            if email:
                try:
                    return (await client.account.sign_in(email, password)).email
                except NotSignedInError as error:
                    # The stack's data was deleted and with it the account.
                    if not is_wrong_password(error):
                        raise
            email, password = f"local-{secrets.token_hex(4)}@automix.local", secrets.token_urlsafe(24)
            await client.account.sign_up(email, password)
            write_private(self._path, json.dumps({"email": email, "password": password}))
            return email

    def password_of(self, email: str) -> str:
        """The password of the local account when the email is its own; empty when it is another's."""
        own, password = self._load()
        return password if own == email else ""

    def _load(self) -> tuple[str, str]:
        try:
            kept = json.loads(self._path.read_text("utf-8"))
            return str(kept["email"]), str(kept["password"])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return "", ""


def no_local_account() -> NotSignedInError:
    """The error for asking for the local account of a platform that is not embedded."""
    return not_signed_in("the local account exists on the embedded stack only")
