"""A report as one picture."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from automix_mixer.engine.face.report import MixReport


def draw_report(report: MixReport, path: Path) -> None:
    """Draws spectrum before, after and of the reference; loudness over time; gain reduction; vocal against backing."""
    figure = Figure(figsize=(12, 8), layout="constrained")
    FigureCanvasAgg(figure)
    spectrum, loudness, reduction, balance = figure.subplots(2, 2).flatten()
    _draw_spectrum(spectrum, report)
    _over_time(loudness, report, "loudness_lufs", "mix", "C0")
    loudness.axhline(report.integrated_lufs, color="C3", linewidth=1, label=f"integrated {report.integrated_lufs:.1f}")
    _finish(loudness, "Loudness", "LUFS")
    _over_time(reduction, report, "gain_reduction_db", "glue and limiter", "C3")
    _finish(reduction, "Gain reduction", "dB")
    _over_time(balance, report, "backing_lufs", "backing", "0.6")
    _over_time(balance, report, "vocal_lufs", "vocal", "C0")
    title = "Vocal against backing" if report.lar_db is None else f"Vocal against backing: {report.lar_db:+.1f} dB"
    _finish(balance, title, "LUFS (working level)")
    # No date or version inside: the same mix gives the same picture.
    figure.savefig(path, dpi=100, metadata={"Software": None})


def _draw_spectrum(axes: Axes, report: MixReport) -> None:
    names = (("before", "0.6"), ("reference", "C2"), ("after", "C0"))
    for name, colour in names:
        values = report.curves.get(f"spectrum_{name}_db")
        if values is not None:
            axes.semilogx(report.curves["band_hz"], values, color=colour, label=name)
    axes.set_xlim(25, 20_000)
    axes.set_ylim(-45, 5)
    axes.set_xlabel("Hz")
    axes.set_title("Spectrum at equal loudness")
    axes.set_ylabel("dB per third octave")
    axes.grid(alpha=0.3)
    axes.legend()


def _over_time(axes: Axes, report: MixReport, name: str, label: str, colour: str) -> None:
    if name in report.curves:
        axes.plot(report.curves["time_s"], report.curves[name], color=colour, linewidth=1, label=label)


def _finish(axes: Axes, title: str, unit: str) -> None:
    axes.set_title(title)
    axes.set_xlabel("s")
    axes.set_ylabel(unit)
    axes.grid(alpha=0.3)
    axes.legend()
