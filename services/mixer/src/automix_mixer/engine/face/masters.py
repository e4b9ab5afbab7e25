"""Further masters and versions of a mix: the same sum, limited again for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from automix_mixer.engine.face.delivery import deliver
from automix_mixer.engine.face.mix_file import MixFile
from automix_mixer.engine.face.report import OutputReport
from automix_mixer.engine.measure.loudness import SILENCE_LUFS
from automix_mixer.engine.outputs import Output, first_master, read_master
from automix_mixer.engine.plan.mixplan import MixPlan
from automix_mixer.engine.render.master import MasterGain, Measured, solve_gain
from automix_mixer.engine.render.mixdown import Mixdown
from automix_mixer.engine.render.premaster import Premaster
from automix_mixer.engine.render.versions import parts_of, under_master
from automix_mixer.engine.settings import Settings
from automix_mixer.engine.sound.workspace import Workspace


@dataclass(frozen=True)
class Mastered:
    """The mix as it was delivered: its peaks, its gains and its ceiling."""

    premaster: Premaster
    gain: MasterGain
    ceiling_dbtp: float


def write_beside(
    plan: MixPlan,
    down: Mixdown,
    mix: Mastered,
    outputs: Sequence[tuple[Output, Path]],
    progress: Callable[[float], None],
    workspace: Workspace,
    *,
    threads: int,
) -> tuple[list[MixFile], list[OutputReport], list[str]]:
    """Writes every further master and version: the files, what was measured of each, and notes."""
    files, reports, notes = [], [], []
    for i, (output, path) in enumerate(outputs):
        kind, _, name = output.kind.partition("_")
        if kind == "master":
            aimed = _aimed(plan, name)
            pre, gain = solve_gain(down.premaster, aimed, workspace)
            ceiling = aimed.master.ceiling_dbtp.value
        else:
            aimed, ceiling = None, mix.ceiling_dbtp
            parts = parts_of(down, name)
            if not parts:
                notes.append(f"There is no version {name}: it would be the mix itself, or silence.")
                continue
            pre, gain = under_master(parts, mix.premaster, mix.gain, ceiling, workspace)

        def tell(share: float, done: int = i) -> None:
            progress((done + share) / len(outputs))

        path.parent.mkdir(parents=True, exist_ok=True)
        measured, gain = deliver(pre, gain, ceiling, path, output.format, tell, workspace, threads=threads)
        if kind == "version":
            pre.pcm.delete()
        files.append(MixFile(output.kind, str(path)))
        reports.append(report_of(output, measured, gain))
        notes += [f"{name}: {note}" for note in master_notes(gain, measured, aimed)] if aimed else []
    return files, reports, notes


def report_of(output: Output, measured: Measured, gain: MasterGain) -> OutputReport:
    """What was measured of one file."""
    return OutputReport(
        output.kind,
        output.format,
        max(measured.integrated_lufs, SILENCE_LUFS),
        measured.loudness_range_lu,
        max(measured.true_peak_dbtp, SILENCE_LUFS),
        -gain.deepest_db,
    )


def first_master_notes(plan: MixPlan, settings: Settings) -> list[str]:
    """A note where the mix is not as loud as the first of its masters is called, because its plan says otherwise."""
    first, said = first_master(settings.masters), plan.master
    if first is None or (first.lufs, first.ceiling_dbtp) == (said.target_lufs.value, said.ceiling_dbtp.value):
        return []
    return [
        f"The mix itself follows its plan, {said.target_lufs.value:g} LUFS under {said.ceiling_dbtp.value:g} dBTP,"
        f" and not its first master, {first.name}."
    ]


def master_notes(gain: MasterGain, measured: Measured, plan: MixPlan) -> list[str]:
    """Notes about a master that is too short to be measured, or that does not reach the loudness asked for."""
    if measured.integrated_lufs <= SILENCE_LUFS:
        return ["The mix is too short to measure its loudness, for which 0.4 s are needed."]
    if not gain.limited:
        return []
    return [
        f"The mix reaches {measured.integrated_lufs:.1f} instead of {plan.master.target_lufs.value:.1f} LUFS:"
        f" more would need over {plan.master.max_limiting_db.value:g} dB of limiting."
    ]


def _aimed(plan: MixPlan, name: str) -> MixPlan:
    """The plan with another target and ceiling."""
    asked, master = read_master(name), plan.master
    return replace(
        plan,
        master=replace(
            master,
            target_lufs=replace(master.target_lufs, value=asked.lufs),
            ceiling_dbtp=replace(master.ceiling_dbtp, value=asked.ceiling_dbtp),
        ),
    )
