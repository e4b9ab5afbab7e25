"""A mix plan that a user has edited, checked before a job is accepted with it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from automix_mixer.domain import JobInput
from automix_mixer.engine import EngineError
from automix_mixer.engine.plan_bounds import check_fit
from automix_mixer.engine.plan_json import plan_from_json

DELIVERY = ("output_format", "stems")


def read_plan(text: str) -> dict[str, Any]:
    """The plan as its JSON object. Raises EngineError (PLAN_INVALID) naming the place of the mistake."""
    try:
        plan = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise EngineError("PLAN_INVALID", f"the plan is not JSON: {error}") from None
    if "\\u0000" in text:  # PostgreSQL's jsonb cannot hold it
        raise EngineError("PLAN_INVALID", "the plan holds a NUL character")
    plan_from_json(plan)
    try:
        json.dumps(plan, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which is no text
        raise EngineError("PLAN_INVALID", "the plan holds half a character") from None
    return dict(plan)


def require_fit(plan: Mapping[str, Any], inputs: Sequence[JobInput]) -> None:
    """Raises EngineError (PLAN_DOES_NOT_FIT) when the plan was made for other inputs."""
    check_fit(plan_from_json(plan), [track.role for track in inputs])


def delivered(plan: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """The plan with the format and the files that the job's own settings ask for.

    A plan carries the settings of the mix that it was made for; what the mix is called and typed as follows the job's.
    """
    return {**plan, "settings": {**plan["settings"], **{name: settings[name] for name in DELIVERY}}}


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not a number of JSON")
