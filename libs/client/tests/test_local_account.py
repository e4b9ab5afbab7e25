"""The account that a mix on one's own machine makes by itself."""

from pathlib import Path

import pytest
from automix_client.cli.local_account import LocalAccount
from automix_client.client import AsyncClient
from automix_client.errors import NotReachableError, NotSignedInError
from kit.stand_in.world import World


@pytest.fixture
def account(tmp_path: Path) -> LocalAccount:
    return LocalAccount(tmp_path, "embedded")


@pytest.fixture
async def stranger(client: AsyncClient) -> AsyncClient:
    """Nobody is signed in."""
    client.session.store.clear()
    return client


async def test_it_is_made_once(account: LocalAccount, stranger: AsyncClient, world: World) -> None:
    email = await account.sign_in(stranger)
    stranger.session.store.clear()
    assert await account.sign_in(stranger) == email
    assert world.calls["SignUp"] == 2  # the fixture's and this one


async def test_it_is_made_anew_when_the_platform_has_forgotten_it(
    account: LocalAccount, stranger: AsyncClient, world: World
) -> None:
    first = await account.ensure_signed_in(stranger)
    world.passwords.clear()
    world.access.clear()
    world.refresh.clear()
    second = await account.ensure_signed_in(stranger)
    assert second != first
    assert second in world.passwords


async def test_a_platform_that_is_away_makes_no_second_account(
    account: LocalAccount, stranger: AsyncClient, world: World
) -> None:
    email = await account.sign_in(stranger)
    stranger.session.store.clear()
    world.unavailable["SignIn"] = 100
    with pytest.raises(NotReachableError):
        await account.ensure_signed_in(stranger)
    world.unavailable.clear()
    assert await account.ensure_signed_in(stranger) == email


async def test_who_is_signed_in_stays_so(account: LocalAccount, client: AsyncClient, world: World) -> None:
    assert await account.ensure_signed_in(client) == "somebody@example.org"
    assert world.calls["SignUp"] == 1


async def test_ones_own_sign_in_that_has_expired_is_not_replaced(
    account: LocalAccount, client: AsyncClient, world: World
) -> None:
    world.access.clear()
    world.refresh.clear()
    with pytest.raises(NotSignedInError):
        await account.ensure_signed_in(client)
    assert world.calls["SignUp"] == 1


async def test_a_damaged_file_means_a_new_account(
    account: LocalAccount, stranger: AsyncClient, tmp_path: Path, world: World
) -> None:
    first = await account.sign_in(stranger)
    next((tmp_path / "local-accounts").glob("*.json")).write_text("{")
    assert await account.sign_in(stranger) != first
