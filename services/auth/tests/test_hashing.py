"""Hashes of any password, and turns at hashing."""

import asyncio
from collections.abc import Iterator
from ipaddress import ip_network

import pytest
from automix_auth.hashing import Hashing, hash_password, password_matches, prehash
from automix_common.rpc.errors import ResourceExhausted

from .harness import COST, hashes_computed

NETWORK = ip_network("198.51.100.1")
PASSWORDS = ["12345678", "\0" * 8, "nul\0inside", "nul\0behind", "x" * 200, "x" * 199 + "y", "ü" * 512, "pässwörd"]


@pytest.mark.parametrize("password", PASSWORDS)
def test_a_hash_is_of_its_whole_password_and_of_no_other(password: str) -> None:
    hashed = hash_password(password, COST)
    assert [other for other in PASSWORDS if password_matches(other, hashed)] == [password]


def test_an_accent_may_be_typed_in_one_piece_or_two() -> None:
    assert password_matches("pa\N{COMBINING DIAERESIS}ssword", hash_password("pässword", COST))


def test_bcrypt_gets_fewer_bytes_than_it_would_cut() -> None:
    assert len(prehash("x" * 1000)) == 64


@pytest.fixture
def hashing() -> Iterator[Hashing]:
    opened = Hashing(cost=COST, slots=1, waiting=1)
    yield opened
    opened.close()


async def test_nobody_has_a_password_and_finding_out_takes_a_hash(hashing: Hashing) -> None:
    before = hashes_computed()
    async with hashing.turn(NETWORK) as turn:
        assert not await turn.matches("12345678", None)
    assert hashes_computed() == before + 1


async def test_beyond_the_waiting_line_calls_are_refused_at_once(hashing: Hashing) -> None:
    async with hashing.turn(NETWORK):
        waiting = asyncio.ensure_future(_turn(hashing))
        await asyncio.sleep(0)
        with pytest.raises(ResourceExhausted) as raised:
            await _turn(hashing)
        assert raised.value.reason == "HASHING_BUSY"
        assert raised.value.retry_after_seconds
    await waiting
    await _turn(hashing)


async def test_who_gives_up_waiting_leaves_the_line(hashing: Hashing) -> None:
    async with hashing.turn(NETWORK):
        waiting = asyncio.ensure_future(_turn(hashing))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        next_one = asyncio.ensure_future(_turn(hashing))
        await asyncio.sleep(0)
    await next_one


async def _turn(hashing: Hashing) -> None:
    async with hashing.turn(NETWORK) as turn:
        await turn.hash("12345678")
