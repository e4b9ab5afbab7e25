"""Two mixes compared in words: what was measured, what was decided, and what can be named."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
from automix_audio.encode import AudioWriter
from automix_client.cli.compare_words import differences
from automix_client.cli.report_words import THIRD_OCTAVES_HZ

from .command_line import Automix
from .test_report_words import REPORT, STRIPS, decided

RATE = 44_100


def changed() -> dict[str, Any]:
    plan = deepcopy(STRIPS)
    plan["tracks"][0]["inserts"][0]["parameters"]["highpass_hz"] = decided(120.0)
    plan["tracks"][1]["mute"] = True
    plan["tracks"].append({"track": 2, "name": "keys.wav", "role": decided("keys"), "inserts": []})
    plan["master"]["inserts"][0]["parameters"]["target_lufs"] = decided(-9.0)
    return plan


def test_mixes_that_are_the_same_do_not_differ() -> None:
    assert differences((STRIPS, REPORT), (STRIPS, REPORT)) == []


def test_the_order_in_which_a_plan_was_stored_is_no_difference() -> None:
    """PostgreSQL's jsonb has an order of its own."""
    asked = {
        "delay_seconds": decided(0.11),
        "feedback": decided(0.08),
        "mix": decided(0.25),
        "channels": decided("both"),
    }
    one, other = deepcopy(STRIPS), deepcopy(STRIPS)
    for plan, parameters in ((one, asked), (other, dict(reversed(asked.items())))):
        for strip in (plan["tracks"][0], plan["buses"][0]):
            strip["inserts"].append({"kind": "delay", "on": True, "parameters": parameters})
    assert differences((one, {}), (other, {})) == []


def test_what_was_decided_otherwise_is_told_track_by_track() -> None:
    told = {(one.about, one.what): (one.a, one.b) for one in differences((STRIPS, {}), (changed(), {}))}
    assert told == {
        ("lead.wav", "highpass"): ("high-pass at 92 Hz", "high-pass at 120 Hz"),
        ("drums.wav", "sounds"): ("yes", "muted"),
        ("keys.wav", "track"): ("not there", "keys"),
        ("mix", "master"): ("-14.0 LUFS wanted", "-9.0 LUFS wanted"),
    }


def test_what_was_measured_says_which_has_more() -> None:
    flat = [-15.0] * len(THIRD_OCTAVES_HZ)
    bright = [*flat[:-5], -11.0, *flat[-4:]]
    one = REPORT | {"curves": {"spectrum_after_db": flat}}
    other = REPORT | {"integrated_lufs": -9.0, "curves": {"spectrum_after_db": bright}}
    told = {one.what: one for one in differences(({}, one), ({}, other))}
    assert set(told) == {"loudness", "spectrum"}
    assert told["loudness"].more == "B is 5.0 LU louder"
    assert told["spectrum"].b == "+4.0 dB at 8.0 kHz"


async def test_plans_reports_and_sounds_of_this_machine_are_compared(tmp_path: Path) -> None:
    automix = Automix(tmp_path)
    (tmp_path / "a.json").write_text(json.dumps(STRIPS))
    (tmp_path / "b.json").write_text(json.dumps({"plan": changed(), "report": REPORT}))
    told = await automix("renders", "compare", "a.json", "b.json")
    assert told.code == 0
    assert "highpass: high-pass at 92 Hz → high-pass at 120 Hz" in told.out
    assert {
        one["about"] for one in (await automix("renders", "compare", "a.json", "b.json", "--json")).json["differences"]
    }
    for name, level in (("soft.wav", 0.05), ("loud.wav", 0.2)):
        sound = level * np.random.default_rng(1).standard_normal((4 * RATE, 2))
        with AudioWriter(tmp_path / name, "wav", RATE, 2, 24) as writer:
            writer.write(sound.astype(np.float32))
    heard = await automix("renders", "compare", "soft.wav", "loud.wav")
    assert "B is 12.0 LU louder" in heard.out, heard.err
    assert "spectrum" not in heard.out


async def test_what_cannot_be_compared_is_told(tmp_path: Path) -> None:
    automix = Automix(tmp_path)
    (tmp_path / "plan.json").write_text(json.dumps(STRIPS))
    (tmp_path / "report.json").write_text(json.dumps(REPORT))
    (tmp_path / "broken.json").write_text('{"version":')
    (tmp_path / "noise.wav").write_text("no sound")
    assert (await automix("renders", "compare", "plan.json", "report.json")).code == 2
    assert "neither the id of a mix nor a file" in (await automix("renders", "compare", "plan.json", "gone.json")).err
    assert (await automix("renders", "compare", "plan.json", "broken.json")).code == 5
    assert (await automix("renders", "compare", "plan.json", "noise.wav")).code == 5
    (tmp_path / "empty").mkdir()
    assert "no report.json" in (await automix("renders", "compare", "plan.json", "empty")).err
