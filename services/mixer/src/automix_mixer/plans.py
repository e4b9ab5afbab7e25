"""A mix plan that a user has edited, checked before a job is accepted with it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from automix_common.rpc.errors import FieldViolation, InvalidArgument

from automix_mixer.domain import JobInput
from automix_mixer.engine import EngineError, Settings
from automix_mixer.engine.plan.mixplan import MixPlan
from automix_mixer.engine.plan.plan_bounds import check_fit
from automix_mixer.engine.plan.plan_json import aimed, check_effective, delivered, plan_from_json, plan_to_json

MOST_VALUES = 120_000
"""Commas and opening brackets in a plan that is read. The longest that a job may bring holds fewer, and parsing holds
the interpreter's lock: nobody is served meanwhile, also not from another thread."""


def read_plan(
    text: str, settings: Mapping[str, Any], *, own_machine: bool = False, own_format: bool = False
) -> tuple[dict[str, Any], MixPlan]:
    """The plan as its JSON object, with the delivery of the job's `settings`, and what it says.

    It keeps its `own_format` where the settings ask for none.
    Effects that read a file are refused unless it is their user's `own_machine`.
    Raises EngineError (PLAN_INVALID) naming the place of the mistake.
    """
    if sum(map(text.count, ",[{")) > MOST_VALUES:
        raise EngineError("PLAN_INVALID", f"the plan holds more than {MOST_VALUES:,} values")
    try:
        plan = json.loads(text, parse_constant=_refuse)
    except RecursionError:
        raise EngineError("PLAN_INVALID", "the plan is nested too deeply") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise EngineError("PLAN_INVALID", f"the plan is not JSON: see {place}") from None
    except ValueError:  # NaN and the infinities, which JSON does not have, and integers of thousands of digits
        raise EngineError("PLAN_INVALID", "the plan holds a number that is none of JSON, or far too long") from None
    if (at := text.find("\\u0000")) >= 0:  # PostgreSQL's jsonb cannot hold it
        place = f"line {text.count(chr(10), 0, at) + 1}, column {at - text.rfind(chr(10), 0, at)}"
        raise EngineError("PLAN_INVALID", f"the plan holds a NUL character: see {place}")
    asked = Settings.from_json(settings)
    plan = delivered(plan, asked, own_format=own_format)
    said = plan_from_json(plan, own_machine=own_machine)
    check_effective(plan)
    if asked.masters:
        said = aimed(said, asked)
        plan = plan_to_json(said)
    try:
        json.dumps(plan, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which is no text
        raise EngineError("PLAN_INVALID", "the plan holds half a character") from None
    return dict(plan), said


def edited_plan(
    text: str, settings: Mapping[str, Any], inputs: Sequence[JobInput], *, own_format: bool
) -> dict[str, Any]:
    """The plan that a job of these inputs is given, as its JSON object, in its `own_format` or that of the settings.

    Raises InvalidArgument (PLAN_INVALID), or (PLAN_DOES_NOT_FIT) when the plan was made for other inputs.
    """
    try:
        plan, said = read_plan(text, settings, own_format=own_format)
        check_fit(said, [track.role for track in inputs])
    except EngineError as error:
        raise InvalidArgument(
            error.reason, error.message, violations=[FieldViolation("plan_json", error.message)]
        ) from None
    return plan


def _refuse(constant: str) -> float:
    raise ValueError(constant)
