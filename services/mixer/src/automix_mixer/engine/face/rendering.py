"""Renders a plan with its tracks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from automix_mixer.engine.dsp.control import step_frames
from automix_mixer.engine.effects import PLUGIN
from automix_mixer.engine.face.curves import report_curves
from automix_mixer.engine.face.delivery import deliver
from automix_mixer.engine.face.extras import OutputPaths, write_extras
from automix_mixer.engine.face.masters import Mastered, first_master_notes, master_notes, report_of, write_beside
from automix_mixer.engine.face.mix_file import MixFile
from automix_mixer.engine.face.report import MixReport, crest_effect, glue_effect, master_effect, reference_effect
from automix_mixer.engine.face.stems import write_track_stems
from automix_mixer.engine.face.tagging import tag_files
from automix_mixer.engine.measure.analysis import analyse
from automix_mixer.engine.measure.loudness import SILENCE_LUFS
from automix_mixer.engine.measure.profile import Profile
from automix_mixer.engine.outputs import Output
from automix_mixer.engine.plan.correction import corrected, recorded
from automix_mixer.engine.plan.mixplan import BusPlan, CorrectionPlan, MixPlan, StepBackPlan
from automix_mixer.engine.plan.plan_bounds import check_fit, check_own_machine, check_sound
from automix_mixer.engine.plan.strips import switched
from automix_mixer.engine.render.aligning import aligned
from automix_mixer.engine.render.balance import Balance, after_rehearsal, balance, unmask_effect_db
from automix_mixer.engine.render.buses import bus_tail_frames, render_buses, with_mix_effects
from automix_mixer.engine.render.instruments import drum_bus, render_strips
from automix_mixer.engine.render.master import MasterGain, Measured, solve_gain
from automix_mixer.engine.render.mixdown import Mixdown, mix_down
from automix_mixer.engine.render.rehearsal import rehearse
from automix_mixer.engine.render.tail import died_away, has_effects, longest_frames, mix_frames, soften, track_frames
from automix_mixer.engine.render.track_stems import Strips, TrackStems
from automix_mixer.engine.render.tuning import tuned
from automix_mixer.engine.render.vocal_bus import VocalBus, make_vocal_bus
from automix_mixer.engine.settings import Settings
from automix_mixer.engine.sound.curve_file import CurveFile
from automix_mixer.engine.sound.threads import cores
from automix_mixer.engine.sound.workspace import Workspace
from automix_mixer.engine.track import Track

Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Rendered:
    """What a render measured, and its plan with what the rehearsal found recorded in it."""

    plan: MixPlan
    report: MixReport
    beside: list[MixFile]


def render_plan(
    plan: MixPlan,
    tracks: Sequence[Track],
    paths: OutputPaths,
    *,
    workspace: Workspace,
    profiles: Sequence[Profile] | None = None,
    progress: Progress | None = None,
    threads: int | None = None,
    own_machine: bool = False,
) -> Rendered:
    """Renders `plan` from `tracks`, which are those that it was made from, in their order.

    With `profiles` from the same workspace nothing is decoded again. `threads` is 1 or 2 (by default 2 where there are
    two cores); the result does not depend on it. Effects that read a file (a plug-in) are refused unless the plan is
    rendered on its user's `own_machine`. Raises EngineError for a plan that does not fit the tracks or a track that
    cannot be read.
    """
    tell = progress or (lambda _share, _stage: None)
    settings = Settings.from_json(plan.settings)
    # Some plug-ins of a user's own may be loaded by the main thread only.
    threads = 1 if any(effect.kind == PLUGIN for effect in plan.effects) else threads or cores()
    check_fit(plan, [track.role for track in tracks])
    check_own_machine(plan, own_machine=own_machine)
    if profiles is None:
        profiles = [
            analyse(
                track,
                workspace,
                plan.sample_rate,
                edge_fade_ms=plan.edge_fade_ms.value,
                least_inverted_s=plan.least_inverted_s.value,
            )
            for track in tracks
        ]
    check_sound(plan, profiles)
    written, plan, recorded_profiles = plan, switched(plan), profiles
    affected, decided = has_effects(plan), plan
    profiles = aligned(plan, profiles, workspace)
    least = track_frames(plan, profiles)
    by_track = settings.track_stems and paths.extras is not None
    plan, profiles = render_strips(plan, tuned(plan, profiles, workspace), workspace)
    strips = Strips(plan, profiles, {beat.track for beat in decided.beats if beat.mute})
    plan, profiles = drum_bus(plan, profiles, workspace)
    longest = longest_frames(plan, profiles) + bus_tail_frames(plan)
    vocals = make_vocal_bus(
        plan,
        profiles,
        workspace,
        longest,
        lambda share: tell(0.35 + 0.2 * share, "vocals"),
        threads=threads,
        with_backing_space=any(output.kind == "version_tv-track" for output in settings.beside),
        with_tracks=by_track,
    )
    frames = longest if affected else mix_frames(plan, profiles, vocals)
    steps = -(-frames // step_frames(plan.sample_rate))
    if vocals.lead_k is not None:
        vocals = replace(vocals, lead_k=CurveFile(vocals.lead_k.path, steps))
    settled = balance(plan, profiles, vocals, steps, workspace)
    plan, profiles, vocals = render_buses(plan, profiles, vocals, settled, workspace)
    planned = plan.bus
    correction, back = _heard(plan, profiles, vocals, settled, frames)
    settled = after_rehearsal(settled, correction, back)
    if correction is not None:
        written = _recorded(written, correction, back)
        plan = replace(plan, bus=corrected(planned, correction))
    down = mix_down(
        plan,
        profiles,
        vocals,
        settled,
        workspace,
        frames,
        with_stems=by_track or bool(settings.versions) or (settings.stems and paths.extras is not None),
        threads=threads,
        progress=lambda share: tell(0.55 + 0.2 * share, "mixing"),
    )
    down = _ended(plan, down, least, workspace, affected=affected)
    premaster, gain = solve_gain(down.premaster, plan, workspace)
    measured, gain = deliver(
        premaster,
        gain,
        plan.master.ceiling_dbtp.value,
        paths.mix,
        settings.format,
        lambda share: tell(0.75 + 0.15 * share / (1 + len(settings.beside)), "mastering"),
        workspace,
        threads=threads,
        with_spectrum=paths.extras is not None,
    )
    beside, outputs, notes = write_beside(
        plan,
        down,
        Mastered(premaster, gain, plan.master.ceiling_dbtp.value),
        paths.of(settings),
        lambda share: tell(0.9 - 0.15 * (1 - share) * len(settings.beside) / (1 + len(settings.beside)), "mastering"),
        workspace,
        threads=threads,
    )
    # By the plan as it stands: a bus with effects is rendered as a track of its own, which is nobody's file.
    _tag(written, tracks, settings, paths, {file.path for file in beside})
    report = _report(plan, decided, planned, vocals, settled, down, gain, measured)
    first = report_of(Output("mix", settings.format), measured, gain)
    report = replace(report, notes=report.notes + first_master_notes(plan, settings) + notes, outputs=[first, *outputs])
    if paths.extras is not None and measured.spectrum is not None:
        tell(0.9, "extras")
        curves = report_curves(
            recorded_profiles,
            vocals,
            settled,
            premaster,
            gain,
            measured.reduction,
            measured.spectrum,
            decided.unmask.cut_db.value,
        )
        report = replace(report, curves=curves)
        write_extras(plan, recorded_profiles, report, down, gain, paths, workspace)
    if by_track and paths.extras is not None:
        tell(0.92, "extras")
        single = TrackStems(strips, Strips(plan, profiles), vocals, settled, workspace, down.premaster.pcm.frames)
        beside += write_track_stems(single, down, gain, paths.extras, least)
    _forget(down, vocals)
    return Rendered(written, report, beside)


def _heard(
    plan: MixPlan, profiles: Sequence[Profile], vocals: VocalBus, settled: Balance, frames: int
) -> tuple[CorrectionPlan | None, StepBackPlan | None]:
    """What the rehearsal changes, and how far the lead steps back, as the plan records or as it is heard now.

    None for a rehearsal that leaves the bus as it was planned, and for each whose insert is off.
    """
    if "correction" in plan.bus.off or plan.bus.correction is not None:
        return plan.bus.correction, plan.bus.step_back
    heard, changed = rehearse(plan, profiles, vocals, settled, frames)
    if heard.bus is plan.bus:
        return None, plan.bus.step_back
    change = recorded(plan.bus, heard.bus, changed.fader_db - settled.fader_db, changed.lean_db)
    return change, heard.bus.step_back


def _recorded(plan: MixPlan, correction: CorrectionPlan, back: StepBackPlan | None) -> MixPlan:
    """The plan with what was heard. A step back that is switched off stays in it as it is."""
    return replace(plan, bus=replace(plan.bus, correction=correction, step_back=back or plan.bus.step_back))


def _forget(down: Mixdown, vocals: VocalBus) -> None:
    """Deletes the sound that only this render needed."""
    voices = (vocals.lead, vocals.backing, vocals.space, vocals.backing_space, *(pcm for _, _, pcm in vocals.tracks))
    for pcm in (down.premaster.pcm, *down.stems.values(), *voices):
        if pcm is not None:
            pcm.delete()


def _ended(plan: MixPlan, down: Mixdown, least: int, workspace: Workspace, *, affected: bool) -> Mixdown:
    """The sum after the effects of its bus, cut where their tails have decayed, with a fade at its end."""
    if affected:
        down = died_away(with_mix_effects(plan, down, workspace), least)
    _soften_end(down, down.premaster.pcm.frames - least, plan.sample_rate)
    return down


def _tag(plan: MixPlan, tracks: Sequence[Track], settings: Settings, paths: OutputPaths, written: set[str]) -> None:
    beside = [(path, output.format) for output, path in paths.of(settings) if str(path) in written]
    tag_files(plan, tracks, settings, paths.cover, [(paths.mix, settings.format), *beside])


def _soften_end(down: Mixdown, tail: int, sample_rate: int) -> None:
    """Fades the end of a tail in the premaster and in every stem, so that the stems still add up to it."""
    if tail <= 0:
        return
    for pcm in (down.premaster.pcm, *down.stems.values()):
        soften(pcm, sample_rate)


def _report(
    plan: MixPlan,
    decided: MixPlan,
    planned: BusPlan,
    vocals: VocalBus,
    settled: Balance,
    down: Mixdown,
    gain: MasterGain,
    measured: Measured,
) -> MixReport:
    pre = down.premaster
    return MixReport(
        duration_s=pre.pcm.frames / plan.sample_rate,
        sample_rate=plan.sample_rate,
        channels=pre.pcm.channels,
        integrated_lufs=max(measured.integrated_lufs, SILENCE_LUFS),
        loudness_range_lu=measured.loudness_range_lu,
        true_peak_dbtp=max(measured.true_peak_dbtp, SILENCE_LUFS),
        lar_db=settled.lar_db,
        stages={
            **vocals.effects,
            "unmask": unmask_effect_db(decided, settled),
            "balance": {"vocal_fader_db": settled.fader_db},
            **reference_effect(planned, plan.bus, settled.lean_db, settled.back_db),
            "glue": glue_effect(gain.shaped.gains),
            "crest": crest_effect(gain),
            **({} if plan.master.range is None else {"range": {"deepest_db": 0.0 - gain.range_db}}),
            "master": master_effect(gain.gain_db, gain.deepest_db, gain.ceiling_dbtp),
        },
        notes=plan.notes + master_notes(gain, measured, plan),
    )
