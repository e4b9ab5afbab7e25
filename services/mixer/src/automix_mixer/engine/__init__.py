"""The mixing engine: a library that turns vocals, beats and references into a mix.

    from automix_mixer.engine import Settings, Track, mix
    result = mix([Track("v.wav", "vocals"), Track("b.wav", "beat")], Settings(), "mix.wav")

Settings, tracks and errors import at once; everything that needs numpy is loaded when it is first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from automix_mixer.engine.errors import EngineError, SettingsError
from automix_mixer.engine.settings import Settings
from automix_mixer.engine.track import Track

if TYPE_CHECKING:
    from automix_mixer.engine.analysis import analyse, project_rate
    from automix_mixer.engine.extras import MixFile, OutputPaths
    from automix_mixer.engine.mixing import MixResult, mix
    from automix_mixer.engine.mixplan import MixPlan
    from automix_mixer.engine.plan_json import plan_from_json, plan_to_json
    from automix_mixer.engine.planning import plan
    from automix_mixer.engine.profile import Profile
    from automix_mixer.engine.rendering import render
    from automix_mixer.engine.report import MixReport
    from automix_mixer.engine.workspace import Workspace

_HOMES = {
    "analyse": "analysis",
    "project_rate": "analysis",
    "MixFile": "extras",
    "MixResult": "mixing",
    "mix": "mixing",
    "MixPlan": "mixplan",
    "plan_from_json": "plan_json",
    "plan_to_json": "plan_json",
    "plan": "planning",
    "Profile": "profile",
    "OutputPaths": "extras",
    "render": "rendering",
    "MixReport": "report",
    "Workspace": "workspace",
}

__all__ = [
    "EngineError",
    "MixFile",
    "MixPlan",
    "MixReport",
    "MixResult",
    "OutputPaths",
    "Profile",
    "Settings",
    "SettingsError",
    "Track",
    "Workspace",
    "analyse",
    "mix",
    "plan",
    "plan_from_json",
    "plan_to_json",
    "project_rate",
    "render",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
