"""Where the processor's time of a mix goes: the share of every stage, and the lines that take the most.

By samples of the stack, one for each millisecond of CPU, which cost next to nothing; one thread.
"""

from __future__ import annotations

import signal
from collections import Counter
from pathlib import Path
from types import FrameType

from automix_mixer.engine import Settings, Track
from automix_mixer.engine.face.extras import OutputPaths
from automix_mixer.engine.face.rendering import render_plan
from automix_mixer.engine.measure.analysis import analyse, project_rate
from automix_mixer.engine.plan.planning import make_plan
from automix_mixer.engine.sound.workspace import Workspace

_STAGES = {
    "analysis, decoding": ("blocks", "decode.py"),
    "analysis, measures": ("analyse", "analysis.py"),
    "plan": ("make_plan", "planning.py"),
    "instruments": ("render_strips", "instruments.py"),
    "vocal chains and space": ("make_vocal_bus", "vocal_bus.py"),
    "balance": ("balance", "balance.py"),
    "rehearsal": ("rehearse", "rehearsal.py"),
    "sum and its tone": ("mix_down", "mixdown.py"),
    "glue and limiter, solved": ("solve_gain", "master.py"),
    "file and its meters": ("deliver", "delivery.py"),
}
"""Functions under which a sample counts; the first that fits. Reading goes on inside of a generator."""
_READING = {"_checked", "_resampled", "reblock"}


class _Samples:
    def __init__(self) -> None:
        self.stages: Counter[str] = Counter()
        self.lines: Counter[str] = Counter()

    def take(self, _signal: int, frame: FrameType | None) -> None:
        """A handler of SIGPROF."""
        line, inside = None, set()
        while frame is not None:
            path = Path(frame.f_code.co_filename)
            if line is None and "automix" in str(path):
                line = f"{path.parent.name}/{path.name}:{frame.f_lineno} {frame.f_code.co_name}"
            inside.add(
                ("blocks", "decode.py") if frame.f_code.co_name in _READING else (frame.f_code.co_name, path.name)
            )
            frame = frame.f_back
        self.stages[next((name for name, place in _STAGES.items() if place in inside), "the rest")] += 1
        self.lines[line or "elsewhere"] += 1


def profile(tracks: list[Track], out: Path, settings: Settings | None = None) -> None:
    """Prints both tables for a mix of `tracks`."""
    settings, samples = settings or Settings(), _Samples()
    signal.signal(signal.SIGPROF, samples.take)
    with Workspace() as workspace:
        signal.setitimer(signal.ITIMER_PROF, 0.001, 0.001)
        try:
            profiles = [analyse(track, workspace, project_rate(tracks, settings)) for track in tracks]
            plan = make_plan(profiles, settings)
            render_plan(plan, tracks, OutputPaths(out), workspace=workspace, profiles=profiles, threads=1)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0.0)
    total = samples.stages.total()
    print("| stage | share of CPU |\n|---|---|")
    for name in [*_STAGES, "the rest"]:
        print(f"| {name} | {100 * samples.stages[name] / total:.0f} % |")
    print("\nThe lines that take the most:")
    for line, count in samples.lines.most_common(25):
        print(f"{100 * count / total:5.1f} % {line}")
