"""Small inputs that were reported, each with a figure and its right value; they lie beside the recordings.

`python bench/reported_cases.py` prints the figures.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from automix_audio.decode import open_audio
from automix_mixer.engine import MixResult, Settings, Track, mix
from scipy.signal import correlate

from .conftest import load
from .test_edges import DRY, level_db
from .test_fades import lead_over_beat

FADED_DB = -12.0
"""What a fade leaves of a lead that is still heard."""


@dataclass(frozen=True)
class Desk:
    """The reported files, and a folder for what is mixed from them."""

    cases: Path
    folder: Path

    def mixed(self, vocal: str, beat: str | None = "beat.ogg", reference: str | None = None, **wanted: object) -> Mixed:
        """A mix of some of them."""
        names = ((vocal, "vocals"), (beat, "beat"), (reference, "reference"))
        tracks = [Track(self.cases / name, role) for name, role in names if name]
        return Mixed(self.folder, mix(tracks, Settings(**wanted), self.folder / "mix.wav", extras_dir=self.folder))

    def sound(self, name: str, rate: int) -> np.ndarray:
        """What a file holds, shape (n, channels)."""
        return load(self.cases / name, rate)

    def damaged(self, name: str) -> int:
        """How many of its packets are damaged."""
        with open_audio(self.cases / name) as reader:
            for _ in reader.blocks():
                pass
            return reader.damaged_packets

    def late_ms(self, name: str, part: slice, rate: int = 32_000) -> float:
        """How much later than in the plain voice a part of it comes, by correlation."""
        plain = self.sound("voc.flac", rate)[:, 0][part]
        there = self.sound(name, rate)[:, 0]
        return (int(np.abs(correlate(there, plain, "valid", "fft")).argmax()) - part.start) / rate * 1e3


@dataclass(frozen=True)
class Mixed:
    """A finished mix and what was said of it."""

    folder: Path
    result: MixResult

    def says(self, *words: str) -> bool:
        """Whether one note holds all of the words."""
        return any(all(word in note for word in words) for note in self.result.report.notes)

    def sound(self, rate: int) -> np.ndarray:
        """Of the mix, shape (n, 2)."""
        return load(self.folder / "mix.wav", rate)


def inverted(desk: Desk) -> tuple[str, bool]:
    made = desk.mixed("voc_inverted.flac", **DRY)
    lead = load(desk.folder / "stem_lead.wav")
    lost = level_db(lead.mean(axis=1)) - level_db(lead)
    return f"lead in mono {lost:+.1f} dB", abs(lost) < 0.5 and made.says("inverted polarity", "corrected")


def one_sided(desk: Desk) -> tuple[str, bool]:
    desk.mixed("beat_one_sided.flac", None, **DRY)
    silent = desk.sound("beat_one_sided.flac", 32_000)[5 * 32_000 :]
    peak = level_db(np.abs(load(desk.folder / "mix.wav", 32_000)[5 * 32_000 :]).max(initial=0.0))
    return f"its silence peaks at {peak:.0f} dBFS", not silent.any() and peak < -90


def faded(desk: Desk) -> tuple[str, bool]:
    dry = {**DRY, "balance": "session"}
    desk.mixed("voc_nofade.flac", "beat_nofade.ogg", **dry)
    unfaded = lead_over_beat(desk.folder)
    desk.mixed("voc_fade.flac", "beat_fade.ogg", **dry)
    change = lead_over_beat(desk.folder)[: unfaded.size] - unfaded
    own = [level_db(desk.sound(f"voc_{name}.flac", 44_100)[-44_100 * 4 : -44_100 * 3]) for name in ("fade", "nofade")]
    worst = float(np.abs(change[:-3]).max())
    return f"lead moves by {worst:.1f} dB at most while the fade takes {own[1] - own[0]:.0f}", worst < 2.0


def last_word(desk: Desk) -> tuple[str, bool]:
    made = desk.mixed("voc_lastword.flac", None)
    out = made.sound(44_100)
    ends = level_db(out[-882:]) - level_db(out)
    return f"rings to {len(out) / 44_100:.2f} s, ends {ends:.0f} dB under the mix", ends < -40.0


def in_time(
    name: str, part: slice, seconds: float, *words: str, behind_ms: float = 0.0, within_ms: float = 0.1
) -> Callable[[Desk], tuple[str, bool]]:
    def measured(desk: Desk) -> tuple[str, bool]:
        late = desk.late_ms(name, part) - behind_ms
        length = len(desk.sound(name, 32_000)) / 32_000
        right = abs(late) <= within_ms and abs(length - seconds) < 0.01
        if words:
            right = right and desk.mixed(name).says(*words)
        return f"{late:+.2f} ms, {length:.2f} s", right

    return measured


def one_bit(desk: Desk) -> tuple[str, bool]:
    broken, whole = (len(desk.sound(f"opus-{name}.opus", 48_000)) / 48_000 for name in ("one-bit-30000", "whole"))
    told = desk.mixed("opus-one-bit-30000.opus").says("damaged", "missing: silence")
    count = desk.damaged("opus-one-bit-30000.opus")
    return f"{broken:.2f} of {whole:.2f} s, {count} damaged, said", broken == whole and count == 1 and told


def mono_reference(desk: Desk) -> tuple[str, bool]:
    found = [
        desk.mixed("voc.flac", reference=name, match_reference_loudness=True).result.report.integrated_lufs
        for name in ("ref_mono.flac", "ref_dualmono.flac")
    ]
    return "{:.1f} and {:.1f} LUFS".format(*found), max(abs(one + 17.3) for one in found) < 0.1


def left_out(name: str, *words: str) -> Callable[[Desk], tuple[str, bool]]:
    def measured(desk: Desk) -> tuple[str, bool]:
        made = desk.mixed("voc.flac", reference=name)
        return "left out, said", made.says(name, "left out", *words)

    return measured


def read_whole(name: str, seconds: float) -> Callable[[Desk], tuple[str, bool]]:
    def measured(desk: Desk) -> tuple[str, bool]:
        sound = desk.sound(name, 32_000)
        plain = desk.sound("voc.flac", 32_000)[: len(sound)]
        wrong = level_db(sound - plain)
        return f"{len(sound) / 32_000:.2f} s, {wrong:.0f} dBFS off", len(sound) == 32_000 * seconds and wrong < -90

    return measured


def given_twice(desk: Desk) -> tuple[str, bool]:
    return "said", desk.mixed("beat.ogg").says("given twice") and desk.mixed("voc.flac", "voc.flac").says("given twice")


END = slice(6 * 32_000, 7 * 32_000)
CASES: dict[str, Callable[[Desk], tuple[str, bool]]] = {
    "voc_inverted.flac": inverted,
    "beat_one_sided.flac": one_sided,
    "voc_fade.flac": faded,
    "voc_lastword.flac": last_word,
    # Its time stamps are whole milliseconds and begin 3 ms late.
    "voc_gap.webm": in_time("voc_gap.webm", END, 8.0, "gaps", "missing: silence", within_ms=5.0),
    "voc_start.m4a": in_time("voc_start.m4a", END, 8.5, "begins at 0.4", behind_ms=500.0),
    "voc_chain.ogg": in_time("voc_chain.ogg", END, 8.0),
    "voc_itunsmpb.mp3": in_time("voc_itunsmpb.mp3", END, 8.0),
    "wav24in32.wav": read_whole("wav24in32.wav", 1),
    "odd_chunk_unpadded.wav": read_whole("odd_chunk_unpadded.wav", 2),
    "ref_mono.flac": mono_reference,
    "ref_50ms.wav": left_out("ref_50ms.wav", "too short"),
    "ref_silent.flac": left_out("ref_silent.flac", "silent"),
    "opus-one-bit-30000.opus": one_bit,
    "beat.ogg": given_twice,
}


@pytest.mark.parametrize("name", CASES)
def test_a_reported_case_is_right(name: str, audio: Path, tmp_path: Path) -> None:
    cases = audio.parent / "cases"
    if not cases.is_dir():
        pytest.skip("there are no reported cases beside the recordings")
    figure, right = CASES[name](Desk(cases, tmp_path))
    assert right, figure
