"""A mix from files on this machine, without any service: what `automix render` calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from automix_mixer.engine import Settings, SettingsError, Track
from automix_mixer.engine.track import TrackOptions


def mix_files(
    tracks: Sequence[tuple[Path, str, str, Mapping[str, Any]]],
    out: Path,
    *,
    settings: Mapping[str, Any],
    plan: str | None = None,
    extras: Path | None = None,
    beside: Sequence[Path] | None = None,
    cover: bytes = b"",
    progress: Callable[[float, str], None] | None = None,
    scratch: Path | None = None,
) -> dict[str, Any]:
    """Mixes files, each with its role (vocals, beat or reference), its name for people and its options, into `out`.

    `settings` holds what differs from the defaults; beside a plan (the text of one) only what says how a mix is
    written. `extras` is a folder for report, picture, comparison and stems, `beside` are places for further masters and
    versions, in their order, and `scratch` is a folder for what is temporary. The result holds plan, report and files.
    Raises ValueError with the attributes `reason` and `message` for what cannot be mixed, OSError.
    """
    from automix_mixer.engine.face.mixing import mix  # noqa: PLC0415 - the API server needs no numpy
    from automix_mixer.engine.plan.plan_json import DELIVERY  # noqa: PLC0415

    asked, given = Settings.from_json(settings), None
    if plan is not None:
        from automix_mixer.plans import read_plan  # noqa: PLC0415 - its errors are a server's, gRPC and all

        for name in settings:
            if name not in DELIVERY:
                raise SettingsError(name, "has no effect beside a plan: change the decision in the plan")
        given = read_plan(plan, settings, own_machine=True)[1]
    named = [
        Track(path, role, name=name, options=TrackOptions.from_json(options)) for path, role, name, options in tracks
    ]
    made = mix(
        named,
        asked,
        out,
        plan=given,
        progress=progress,
        extras_dir=extras,
        beside=beside,
        cover=cover,
        scratch=scratch,
        own_machine=True,
    )
    return made.to_json()


def measure_file(path: Path) -> dict[str, Any]:
    """What a report says of a mix, measured from a sound file alone.

    Raises ValueError with the attributes `reason` and `message` for what is no sound, OSError.
    """
    from automix_mixer.engine.face.measuring import measured  # noqa: PLC0415 - the API server needs no numpy

    return measured(path)


def master_files(
    songs: Sequence[tuple[Path, str]],
    references: Sequence[tuple[Path, str]],
    outs: Sequence[Sequence[Path]],
    *,
    settings: Mapping[str, Any],
    album: bool,
    cover: bytes = b"",
    progress: Callable[[float, str], None] | None = None,
    scratch: Path | None = None,
) -> list[dict[str, Any]]:
    """Masters finished songs, each given with its name for people, each to the places of its own in `outs`.

    The first place of a song is its master, the others are its further masters. As an `album` all of them get one
    loudness and one tone. `settings` are those of a mix without `mastering`, which they get here. Raises like
    `mix_files`.
    """
    from automix_mixer.engine.face.album import master_album  # noqa: PLC0415 - the API server needs no numpy
    from automix_mixer.engine.face.extras import OutputPaths  # noqa: PLC0415
    from automix_mixer.engine.face.mixing import mix  # noqa: PLC0415

    asked = Settings.from_json({**settings, "mastering": True})
    tracks = [Track(path, "beat", name=name) for path, name in songs]
    models = [Track(path, "reference", name=name) for path, name in references]
    if album:
        places = [OutputPaths(own[0], None, list(own[1:]), cover) for own in outs]
        made = master_album(tracks, models, asked, places, progress=progress, scratch=scratch)
        return [one.to_json() for one in made]
    done = []
    for i, (song, own) in enumerate(zip(tracks, outs, strict=True)):

        def tell(share: float, stage: str, number: int = i) -> None:
            if progress is not None:
                progress((number + share) / len(tracks), stage)

        beside = list(own[1:])
        one = mix([song, *models], asked, own[0], beside=beside, cover=cover, progress=tell, scratch=scratch)
        done.append(one.to_json())
    return done
