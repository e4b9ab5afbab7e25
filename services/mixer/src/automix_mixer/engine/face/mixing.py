"""From files to a mix in one call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from automix_mixer.engine.face.extras import MixFile, OutputPaths, files_of
from automix_mixer.engine.face.progress import Progress
from automix_mixer.engine.face.rendering import render_plan
from automix_mixer.engine.face.report import MixReport
from automix_mixer.engine.measure.analysis import analyse, project_rate
from automix_mixer.engine.measure.edges import EDGE_FADE_MS
from automix_mixer.engine.plan.mastering import require_song
from automix_mixer.engine.plan.mixplan import MixPlan
from automix_mixer.engine.plan.plan_json import plan_to_json
from automix_mixer.engine.plan.planning import make_plan
from automix_mixer.engine.settings import Settings
from automix_mixer.engine.sound.threads import cores
from automix_mixer.engine.sound.workspace import Workspace
from automix_mixer.engine.track import Track


@dataclass(frozen=True)
class MixResult:
    """A finished mix: its plan, its report and its files."""

    plan: MixPlan
    report: MixReport
    files: list[MixFile]

    def to_json(self) -> dict[str, Any]:
        """The result as the worker reads it."""
        report = self.report.to_json()
        return {
            "report": report,
            "plan": plan_to_json(self.plan),
            "duration_s": report["duration_s"],
            "sample_rate": report["sample_rate"],
            "channels": report["channels"],
            "integrated_lufs": report["integrated_lufs"],
            "true_peak_dbtp": report["true_peak_dbtp"],
            "files": [{"kind": f.kind, "path": f.path} for f in self.files],
        }


def mix(
    tracks: Sequence[Track],
    settings: Settings,
    out_path: str | Path,
    *,
    plan: MixPlan | None = None,
    progress: Callable[[float, str], None] | None = None,
    extras_dir: str | Path | None = None,
    beside: Sequence[Path] | None = None,
    cover: bytes = b"",
    threads: int | None = None,
    scratch: Path | None = None,
    own_machine: bool = False,
) -> MixResult:
    """Analyses, plans (unless a plan is given, which then carries its own settings) and renders.

    `extras_dir` receives the report, the picture, the comparison and the stems; `beside` are the places of further
    masters and versions, `cover` is a picture, both as OutputPaths says. Decoded sound lies meanwhile in a
    folder of its own in `scratch`, the system's by default. `progress` is called as `Progress` says, at times from
    another thread. Effects that read a file are refused unless it is their user's `own_machine`.
    Raises EngineError, SettingsError.
    """
    said = Progress(progress)
    if settings.mastering and plan is None:
        require_song([track.role for track in tracks])
    with Workspace(scratch, said.pulse) as workspace:
        rate = plan.sample_rate if plan is not None else project_rate(tracks, settings)
        count = min(threads or cores(), 2)
        with ThreadPoolExecutor(count) as pool:
            shares = [0.0] * len(tracks)

            def heard(track: int, share: float) -> None:
                shares[track] = max(shares[track], share)
                said.tell(0.35 * sum(shares) / len(shares), "analysing")

            usual = 0.0 if settings.mastering else EDGE_FADE_MS
            fade_ms = usual if plan is None else plan.edge_fade_ms.value
            waiting = [
                pool.submit(analyse, track, workspace, rate, partial(heard, i), edge_fade_ms=fade_ms)
                for i, track in enumerate(tracks)
            ]
            profiles = [profile.result() for profile in waiting]
        if plan is None:
            plan = make_plan(profiles, settings)
        paths = OutputPaths(Path(out_path), Path(extras_dir) if extras_dir is not None else None, beside, cover)
        done = render_plan(
            plan,
            tracks,
            paths,
            workspace=workspace,
            profiles=profiles,
            progress=said.tell,
            threads=count,
            own_machine=own_machine,
        )
        files = files_of(paths, Settings.from_json(done.plan.settings)) + done.beside
        said.tell(1.0, "done")
        return MixResult(done.plan, done.report, files)
