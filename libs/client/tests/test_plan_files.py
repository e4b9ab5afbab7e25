"""What is refused about a plan names its file and the place of the mistake, in both commands that take one."""

import json
from pathlib import Path

import grpc
import numpy as np
import pytest
from automix_audio.encode import AudioWriter
from automix_client.cli.plan_files import naming_plan
from automix_client.errors import ErrorDetails, InvalidInputError

from .command_line import Automix
from .wrong_lists import WRONG_LISTS

RATE = 44_100


@pytest.fixture
def automix(tmp_path: Path) -> Automix:
    with AudioWriter(tmp_path / "song.wav", "wav", RATE, 2, 16) as writer:
        writer.write(0.1 * np.random.default_rng(1).standard_normal((RATE, 2)).astype(np.float32))
    return Automix(tmp_path, {"AUTOMIX_STATE_DIR": str(tmp_path / "state")})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"a": 1}', "plan.json: version is missing, so this is no mix plan"),
        (b'{"version": 99}', "plan.json: version is 99, which a newer AutoMix wrote"),
        (b'{"version": "two"}', "plan.json: version is 'two', and must be a whole number from 1 to"),
        (b'{"version": 2,\n "x" 1}', "plan.json: the plan is not JSON: see line 2, column 6"),
        (b"[]", "plan.json: plan must be an object"),
        (b"\xff\xfe", "plan.json is not a mix plan, which is text (JSON)"),
    ],
)
async def test_a_plan_that_cannot_be_read_is_named(automix: Automix, content: bytes, said: str) -> None:
    (automix.folder / "plan.json").write_bytes(content)
    outcome = await automix("render", "-b", "song.wav", "--plan", "plan.json", "-o", "out.wav")
    assert outcome.code == 5
    assert f"error: {said}" in outcome.err
    assert outcome.err.count("plan.json") == 1
    assert not (automix.folder / "out.wav").exists()


async def test_wrong_masters_and_versions_are_refused_with_their_place(automix: Automix) -> None:
    made = await automix("render", "-b", "song.wav", "-o", "out.wav", "--plan-out", "made.json")
    assert made.code == 0, made.err
    plan = json.loads((automix.folder / "made.json").read_text())
    there = sorted(path.name for path in automix.folder.iterdir())
    for name, wrong in WRONG_LISTS:
        plan["settings"] = {"format": "wav24", name: wrong}
        (automix.folder / "made.json").write_text(json.dumps(plan))
        outcome = await automix("render", "-b", "song.wav", "--plan", "made.json", "-o", "out.wav")
        assert outcome.code == 5
        said = "the plan holds a NUL character: see line 1, " if "\0" in str(wrong[0]) else f"plan.settings.{name} "
        assert f"error: made.json: {said}" in outcome.err
        assert len(outcome.err) < 200
    assert sorted(path.name for path in automix.folder.iterdir()) == there


async def test_both_commands_say_the_same_of_what_is_no_text(automix: Automix) -> None:
    (automix.folder / "plan.json").write_bytes(b"\xff\xfe")
    render, mix = [
        await automix(command, "-b", "song.wav", "--plan", "plan.json", "-o", "out.wav")
        for command in ("render", "mix")
    ]
    assert render == mix


@pytest.mark.parametrize(("reason", "notes"), [("PLAN_DOES_NOT_FIT", ["plan.json"]), ("NO_INPUTS", [])])
def test_only_what_is_refused_about_the_plan_names_it(reason: str, notes: list[str]) -> None:
    with pytest.raises(InvalidInputError) as refused, naming_plan(Path("plan.json")):
        raise InvalidInputError("no", code=grpc.StatusCode.INVALID_ARGUMENT, details=ErrorDetails(reason=reason))
    assert getattr(refused.value, "__notes__", []) == notes
