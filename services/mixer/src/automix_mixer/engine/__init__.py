"""The mixing engine: a library that turns vocals, beats and references into a mix.

    from automix_mixer.engine import Settings, Track, mix
    result = mix([Track("v.wav", "vocals"), Track("b.wav", "beat")], Settings(), "mix.wav")

Settings, tracks and errors import at once; everything that needs numpy is loaded when it is first asked for. Import it
before numpy where a mix has to be the same to the byte as on other machines: see automix_audio.arithmetic.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

import automix_audio  # noqa: F401 - before numpy, whose kernels it chooses

from automix_mixer.engine.errors import EngineError, SettingsError
from automix_mixer.engine.settings import Settings
from automix_mixer.engine.track import Track

if TYPE_CHECKING:
    from automix_mixer.engine.face.extras import OutputPaths
    from automix_mixer.engine.face.mix_file import MixFile
    from automix_mixer.engine.face.mixing import MixResult, mix
    from automix_mixer.engine.face.rendering import render_plan
    from automix_mixer.engine.face.report import MixReport
    from automix_mixer.engine.measure.analysis import analyse, project_rate
    from automix_mixer.engine.measure.profile import Profile
    from automix_mixer.engine.plan.mixplan import MixPlan
    from automix_mixer.engine.plan.plan_json import plan_from_json, plan_to_json
    from automix_mixer.engine.plan.planning import make_plan
    from automix_mixer.engine.sound.workspace import Workspace

_HOMES = {
    "analyse": "measure.analysis",
    "project_rate": "measure.analysis",
    "MixFile": "face.mix_file",
    "MixResult": "face.mixing",
    "mix": "face.mixing",
    "MixPlan": "plan.mixplan",
    "plan_from_json": "plan.plan_json",
    "plan_to_json": "plan.plan_json",
    "make_plan": "plan.planning",
    "Profile": "measure.profile",
    "OutputPaths": "face.extras",
    "render_plan": "face.rendering",
    "MixReport": "face.report",
    "Workspace": "sound.workspace",
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
    "make_plan",
    "mix",
    "plan_from_json",
    "plan_to_json",
    "project_rate",
    "render_plan",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
