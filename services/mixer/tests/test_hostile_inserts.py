"""Effects that nobody means well by: refused by name before a job is written, and what is allowed ends."""

import json
from math import inf, nan

import grpc
import pytest
from automix.mixer.v1 import mixer_pb2 as pb
from kit.refusals import reason_of

from .harness import Caller
from .plans import a_plan, a_vocal, decision

INVALID = grpc.StatusCode.INVALID_ARGUMENT


def chorus(**values: float) -> pb.Insert:
    return pb.Insert(strip="lead", chorus=pb.ChorusEffect(**values))


def shifts(count: int) -> list[pb.Insert]:
    return [pb.Insert(strip="lead", pitch_shift=pb.PitchShiftEffect(semitones=3)) for _ in range(count)]


HOSTILE = {
    "too many": ([chorus() for _ in range(33)], "INVALID_REQUEST"),
    "not a number": ([chorus(rate_hz=nan)], "INVALID_REQUEST"),
    "without end": ([chorus(mix=inf)], "INVALID_REQUEST"),
    "huge": ([pb.Insert(strip="lead", gain=pb.GainEffect(gain_db=1e308))], "INVALID_REQUEST"),
    "below its least": ([chorus(rate_hz=-1.0)], "INVALID_REQUEST"),
    "no effect": ([pb.Insert(strip="lead")], "INVALID_REQUEST"),
    "no strip": ([pb.Insert(preset="telephone")], "INVALID_REQUEST"),
    "a strip without end": ([pb.Insert(strip="x" * 256, preset="telephone")], "INVALID_REQUEST"),
    "a preset without end": ([pb.Insert(strip="lead", preset="x" * 65)], "INVALID_REQUEST"),
    "an impulse of one's own": (
        [pb.Insert(strip="lead", convolution=pb.ConvolutionEffect(impulse="/etc/passwd"))],
        "INVALID_REQUEST",
    ),
    "no such preset": ([pb.Insert(strip="lead", preset="polka")], "BAD_SETTINGS"),
    "a plug-in by the name of a preset": ([pb.Insert(strip="lead", preset="plugin")], "BAD_SETTINGS"),
    "a file by the name of a preset": ([pb.Insert(strip="lead", preset="impulse_file")], "BAD_SETTINGS"),
    "no such strip": ([pb.Insert(strip="../../etc", preset="telephone")], "BAD_SETTINGS"),
    "a strip of controls": ([pb.Insert(strip="\x1b[31m", preset="telephone")], "BAD_SETTINGS"),
    "too many of one strip": ([chorus() for _ in range(25)], "BAD_SETTINGS"),
    "presets of too many effects": ([pb.Insert(strip="mix", preset="telephone") for _ in range(3)], "BAD_SETTINGS"),
    "too dear": (shifts(4), "BAD_SETTINGS"),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_effects_are_refused_with_a_reason(name: str, caller: Caller) -> None:
    inserts, reason = HOSTILE[name]
    request = pb.CreateJobRequest(project_id=caller.project_id, settings=pb.MixSettings(inserts=inserts))
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await caller.call("CreateJob", request)
    assert (raised.value.code(), reason_of(raised.value)) == (INVALID, reason)
    assert "insert" in raised.value.details()
    assert len(raised.value.details()) < 2_000
    assert "\x1b" not in raised.value.details()
    listed = await caller.call("ListJobs", pb.ListJobsRequest(project_id=caller.project_id))
    assert list(listed.jobs) == []


async def test_the_same_effect_twice_is_two_effects(caller: Caller) -> None:
    twice = [chorus(mix=0.3), chorus(mix=0.3), *shifts(3)]
    job = await caller.create_job(settings=pb.MixSettings(inserts=twice))
    assert list(job.settings.inserts) == twice


def planned(effects: list[dict[str, object]]) -> str:
    """A plan of a vocal with these effects, as a user could send it."""
    from automix_mixer.engine.plan.plan_json import plan_from_json, plan_to_json  # noqa: PLC0415

    plan = plan_to_json(plan_from_json(a_plan() | {"vocals": [a_vocal(0, [])]}))
    plan["tracks"][0]["inserts"] += effects
    return json.dumps(plan)


def effect(kind: str, **values: object) -> dict[str, object]:
    return {"kind": kind, "parameters": {name: decision(value) for name, value in values.items()}}


@pytest.mark.parametrize(
    "effects",
    [
        [effect("plugin", path="/usr/lib/vst3/x.vst3")],
        [effect("impulse_file", path="/etc/passwd")],
        [effect("chorus", mix=nan)],
        [effect("chorus", mix=inf)],
        [effect("chorus", mix=1e308)],
        [effect("chorus", mix="loud")],
        [effect("chorus", wetness=1)],
        [effect("__class__")],
        [effect("x" * 100_000)],
        [effect("gain")] * 25,
        [effect("pitch_shift", semitones=1)] * 4,
        [{"kind": "chorus"}],
        [{"kind": "chorus", "parameters": []}],
        ["chorus"],
        [None],
    ],
    ids=lambda effects: str(effects)[:40],
)
async def test_hostile_effects_of_a_plan_are_refused(effects: list[dict[str, object]], caller: Caller) -> None:
    request = pb.CreateJobRequest(project_id=caller.project_id, plan_json=planned(effects))
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await caller.call("CreateJob", request)
    assert (raised.value.code(), reason_of(raised.value)) == (INVALID, "PLAN_INVALID")
    assert len(raised.value.details()) < 2_000
