"""Turns are taken by who has fewest, in the order of coming, and none gets lost."""

import asyncio

import pytest
from automix_common.process.ids import new_id
from automix_common.rpc.errors import ResourceExhausted
from automix_common.rpc.turns import Turns

ANNE, BERT, CLEO = new_id(), new_id(), new_id()


async def taken(*turns: "asyncio.Task[None]") -> list[bool]:
    for _ in range(3):
        await asyncio.sleep(0)
    return [turn.done() for turn in turns]


async def test_who_has_a_place_waits_behind_who_has_none() -> None:
    turns = Turns(3)
    for user in (ANNE, ANNE, BERT):
        await turns.take(user)
    anne, bert, cleo = (asyncio.create_task(turns.take(user)) for user in (ANNE, BERT, CLEO))
    assert await taken(anne, bert, cleo) == [False, False, False]
    turns.give_back(ANNE)
    assert await taken(anne, bert, cleo) == [False, False, True]
    turns.give_back(CLEO)
    assert await taken(anne, bert) == [True, False]
    turns.give_back(ANNE)
    assert await taken(bert) == [True]


@pytest.mark.parametrize(("places", "of_one"), [(1, 1), (2, 1), (4, 3)])
async def test_one_user_leaves_a_place_for_others(places: int, of_one: int) -> None:
    turns = Turns(places)
    mine = [asyncio.create_task(turns.take(ANNE)) for _ in range(places + 2)]
    assert sum(await taken(*mine)) == of_one
    other = asyncio.create_task(turns.take(BERT))
    assert await taken(other) == [places > 1]
    for task in (*mine, other):
        task.cancel()
    await asyncio.gather(*mine, other, return_exceptions=True)


async def test_a_place_is_not_lost_with_who_leaves() -> None:
    turns = Turns(1)
    await turns.take(ANNE)
    leaving, called, next_one = (asyncio.create_task(turns.take(user)) for user in (BERT, CLEO, ANNE))
    assert await taken(leaving, called, next_one) == [False, False, False]
    leaving.cancel()
    turns.give_back(ANNE)
    called.cancel()  # it has been called and does not know yet
    assert await taken(leaving, called, next_one) == [True, True, True]
    assert leaving.cancelled()
    assert called.cancelled()
    assert not next_one.cancelled()


async def test_who_was_called_longest_ago_is_next_however_many_others_have_waiting() -> None:
    turns = Turns(1)
    await turns.take(ANNE)
    crowd = [asyncio.create_task(turns.take(ANNE)) for _ in range(50)]
    await taken()
    bert = asyncio.create_task(turns.take(BERT))
    assert await taken(bert) == [False]
    turns.give_back(ANNE)
    assert await taken(bert) == [True]
    turns.give_back(BERT)
    assert sum(await taken(*crowd)) == 1
    for task in crowd:
        task.cancel()
    await asyncio.gather(*crowd, return_exceptions=True)


async def test_a_full_line_turns_away_who_has_most_in_it() -> None:
    turns = Turns(1, waiting=3, refusal=lambda: ResourceExhausted("BUSY", "busy"))
    await turns.take(ANNE)
    crowd = [asyncio.create_task(turns.take(ANNE)) for _ in range(3)]
    await taken()
    with pytest.raises(ResourceExhausted):
        await turns.take(ANNE)
    bert = asyncio.create_task(turns.take(BERT))
    assert await taken(*crowd, bert) == [False, False, True, False]
    assert isinstance(crowd[2].exception(), ResourceExhausted)
    turns.give_back(ANNE)
    assert await taken(bert) == [True]
    for task in crowd:
        task.cancel()
    await asyncio.gather(*crowd, return_exceptions=True)
