"""The studio's controls end where the engine refuses."""

import json
from pathlib import Path

from automix_mixer.engine.plan.plan_bounds import _BOUNDS

STUDIO = Path(__file__).parents[4] / "web" / "src" / "plan" / "bounds.json"


def test_the_studio_has_the_engines_bounds() -> None:
    assert {name: tuple(bounds) for name, bounds in json.loads(STUDIO.read_text()).items()} == _BOUNDS
