"""The plan's chains as inserts: which kinds there are, what each holds, and what it is when it is switched off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from automix_mixer.engine.plan.decision import Decision
from automix_mixer.engine.plan.mixplan import (
    BalancePlan,
    BeatPlan,
    BusPlan,
    DrumsPlan,
    MasterPlan,
    MixPlan,
    SpacePlan,
    UnmaskPlan,
    VocalPlan,
)

_FLAT = [0.0] * 30
VOICES, INSTRUMENTS = ("lead", "backing"), ("beat", "drums")
"""Buses that vocals and instruments go to."""
SPACE, MIX, MASTER = "space", "mix", "master"


@dataclass(frozen=True)
class Kind:
    """An insert of the engine's own: its name, the parameters that it takes from the plan, and their values that do
    nothing (None: it is always on).

    `whole` names the field of the plan that the insert is altogether, where it is one.
    """

    name: str
    parameters: tuple[str, ...]
    neutral: Mapping[str, Any] | None = None
    whole: str = ""


VOCAL = (
    Kind("input", ("channels", "trim_db")),
    Kind("align", (), {"align": None}, whole="align"),
    Kind("tune", (), {"tune": None}, whole="tune"),
    Kind("highpass", ("highpass_hz",), {"highpass_hz": 10.0}),
    Kind("tone", ("tone_db",), {"tone_db": _FLAT}),
    Kind("resonances", ("cuts",), {"cuts": []}),
    Kind("expander", ("expander_threshold_lufs", "expander_range_db"), {"expander_range_db": 0.0}),
    Kind("fade", ("fade_db",), {"fade_db": []}),
    Kind("ride", ("ride_db",), {"ride_db": []}),
    Kind("deesser", ("deess_threshold_db", "deess_range_db"), {"deess_range_db": 0.0}),
    Kind(
        "compressor",
        ("compressor_threshold_lufs", "compressor_ratio", "compressor_attack_ms", "compressor_release_ms"),
        {"compressor_ratio": 1.0},
    ),
    Kind("width", ("width",), {"width": 1.0}),
    Kind("pan", ("pan",), {"pan": 0.0}),
    Kind("fader", ("level_db",), {"level_db": 0.0}),
)
INSTRUMENT = (
    Kind("input", ("channels", "trim_db")),
    Kind("dc", ("dc",), {"dc": []}),
    Kind("lows", ("mono_below_hz",), {"mono_below_hz": 0.0}),
    Kind("width", ("width",), {"width": 1.0}),
    Kind("tone", ("tone_db",), {"tone_db": _FLAT}),
    Kind("pan", ("pan",), {"pan": 0.0}),
    Kind("fader", ("level_db",), {"level_db": 0.0}),
)
GIVE_WAY = "give_way"
"""The one kind of the engine's that a strip may have several of."""
GIVES_WAY = ("keys", "cut_db", "attack_ms", "release_ms")
BALANCE = (Kind("balance", ("lar_db",)),)
DRUMS = (Kind("glue", (), {"glue": None}, whole="glue"),)
UNMASK = (Kind("unmask", ("cut_db", "attack_ms", "release_ms"), {"cut_db": _FLAT}),)
RETURN = (
    Kind("reverb", ("reverb_lu", "reverb_time_s", "predelay_ms"), {"reverb_lu": -120.0}),
    Kind("echo", ("echo_lu", "echo_time_s", "echo_feedback"), {"echo_lu": -120.0}),
)
BUS = (
    Kind("tone", ("mid_db", "side_db"), {"mid_db": _FLAT, "side_db": _FLAT}),
    Kind("reference", (), {"reference": None}, whole="reference"),
    Kind("correction", (), {"correction": None}, whole="correction"),
    Kind("lead", (), {"lead": None}, whole="lead"),
    Kind("step_back", (), {"step_back": None}, whole="step_back"),
    Kind(
        "glue",
        ("glue_ratio", "glue_threshold_lu", "glue_attack_ms", "glue_release_ms"),
        {"glue_ratio": 1.0},
    ),
)
LAST = "glue"
"""The one insert of the mix bus that comes after a user's effects: they see the sum, and glue and master what they make
of it."""
MASTERING = (
    Kind("crest", ("crest_db", "crest_share", "lift_db"), {"crest_share": 0.0, "lift_db": 0.0}),
    Kind("range", (), {"range": None}, whole="range"),
    Kind("loudness", ("target_lufs", "max_limiting_db")),
    Kind("limiter", ("ceiling_dbtp",)),
)
KINDS: Mapping[type, tuple[Kind, ...]] = {
    VocalPlan: VOCAL,
    BeatPlan: INSTRUMENT,
    BalancePlan: BALANCE,
    DrumsPlan: DRUMS,
    UnmaskPlan: UNMASK,
    SpacePlan: RETURN,
    BusPlan: BUS,
    MasterPlan: MASTERING,
}
BESIDE = {"track", "name", "part", "role", "to", "send_db", "effects", "off", "mute", "give_way"}
"""Fields of chains that a strip states outside of its inserts, or as additional inserts."""


def voice_bus(part: str) -> str:
    """The bus of a vocal. Leads have their own, because balance and unmasking go by them."""
    return "lead" if part == "lead" else "backing"


def is_fed(plan: MixPlan, bus: str) -> bool:
    """Whether there is anything on a bus: that of leads, of other vocals and of drums may be empty."""
    fed = {voice_bus(vocal.part.value) for vocal in plan.vocals} | {beat.to for beat in plan.beats}
    return bus in fed or bus not in ("lead", "backing", "drums")


def forgotten() -> list[str]:
    """Fields of the plan's chains that no insert holds; the tests expect none."""
    return [
        f"{kind.__name__}.{f.name}"
        for kind, inserts in KINDS.items()
        for f in fields(kind)
        if f.name not in BESIDE and not any(f.name in insert.parameters or f.name == insert.whole for insert in inserts)
    ]


def switched(plan: MixPlan) -> MixPlan:
    """The plan as it sounds: inserts that are switched off have neutral values, and muted strips are silent."""
    return replace(
        plan,
        vocals=[_without(v) for v in plan.vocals],
        beats=[
            replace(_without(b), give_way=[g for g in b.give_way if g.on and any(v < -0.01 for v in g.cut_db.value)])
            for b in plan.beats
        ],
        unmask=_without(plan.unmask),
        drums=_without(plan.drums),
        space=_without(plan.space),
        bus=_without(plan.bus),
        master=_without(plan.master),
    )


def _without(chain: Any) -> Any:
    """A chain with the neutral values of its inserts that are switched off."""
    changed: dict[str, Any] = {}
    for insert in KINDS[type(chain)]:
        if insert.name in chain.off:
            changed |= {name: _neutral(chain, name, value) for name, value in (insert.neutral or {}).items()}
    return replace(chain, **changed)


def _neutral(chain: Any, name: str, value: Any) -> Any:
    before = getattr(chain, name)
    if not isinstance(before, Decision):
        return value
    if name == "width" and isinstance(chain, VocalPlan) and chain.channels.value != "stereo":
        value = 0.0  # a single channel has no width of its own: 0 leaves it so
    if name == "dc":
        value = [0.0] * len(before.value)
    return replace(before, value=value)
