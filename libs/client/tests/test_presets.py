"""Presets of an account, from the command and the SDK."""

from pathlib import Path

import pytest
from automix.mixer.v1 import mixer_pb2 as pb
from automix_client.presets import joined, joined_messages
from kit.stand_in.world import World

from .command_line import Automix
from .test_jobs import ended


@pytest.fixture
async def automix(tmp_path: Path, port: int) -> Automix:
    command = Automix(tmp_path, {"AUTOMIX_ENDPOINT": f"127.0.0.1:{port}", "AUTOMIX_PASSWORD": "long enough"})
    assert (await command("signup", "somebody@example.org")).code == 0
    return command


async def test_a_mix_is_saved_as_a_preset_and_starts_another(automix: Automix, world: World, tmp_path: Path) -> None:
    (tmp_path / "beat.wav").write_bytes(b"music" * 1000)
    world.script = [ended(pb.JOB_STATUS_SUCCEEDED), ended(pb.JOB_STATUS_SUCCEEDED)]
    first = await automix(
        "mix", "-b", "beat.wav", "--out", "a.wav", "--reverb-amount", "0.5", "--title", "One", "--save-preset", "Warm"
    )
    assert first.code == 0, first.err
    (preset,) = world.presets.values()
    assert preset.settings == pb.MixSettings(reverb_amount=0.5)
    (listed,) = (await automix("presets", "list", "--json")).json
    assert listed["name"] == "Warm"
    second = await automix("mix", "-b", "beat.wav", "--out", "b.flac", "--preset", "Warm", "--style", "rap")
    assert second.code == 0, second.err
    request, _ = list(world.answers.values())[-1]
    settings = request.settings
    assert (settings.reverb_amount, settings.style, settings.title) == (0.5, "rap", "")
    assert settings.format == pb.RENDER_FORMAT_FLAC24
    assert "reverb_amount 0.5" in (await automix("presets", "show", "Warm")).out
    assert (await automix("presets", "delete", "Warm")).code == 0
    missing = await automix("mix", "-b", "beat.wav", "--out", "c.wav", "--preset", "Warm")
    assert missing.code == 6
    assert "none has been saved" in missing.err


def test_what_is_given_wins_over_a_preset_and_effects_are_joined() -> None:
    lead, beat = ({"strip": strip, "kind": "chorus", "parameters": {}} for strip in ("lead", "beat"))
    kept = {"reverb_amount": 0.5, "masters": ["loud", "streaming"], "inserts": [lead]}
    asked = {"reverb_amount": 0.0, "masters": ["broadcast"], "inserts": [beat]}
    assert joined(kept, asked) == {"reverb_amount": 0.0, "masters": ["broadcast"], "inserts": [lead, beat]}
    preset = pb.MixSettings(reverb_amount=0.5, masters=["loud", "streaming"], inserts=[pb.Insert(strip="lead")])
    given = pb.MixSettings(reverb_amount=0.0, masters=["broadcast"], inserts=[pb.Insert(strip="beat")])
    made = joined_messages(preset, given)
    assert (made.reverb_amount, list(made.masters)) == (0.0, ["broadcast"])
    assert [insert.strip for insert in made.inserts] == ["lead", "beat"]
