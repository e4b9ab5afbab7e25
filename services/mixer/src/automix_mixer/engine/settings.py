"""What a user may ask of a mix. Imports nothing heavy, so that an API server can validate with it.

Names, ranges and defaults are those of the contract (`automix.mixer.v1.settings`, which is plain data).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from math import isfinite
from typing import Any

from automix.mixer.v1.settings import MIX_SETTINGS, Setting

from automix_mixer.engine.errors import SettingsError

FASTEST_MP3_HZ = 48_000
"""Of MPEG-1 layer III."""
_KNOWN: Mapping[str, Setting] = {setting.name: setting for setting in MIX_SETTINGS}


def _setting(name: str) -> Any:
    return field(default=_KNOWN[name].default)


@dataclass(frozen=True)
class Settings:
    """Settings of one mix; the contract says what each means. SettingsError is raised for what it does not allow.

    Strengths and shares run from 0 (off) to 1 (as far as the engine's own bounds allow), amounts from 0 (none) by 1
    (the engine's choice) to 2.
    """

    vocal_level_db: float = _setting("vocal_level_db")
    target_loudness_lufs: float = _setting("target_loudness_lufs")
    match_reference_loudness: bool = _setting("match_reference_loudness")
    ceiling_dbtp: float = _setting("ceiling_dbtp")
    max_limiting_db: float = _setting("max_limiting_db")
    reference_strength: float = _setting("reference_strength")
    reference_spectrum: float = _setting("reference_spectrum")
    reference_width: float = _setting("reference_width")
    reference_dynamics: float = _setting("reference_dynamics")
    reference_loudness: float = _setting("reference_loudness")
    neutral_strength: float = _setting("neutral_strength")
    reverb_amount: float = _setting("reverb_amount")
    delay_amount: float = _setting("delay_amount")
    deess_amount: float = _setting("deess_amount")
    style: str = _setting("style")
    balance: str = _setting("balance")
    delay_division: str = _setting("delay_division")
    format: str = _setting("format")
    sample_rate: int = _setting("sample_rate")
    stems: bool = _setting("stems")
    comparison: bool = _setting("comparison")

    def __post_init__(self) -> None:
        for f in fields(self):
            object.__setattr__(self, f.name, _checked(_KNOWN[f.name], getattr(self, f.name)))
        if self.format == "mp3" and self.sample_rate > FASTEST_MP3_HZ:
            raise SettingsError("sample_rate", f"must be at most {FASTEST_MP3_HZ} Hz for mp3")

    @classmethod
    def from_json(cls, data: Mapping[str, Any] | None) -> Settings:
        """Settings from a JSON object; what is absent or null keeps its default.

        Raises SettingsError for an unknown name, a wrong kind or a value out of bounds.
        """
        for name in data or {}:
            if name not in _KNOWN:
                raise SettingsError(str(name), "is not a setting")
        return cls(**{name: value for name, value in (data or {}).items() if value is not None})

    def to_json(self) -> dict[str, Any]:
        """All settings, defaults included, as a JSON object that `from_json` reads back."""
        return asdict(self)


def _checked(setting: Setting, value: Any) -> Any:
    if setting.choices:
        if isinstance(value, bool) or value not in setting.choices:
            allowed = ", ".join(map(str, setting.choices))
            raise SettingsError(setting.name, f"must be one of {allowed} {setting.unit}".rstrip())
        return value
    if setting.low is not None and setting.high is not None:
        return _checked_number(setting.name, value, setting.low, setting.high, setting.unit)
    if not isinstance(value, bool):
        raise SettingsError(setting.name, "must be true or false")
    return value


def _checked_number(name: str, value: Any, low: float, high: float, unit: str) -> float:
    number = isinstance(value, int) or (isinstance(value, float) and isfinite(value))
    if isinstance(value, bool) or not number:
        raise SettingsError(name, "must be a number")
    if not low <= value <= high:
        raise SettingsError(name, f"must be between {low:g} and {high:g} {unit}".rstrip())
    return float(value)


def choices(name: str) -> tuple[Any, ...]:
    """What the setting of this name may be, one of a few."""
    return _KNOWN[name].choices


STYLES: tuple[str, ...] = choices("style")
FORMATS: tuple[str, ...] = choices("format")
SAMPLE_RATES: tuple[int, ...] = tuple(rate for rate in choices("sample_rate") if rate)
"""In Hz; the setting 0 chooses among them by the beat."""
