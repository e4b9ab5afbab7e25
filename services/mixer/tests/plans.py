"""A mix plan as small as one can be."""

from typing import Any


def decision(value: Any) -> dict[str, Any]:
    return {"value": value, "unit": "dB", "reason": "because"}


def decisions(**values: Any) -> dict[str, Any]:
    return {name: decision(value) for name, value in values.items()}


def a_plan() -> dict[str, Any]:
    flat = [0.0] * 30
    return {
        "version": 1,
        "sample_rate": 44100,
        "settings": {"ceiling_dbtp": -2.0},
        **decisions(style="pop", tempo_bpm=120),
        "vocals": [],
        "space": decisions(
            reverb_lu=-20, reverb_time_s=1, predelay_ms=20, echo_lu=-30, echo_time_s=0.3, echo_feedback=0.2
        ),
        "beats": [],
        "unmask": decisions(cut_db=flat, attack_ms=10, release_ms=100),
        "balance": decisions(lar_db=1),
        "bus": {
            **decisions(mid_db=flat, side_db=flat, glue_ratio=2, glue_threshold_lu=0),
            **decisions(glue_attack_ms=30, glue_release_ms=100),
            "reference": None,
        },
        "master": decisions(
            target_lufs=-14, ceiling_dbtp=-1, max_limiting_db=8, crest_db=12, crest_share=0.8, lift_db=4
        ),
        "notes": ["é"],
    }


def a_beat(track: int) -> dict[str, Any]:
    """What a plan says of one beat."""
    return {"track": track, "name": "beat", **decisions(channels="stereo", trim_db=0.0, dc=[0.0, 0.0])}


def a_vocal(track: int, rides: list[list[float]]) -> dict[str, Any]:
    """What a plan says of one vocal, with its `rides`: [start s, end s, gain dB] each."""
    numbers = {
        "highpass_hz": 80,
        "expander_threshold_lufs": -60,
        "expander_range_db": 12,
        "deess_threshold_db": 0,
        "deess_range_db": 6,
        "compressor_threshold_lufs": -25,
        "compressor_ratio": 2.5,
        "compressor_attack_ms": 10,
        "compressor_release_ms": 120,
        "level_db": 0,
        "width": 0,
    }
    words = decisions(part="lead", channels="mono", trim_db=0.0, tone_db=[0.0] * 30, ride_db=rides)
    return {"track": track, "name": "vocal", "cuts": [], **words, **decisions(**numbers)}
