"""From files to a mix in one call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from automix_mixer.engine.face.extras import OutputPaths, files_of
from automix_mixer.engine.face.mix_file import MixFile
from automix_mixer.engine.face.progress import Progress
from automix_mixer.engine.face.rendering import render_plan
from automix_mixer.engine.face.report import MixReport
from automix_mixer.engine.inversions import SHORT_S
from automix_mixer.engine.measure.analysis import analyse, project_rate
from automix_mixer.engine.measure.densest import densest, loudest
from automix_mixer.engine.measure.edges import EDGE_FADE_MS
from automix_mixer.engine.measure.profile import Profile
from automix_mixer.engine.passage import Passage
from automix_mixer.engine.plan.following import followed
from automix_mixer.engine.plan.inserting import effects_of, require_strips
from automix_mixer.engine.plan.mastering import require_song
from automix_mixer.engine.plan.mixplan import MixPlan
from automix_mixer.engine.plan.passages import completed, completion_notes, made_of, within
from automix_mixer.engine.plan.plan_json import plan_from_json, plan_to_json
from automix_mixer.engine.plan.planning import make_plan
from automix_mixer.engine.render.plugins import require_plugins
from automix_mixer.engine.settings import Settings
from automix_mixer.engine.sound.allocation import keep_freed_blocks
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
    another thread. With the setting `preview` only the densest passage is read and rendered; a plan that was made so
    is completed when it is rendered without. Effects that read a file are refused unless it is their user's
    `own_machine`.
    Raises EngineError, SettingsError.
    """
    keep_freed_blocks()
    said = Progress(progress)
    if settings.mastering and plan is None:
        require_song([track.role for track in tracks])
    _require_effects(tracks, settings, plan, own_machine=own_machine)
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
            passage = _passage(tracks, settings, plan)
            # When the plan of a preview is rendered for the whole song, short inversions are looked for anew.
            old = plan is not None and (plan.passage is None or passage is not None)
            least_s = plan.least_inverted_s.value if plan is not None and old else SHORT_S
            waiting = [
                pool.submit(
                    analyse,
                    track,
                    workspace,
                    rate,
                    partial(heard, i),
                    edge_fade_ms=fade_ms,
                    least_inverted_s=least_s,
                    passage=_part(track, passage),
                )
                for i, track in enumerate(tracks)
            ]
            profiles = [profile.result() for profile in waiting]
        notes: list[str] = []
        if plan is None:
            made = _made(profiles, settings, passage)
        else:
            made, notes = followed(_whole(profiles, plan, passage))
            notes += completion_notes(plan) if passage is None else []
        paths = OutputPaths(Path(out_path), Path(extras_dir) if extras_dir is not None else None, beside, cover)
        part = made if passage is None else within(made, passage)
        done = render_plan(
            replace(part, notes=[*part.notes, *notes]),
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
        # A preview by the plan of a whole song leaves that plan as it was.
        kept = replace(made, bus=done.plan.bus) if plan is None or made.passage == passage else plan
        return MixResult(_as_song(kept), done.report, files)


def _require_effects(tracks: Sequence[Track], settings: Settings, plan: MixPlan | None, *, own_machine: bool) -> None:
    """What can be said of effects before anything is read: their strips, and whether plug-ins of one's own work."""
    if plan is None:
        require_strips(settings.inserts, tracks)
        effects = [effect for insert in settings.inserts for effect in effects_of(insert)]
    else:
        effects = plan.effects
    if own_machine:
        require_plugins(effects)


def _passage(tracks: Sequence[Track], settings: Settings, plan: MixPlan | None) -> Passage | None:
    """The passage that a preview plays: the plan's own, else the densest. None for a whole song."""
    wanted = settings.preview if plan is None else bool(plan.settings.get("preview"))
    if not wanted:
        return None
    return plan.passage if plan is not None and plan.passage is not None else densest(tracks)


def _part(track: Track, passage: Passage | None) -> Passage | None:
    """The part of a track that a preview reads. A reference is another song, so its own loudest passage is taken."""
    return loudest(track) if passage is not None and track.role == "reference" else passage


def _made(profiles: Sequence[Profile], settings: Settings, passage: Passage | None) -> MixPlan:
    """A new plan with its times in seconds of the song, made for the passage or for the whole."""
    made = make_plan(profiles, settings)
    if passage is None:
        return made
    made = replace(made_of(made, passage), settings=settings.to_json())
    return plan_from_json(plan_to_json(made), own_machine=True)


def _whole(profiles: Sequence[Profile], plan: MixPlan, passage: Passage | None) -> MixPlan:
    """The plan, completed where it was made for a passage and is rendered for the whole."""
    if passage is not None or plan.passage is None:
        return plan
    return completed(plan, make_plan(profiles, Settings.from_json(plan.settings)))


def _as_song(plan: MixPlan) -> MixPlan:
    """The plan of a whole song, which is no preview when it is rendered again, also where this mix was one."""
    if plan.passage is not None:
        return plan
    return replace(plan, settings={name: value for name, value in plan.settings.items() if name != "preview"})
