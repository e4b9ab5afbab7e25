"""A mix as one picture: the request, the decisions and the result."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MultipleLocator, NullLocator

from automix_mixer.engine.dsp.bands import BAND_HZ
from automix_mixer.engine.dsp.quantiles import quantile
from automix_mixer.engine.face.report import MixReport
from automix_mixer.engine.plan.mixplan import BeatPlan, MixPlan, VocalPlan

_INK, _FAINT, _GRID = "#1f2933", "#7b8794", "#dde3ea"
_MIX, _BEFORE, _REFERENCE, _VOICE, _BACKING = "#1565c0", "#9aa5b1", "#2e9e6b", "#d1495b", "#8d99ae"
_STAGES = (
    ("give_way_db", "beats give way", "#edae49"),
    ("glue_db", "glue", "#66a182"),
    ("range_db", "range kept", "#7b4b94"),
    ("limiter_db", "limiter", "#d1495b"),
)
_STRIPS = ("#d1495b", "#1565c0", "#2e9e6b", "#edae49", "#7b4b94", "#00798c", "#8d5524", "#5c677d")
_TICKS_HZ = (31.5, 63, 125, 250, 500, 1_000, 2_000, 4_000, 8_000, 16_000)
_AUDIBLE_DB = 0.3
_MOST_LETTERS, _MOST_OF_LABEL = 34, 20
_LETTERS_OF_LEGEND = 104
"""What stands in a line under half of the picture, with 5 for each line's sample."""
_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800)
_MOST_TIMES = 9
"""Times are written at most so often along an axis."""
_REACH_DB = 12.0
"""The axis of EQ moves ends here: with deeper filters on it everything audible would look flat."""

Values = npt.NDArray[np.float64]


def draw_report(plan: MixPlan, report: MixReport, path: Path) -> None:
    """Draws title and wishes, spectra, EQ moves per strip, loudness, gain reduction by stage, voice against backing."""
    figure = Figure(figsize=(13, 10.5), facecolor="white")
    FigureCanvasAgg(figure)
    _head(figure, plan, report)
    grid = figure.add_gridspec(3, 2, left=0.065, right=0.975, top=0.85, bottom=0.075, hspace=0.5, wspace=0.16)
    _spectrum(figure.add_subplot(grid[0, 0]), report)
    _moves(figure.add_subplot(grid[0, 1]), plan)
    _loudness(figure.add_subplot(grid[1, :]), plan, report)
    _reduction(figure.add_subplot(grid[2, 0]), report)
    _balance(figure.add_subplot(grid[2, 1]), report)
    # No date or version inside: the same mix gives the same picture.
    figure.savefig(path, dpi=100, metadata={"Software": None})


def _head(figure: Figure, plan: MixPlan, report: MixReport) -> None:
    strips: list[VocalPlan | BeatPlan] = [*plan.vocals, *plan.beats]
    name = _plain(plan.settings.get("title") or Path(strips[0].name if strips else "Mix").stem)
    artist = _plain(plan.settings.get("artist") or "", 64)
    figure.text(0.065, 0.945, name, fontsize=20, fontweight="bold", color=_INK)
    figure.text(0.065, 0.918, artist or _strips_words(plan), fontsize=11, color=_FAINT)
    figure.text(0.065, 0.893, _asked(plan), fontsize=10, color=_INK)
    came = (
        (f"{report.integrated_lufs:.1f} LUFS", "loudness"),
        (f"{report.true_peak_dbtp:.1f} dBTP", "true peak"),
        (f"{report.loudness_range_lu:.1f} LU", "range"),
        ("-" if report.lar_db is None else f"{report.lar_db:+.1f} dB", "voice over backing"),
    )
    for place, (value, label) in zip((0.58, 0.695, 0.81, 0.89), came, strict=True):
        figure.text(place, 0.942, value, fontsize=15, fontweight="bold", color=_MIX)
        figure.text(place, 0.92, label, fontsize=9, color=_FAINT)


def _strips_words(plan: MixPlan) -> str:
    voices, beats = len(plan.vocals), len(plan.beats)
    parts = [f"{n} {word if n == 1 else word + 's'}" for n, word in ((voices, "vocal"), (beats, "beat or stem")) if n]
    return " and ".join(parts).replace("beat or stems", "stems")


def _asked(plan: MixPlan) -> str:
    """One line for what the user asked for, as far as it differs from the defaults, and for what the engine took the
    song for."""
    words = [
        f"mixed as {plan.style.value}",
        f"{plan.tempo_bpm.value:.0f} BPM",
        f"to {plan.master.target_lufs.value:.1f} LUFS under {plan.master.ceiling_dbtp.value:.1f} dBTP",
    ]
    if plan.bus.reference is not None:
        words.append(f"after a reference, at {plan.settings.get('reference_strength', 0.8):.0%}")
    strips: list[VocalPlan | BeatPlan] = [*plan.vocals, *plan.beats]
    effects = [effect.kind for strip in strips for effect in strip.effects if effect.on]
    effects += [effect.kind for some in plan.bus_effects.values() for effect in some if effect.on]
    if effects:
        words.append("effects: " + ", ".join(kind.replace("_", " ") for kind in dict.fromkeys(effects)))
    made = [(name, plan.settings.get(name)) for name in ("masters", "versions")]
    words += [f"{name}: {', '.join(named)}" for name, named in made if named]
    return _plain("   ·   ".join(words), 150)


def _spectrum(axes: Axes, report: MixReport) -> None:
    for name, label, colour, width in (
        ("before", "plain sum", _BEFORE, 1.4),
        ("reference", "reference", _REFERENCE, 1.6),
        ("after", "mix", _MIX, 2.2),
    ):
        values = report.curves.get(f"spectrum_{name}_db")
        if values is not None:
            axes.plot(report.curves["band_hz"], values, color=colour, linewidth=width, label=label)
    _hertz(axes)
    axes.set_ylim(-42, 2)
    _finish(axes, "Spectrum at equal loudness", "dB per third octave")


def _moves(axes: Axes, plan: MixPlan) -> None:
    """The filters of every strip that has any, and those of the whole mix."""
    drawn: list[tuple[str, Values]] = [
        (_plain(v.name, _MOST_OF_LABEL), _voice_db(v)) for v in plan.vocals if not v.mute
    ]
    drawn += [
        (_plain(b.name, _MOST_OF_LABEL), np.array(b.tone_db.value))
        for b in plan.beats
        if not b.mute and "tone" not in b.off
    ]
    drawn.append(("beats under the voice", np.array(plan.unmask.cut_db.value)))
    middle, sides = np.array(plan.bus.mid_db.value), np.array(plan.bus.side_db.value)
    alike = np.array_equal(middle, sides)
    drawn += [("the whole", middle)] if alike else [("the whole, middle", middle), ("the whole, sides", sides)]
    heard = [(name, db) for name, db in drawn if np.abs(np.clip(db, -24, 24)).max(initial=0.0) >= _AUDIBLE_DB]
    for i, (name, db) in enumerate(heard[: len(_STRIPS)]):
        style = "--" if name.startswith(("the whole", "beats under")) else "-"
        axes.plot(BAND_HZ, np.clip(db, -24, 24), style, color=_STRIPS[i], linewidth=1.7, label=name)
    axes.axhline(0.0, color=_FAINT, linewidth=0.8)
    reach = max((float(np.abs(db[BAND_HZ > 150]).max()) for _, db in heard), default=0.0)
    reach = min(reach, _REACH_DB)
    axes.set_ylim(-max(6.0, reach + 3.0), max(4.0, reach + 1.0))
    _hertz(axes)
    left_out = len(heard) - len(_STRIPS)
    more = f" (and {left_out} more)" if left_out > 0 else ""
    _finish(axes, f"EQ moves{more}" if heard else "EQ moves: none", "dB")


def _voice_db(vocal: VocalPlan) -> Values:
    """High-pass, tone and cuts of a vocal, in third octaves."""
    db = np.zeros(BAND_HZ.size) if "tone" in vocal.off else np.array(vocal.tone_db.value)
    if "highpass" not in vocal.off:
        # Butterworth, 24 dB per octave.
        db = db - 10.0 * np.log10(1.0 + (vocal.highpass_hz.value / BAND_HZ) ** 8)
    if "resonances" not in vocal.off:
        for cut in vocal.cuts:
            octaves = np.log2(BAND_HZ / cut.freq_hz)
            db = db + cut.gain_db / (1.0 + (2.0 * cut.q * octaves) ** 2)
    return np.asarray(db)


def _loudness(axes: Axes, plan: MixPlan, report: MixReport) -> None:
    values = np.array(report.curves.get("loudness_lufs", []))
    if values.size:
        seconds = report.curves["time_s"]
        floor = _floor(values, 26.0)
        axes.fill_between(seconds, floor, np.maximum(values, floor), color=_MIX, alpha=0.18, linewidth=0)
        axes.plot(seconds, np.maximum(values, floor), color=_MIX, linewidth=1.1, label="mix, 0.4 s")
        axes.set_ylim(floor, float(values.max()) + 3.0)
        _time(axes, seconds)
    axes.axhline(
        report.integrated_lufs, color=_INK, linewidth=1.2, label=f"integrated {report.integrated_lufs:.1f} LUFS"
    )
    target = plan.master.target_lufs.value
    if abs(target - report.integrated_lufs) > 0.2:
        axes.axhline(target, color=_FAINT, linewidth=1.2, linestyle="--", label=f"wanted {target:.1f} LUFS")
    _finish(axes, "Loudness over the song", "LUFS")


def _reduction(axes: Axes, report: MixReport) -> None:
    """Draws the deepest gain reduction of each stage as bands, one above the other: a deeper reduction makes a longer
    band."""
    seconds = report.curves.get("time_s", [])
    base, deepest, shown = np.zeros(len(seconds)), 0.0, False
    for name, label, colour in _STAGES:
        values = np.array(report.curves.get(name, []))
        if values.size != len(seconds) or not values.size:
            continue
        taken = np.minimum(values, 0.0)
        if taken.min() > -0.05:
            continue
        shown = True
        axes.fill_between(
            seconds,
            base,
            base + taken,
            color=colour,
            alpha=0.85,
            linewidth=0,
            label=f"{label}, {taken.min():.1f} dB at most",
        )
        base = base + taken
        deepest = min(deepest, float(base.min()))
    if len(seconds):
        _time(axes, seconds)
    axes.set_ylim(min(-3.0, 1.1 * deepest), 0.0)
    _finish(axes, "Gain reduction by stage" if shown else "Gain reduction: none", "dB")


def _balance(axes: Axes, report: MixReport) -> None:
    seconds = report.curves.get("time_s", [])
    backing, voice = (np.array(report.curves.get(f"{name}_lufs", [])) for name in ("backing", "vocal"))
    heard = [curve for curve in (backing, voice) if curve.size and curve.max() > -60.0]
    if heard:
        floor = max(_floor(curve, 22.0) for curve in heard)
        if backing.size:
            axes.fill_between(
                seconds, floor, np.maximum(backing, floor), color=_BACKING, alpha=0.35, linewidth=0, label="backing"
            )
        if voice.size:
            axes.plot(seconds, np.where(voice > floor, voice, np.nan), color=_VOICE, linewidth=1.3, label="voice")
        axes.set_ylim(floor, max(float(curve.max()) for curve in heard) + 3.0)
        _time(axes, seconds)
    over = "" if report.lar_db is None else f": {report.lar_db:+.1f} dB while it sings"
    _finish(axes, f"Voice against backing{over}", "LUFS, before the master")


def _floor(values: Values, depth: float) -> float:
    """Lower end of an axis of levels, `depth` dB under the loud parts: a listener follows sound as soft as that."""
    loud = values[values > -60.0]
    return float(quantile(loud, 0.9)) - depth if loud.size else -60.0


def _hertz(axes: Axes) -> None:
    axes.set_xscale("log")
    axes.set_xlim(25, 20_000)
    axes.set_xticks(_TICKS_HZ, [f"{hz / 1000:g} kHz" if hz >= 1000 else f"{hz:g} Hz" for hz in _TICKS_HZ])
    axes.xaxis.set_minor_locator(NullLocator())


def _time(axes: Axes, seconds: list[float]) -> None:
    end = seconds[-1] + seconds[0]
    axes.set_xlim(0.0, end)
    step = next((step for step in _STEPS_S if end / step <= _MOST_TIMES), _STEPS_S[-1])
    axes.xaxis.set_major_locator(MultipleLocator(step))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda at, _: f"{int(at // 60)}:{int(at % 60):02d}"))


def _finish(axes: Axes, title: str, unit: str) -> None:
    axes.set_title(title, loc="left", fontsize=11.5, fontweight="bold", color=_INK)
    axes.set_ylabel(unit, fontsize=9, color=_FAINT)
    axes.tick_params(labelsize=8, colors=_FAINT, length=0)
    axes.grid(color=_GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    for side in axes.spines.values():
        side.set_visible(False)
    labels = axes.get_legend_handles_labels()[1]
    if labels:
        # Below the axis, where it covers nothing.
        axes.legend(
            fontsize=8,
            frameon=False,
            loc="upper left",
            bbox_to_anchor=(-0.012, -0.09),
            labelcolor=_INK,
            ncols=max(1, min(4, _LETTERS_OF_LEGEND // (max(map(len, labels)) + 5))),
            handlelength=1.6,
            columnspacing=1.4,
        )


def _plain(text: str, most: int = _MOST_LETTERS) -> str:
    """Text drawn literally (a dollar sign starts no mathematics) and shortened to the room that there is."""
    shown = "".join(letter if letter.isprintable() else " " for letter in text)
    return (shown if len(shown) <= most else shown[: most - 1] + "…").replace("$", r"\$")
