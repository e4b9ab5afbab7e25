"""A mix from files on this machine, without any service: what `automix render` calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from automix_mixer.engine import Settings, SettingsError, Track
from automix_mixer.engine.track import TrackOptions
from automix_mixer.plans import read_plan


def mix_files(
    tracks: Sequence[tuple[Path, str, str, Mapping[str, Any]]],
    out: Path,
    *,
    settings: Mapping[str, Any],
    plan: str | None = None,
    extras: Path | None = None,
    progress: Callable[[float, str], None] | None = None,
    scratch: Path | None = None,
) -> dict[str, Any]:
    """Mixes files, each with its role (vocals, beat or reference), its name for people and its options, into `out`.

    `settings` holds what differs from the defaults; beside a plan (the text of one) only what says how a mix is
    written. `extras` is a folder for report, picture, comparison and stems, `scratch` one for what is temporary. The
    result holds plan, report and files. Raises ValueError with the attributes `reason` and `message` for what cannot
    be mixed, OSError.
    """
    from automix_mixer.engine.face.mixing import mix  # noqa: PLC0415 - the API server needs no numpy
    from automix_mixer.engine.plan.plan_json import DELIVERY  # noqa: PLC0415

    asked, given = Settings.from_json(settings), None
    if plan is not None:
        for name in settings:
            if name not in DELIVERY:
                raise SettingsError(name, "has no effect beside a plan: change the decision in the plan")
        given = read_plan(plan, settings)[1]
    named = [
        Track(path, role, name=name, options=TrackOptions.from_json(options)) for path, role, name, options in tracks
    ]
    made = mix(named, asked, out, plan=given, progress=progress, extras_dir=extras, scratch=scratch)
    return made.to_json()
