"""Masters finished songs as one album: one loudness and one tone for all; the differences between songs stay."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from automix_mixer.engine.errors import SettingsError
from automix_mixer.engine.face.extras import OutputPaths, files_of
from automix_mixer.engine.face.mixing import MixResult
from automix_mixer.engine.face.progress import Progress
from automix_mixer.engine.face.rendering import render_plan
from automix_mixer.engine.measure.analysis import analyse, project_rate
from automix_mixer.engine.measure.loudness import block_energies, gated_mean, lufs
from automix_mixer.engine.measure.profile import Profile
from automix_mixer.engine.plan.mastering import as_album
from automix_mixer.engine.plan.plan_json import plan_from_json, plan_to_json
from automix_mixer.engine.plan.planning import make_plan
from automix_mixer.engine.settings import Settings
from automix_mixer.engine.sound.workspace import Workspace
from automix_mixer.engine.track import Track


def master_album(
    songs: Sequence[Track],
    references: Sequence[Track],
    settings: Settings,
    outputs: Sequence[OutputPaths],
    *,
    progress: Callable[[float, str], None] | None = None,
    scratch: Path | None = None,
) -> list[MixResult]:
    """Masters every song to its place of `outputs`; `settings` ask for mastering. Raises EngineError, SettingsError.

    Songs keep their own sample rates.
    """
    if len(settings.masters) > 1:
        raise SettingsError("masters", "may name only one target for an album: master it again for another")
    said = Progress(progress)
    done = []
    with Workspace(scratch, said.pulse) as workspace:
        tracks = [[song, *references] for song in songs]
        plans, profiles = [], []
        for i, both in enumerate(tracks):
            rate = project_rate(both, settings)
            profiles.append([analyse(track, workspace, rate, edge_fade_ms=0.0) for track in both])
            plans.append(make_plan(profiles[-1], settings))
            said.tell(0.4 * (i + 1) / len(songs), "analysing")
        played = [heard[0] for heard in profiles]
        album = lufs(gated_mean(np.concatenate([_blocks(song) for song in played])))
        for i, aligned in enumerate(as_album(plans, played, album)):
            plan = plan_from_json(plan_to_json(aligned))

            def tell(share: float, stage: str, song: int = i) -> None:
                said.tell(0.4 + 0.6 * (song + share) / len(songs), stage)

            made = render_plan(plan, tracks[i], outputs[i], workspace=workspace, profiles=profiles[i], progress=tell)
            files = files_of(outputs[i], Settings.from_json(made.plan.settings)) + made.beside
            done.append(MixResult(made.plan, made.report, files))
    said.tell(1.0, "done")
    return done


def _blocks(song: Profile) -> npt.NDArray[np.float64]:
    """Energies of its blocks as they are heard, a single channel from both loudspeakers."""
    pieces = (piece for _, piece in song.k_steps.pieces())
    return block_energies(pieces, song.step, song.sample_rate) * (2.0 if song.channels == 1 else 1.0)
