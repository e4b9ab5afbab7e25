"""A mix told in words: of plans of every version, and of whatever a later engine may put into one."""

from typing import Any

import pytest
from automix_client.cli.report_words import mix_words


def decided(value: Any, reason: str = "because") -> dict[str, Any]:
    return {"value": value, "unit": "", "reason": reason}


TONE = [0.0] * 30
TONE[19], TONE[10] = 2.0, -3.0
VOCAL = {
    "trim_db": decided(-6.0),
    "highpass_hz": decided(92.0),
    "tone_db": decided(TONE),
    "cuts": [{"freq_hz": 880.0, "gain_db": -4.0, "q": 5.0, "reason": "rings"}],
    "ride_db": decided([[0.0, 2.0, 3.5], [2.0, 4.0, -1.0]]),
    "compressor_ratio": decided(2.5),
    "level_db": decided(0.0),
}
TOGETHER = {"balance": {"lar_db": decided(1.0, "a sparse backing")}, "master": {"target_lufs": decided(-14.0)}}
REPORT = {
    "duration_s": 187.2,
    "integrated_lufs": -14.02,
    "true_peak_dbtp": -1.04,
    "loudness_range_lu": 6.5,
    "stages": {"master": {"limiter_deepest_db": -2.31}},
    "notes": ["lead.wav has 30 clicks"],
}
FIRST = {
    "version": 1,
    "sample_rate": 44100,
    "style": decided("pop"),
    "tempo_bpm": decided(96.0),
    "vocals": [{"track": 0, "name": "lead.wav", "part": decided("lead", "the only vocal"), **VOCAL}],
    "beats": [{"track": 1, "name": "drums.wav", "trim_db": decided(0.0)}],
    **TOGETHER,
}
STRIPS = {
    "version": 2,
    "sample_rate": 44100,
    "style": decided("pop"),
    "tempo_bpm": decided(96.0),
    "tracks": [
        {
            "track": 0,
            "name": "lead.wav",
            "role": decided("lead", "the only vocal"),
            "inserts": [{"kind": "all", "on": True, "parameters": VOCAL}],
        },
        {"track": 1, "name": "drums.wav", "role": decided("drums", "by its name"), "inserts": []},
    ],
    "buses": [{"name": "lead", "inserts": [{"kind": "balance", "on": True, "parameters": TOGETHER["balance"]}]}],
    "master": {"inserts": [{"kind": "loudness", "on": True, "parameters": TOGETHER["master"]}]},
}


@pytest.mark.parametrize("plan", [FIRST, STRIPS], ids=["v1", "v2"])
def test_what_was_done_and_why_and_what_was_measured(plan: dict[str, Any]) -> None:
    told = mix_words(plan, REPORT)
    for words in (
        "3:07",
        "-14.0 LUFS",
        "-1.0 dBTP",
        "mixed as pop, 96 BPM",
        "the only vocal",
        "high-pass at 92 Hz",
        "tone +2.0 dB at 2.0 kHz and -3.0 dB at 250 Hz",
        "rings cut by -4.0 dB at 880 Hz",
        "2 phrases ridden by up to 3.5 dB",
        "compressed 2.5:1",
        "the lead +1.0 dB against the beats",
        "a sparse backing",
        "the limiter took -2.3 dB",
        "lead.wav has 30 clicks",
    ):
        assert words in told
    assert len(told.splitlines()) <= 40


def test_what_is_switched_off_is_not_told() -> None:
    strip = {**STRIPS["tracks"][0], "inserts": [{"kind": "all", "on": False, "parameters": VOCAL}]}
    assert "compressed" not in mix_words({**STRIPS, "tracks": [strip]}, REPORT)


@pytest.mark.parametrize("plan", [{}, {"version": 99, "tracks": [{"name": "x", "inserts": [{"kind": "new"}]}]}])
def test_what_is_not_known_is_passed_over(plan: dict[str, Any]) -> None:
    assert "loudness" in mix_words(plan, {})


def test_a_curve_may_carry_its_frequencies() -> None:
    plan = {"tracks": [{"track": 0, "name": "v", "tone_db": decided({"100 Hz": -2.0, "3000 Hz": 1.0})}]}
    assert "tone +1.0 dB at 3.0 kHz and -2.0 dB at 100 Hz" in mix_words(plan, {})
