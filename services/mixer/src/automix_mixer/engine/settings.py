"""What a user may ask of a mix, with bounds. Imports nothing heavy, so that an API server can validate with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from math import isfinite
from typing import Any

from automix_mixer.engine.errors import SettingsError

STYLES = ("auto", "rap", "pop", "folk", "electronic", "rock", "metal")
OUTPUT_FORMATS = ("wav16", "wav24", "wav32f", "flac16", "flac24", "mp3")
SAMPLE_RATES = (44_100, 48_000, 88_200, 96_000)
FASTEST_MP3_HZ = 48_000
"""Of MPEG-1 layer III."""


def _number(default: float, low: float, high: float, unit: str, text: str) -> Any:
    return field(default=default, metadata={"low": low, "high": high, "unit": unit, "text": text})


def _choice(default: str, choices: tuple[str, ...], text: str) -> Any:
    return field(default=default, metadata={"choices": choices, "text": text})


@dataclass(frozen=True)
class Settings:
    """Settings of one mix. Every number has bounds (`field.metadata`), outside of which `SettingsError` is raised.

    `target_loudness_lufs` is a number or the word "reference"; `sample_rate` None keeps the rate of the beat.
    Strengths run from 0 (off) to 1 (as far as the engine's own bounds allow).
    """

    vocal_level_db: float = _number(0.0, -12.0, 12.0, "dB", "vocal louder or softer than the engine would put it")
    target_loudness_lufs: float | str = field(
        default=-14.0,
        metadata={"low": -30.0, "high": -6.0, "unit": "LUFS", "word": "reference", "text": "loudness of the mix"},
    )
    ceiling_dbtp: float = _number(-1.0, -9.0, 0.0, "dBTP", "true peak that the mix never exceeds")
    max_limiting_db: float = _number(8.0, 0.0, 24.0, "dB", "most gain reduction the limiter may apply for loudness")
    reference_strength: float = _number(0.8, 0.0, 1.0, "", "how closely the mix follows the references, as a whole")
    spectrum_strength: float = _number(1.0, 0.0, 1.0, "", "part of it: tonal balance of mid and side")
    width_strength: float = _number(1.0, 0.0, 1.0, "", "part of it: stereo width, and the lean to a side")
    dynamics_strength: float = _number(1.0, 0.0, 1.0, "", "part of it: crest factor")
    loudness_strength: float = _number(1.0, 0.0, 1.0, "", "part of it: loudness, when the target is the reference's")
    neutral_strength: float = _number(0.5, 0.0, 1.0, "", "without a reference: pull towards a neutral tonal balance")
    reverb_amount: float = _number(1.0, 0.0, 2.0, "", "reverb on vocals, 1 is the style's own amount")
    delay_amount: float = _number(1.0, 0.0, 2.0, "", "tempo-synced echo on vocals, 1 is the style's own amount")
    deess_amount: float = _number(1.0, 0.0, 2.0, "", "taming of sibilance, 1 is the engine's own amount")
    style: str = _choice("auto", STYLES, "style of the music; auto measures the beat")
    output_format: str = _choice("wav24", OUTPUT_FORMATS, "encoding of the mix")
    sample_rate: int | None = field(default=None, metadata={"text": "sample rate of the mix"})
    stems: bool = field(default=False, metadata={"text": "write the processed stems, which sum to the premaster"})
    comparison: bool = field(default=True, metadata={"text": "write a plain sum at the mix's loudness for A/B"})

    def __post_init__(self) -> None:
        for f in fields(self):
            object.__setattr__(self, f.name, _checked(f.name, getattr(self, f.name), f.metadata, f.default))
        if self.output_format == "mp3" and (self.sample_rate or 0) > FASTEST_MP3_HZ:
            raise SettingsError("sample_rate", f"must be at most {FASTEST_MP3_HZ} Hz for mp3")

    @classmethod
    def from_json(cls, data: Mapping[str, Any] | None) -> Settings:
        """Settings from a JSON object; what is absent or null keeps its default.

        Raises SettingsError for an unknown name, a wrong kind or a value out of bounds.
        """
        known = {f.name for f in fields(cls)}
        for name in data or {}:
            if name not in known:
                raise SettingsError(str(name), "there is no such setting")
        return cls(**{name: value for name, value in (data or {}).items() if value is not None})

    def to_json(self) -> dict[str, Any]:
        """All settings, defaults included, as a JSON object that `from_json` reads back."""
        return asdict(self)


def described() -> list[str]:
    """Every setting in a line: its name, what it may be, and what it does."""
    lines = []
    for f in fields(Settings):
        meta = f.metadata
        if "low" in meta:
            allowed = f"{meta['low']:g} to {meta['high']:g} {meta.get('unit', '')}".rstrip()
            allowed += f" or {meta['word']}" if "word" in meta else ""
        elif f.name == "sample_rate":
            allowed = ", ".join(map(str, SAMPLE_RATES))
        else:
            allowed = ", ".join(meta.get("choices", ("true", "false")))
        lines.append(f"{f.name} ({allowed}): {meta['text']}")
    return lines


def _checked(name: str, value: Any, meta: Mapping[str, Any], default: Any) -> Any:
    if name == "sample_rate":
        if value is not None and (isinstance(value, bool) or value not in SAMPLE_RATES):
            raise SettingsError(name, f"must be one of {', '.join(map(str, SAMPLE_RATES))} Hz")
        return value
    if "choices" in meta:
        if value not in meta["choices"]:
            raise SettingsError(name, f"must be one of {', '.join(meta['choices'])}")
        return value
    if "low" in meta:
        return _checked_number(name, value, meta)
    if default is not MISSING and not isinstance(value, bool):
        raise SettingsError(name, "must be true or false")
    return value


def _checked_number(name: str, value: Any, meta: Mapping[str, Any]) -> float | str:
    word, low, high, unit = meta.get("word"), meta["low"], meta["high"], meta["unit"]
    if word is not None and value == word:
        return str(word)
    alternative = f', or "{word}"' if word else ""
    number = isinstance(value, int) or (isinstance(value, float) and isfinite(value))
    if isinstance(value, bool) or not number:
        raise SettingsError(name, f"must be a number{alternative}")
    if not low <= value <= high:
        raise SettingsError(name, f"must be between {low:g} and {high:g} {unit}".rstrip() + alternative)
    return float(value)
