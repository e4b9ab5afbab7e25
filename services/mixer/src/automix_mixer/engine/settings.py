"""What a user may ask of a mix. Imports nothing heavy, so that an API server can validate with it.

Names, ranges and defaults are those of the contract (`automix.mixer.v1.settings`, which is plain data).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from math import isfinite
from typing import Any

from automix.mixer.v1.settings import MIX_SETTINGS, Setting
from automix_audio.formats import LOSSY_RATES

from automix_mixer.engine.effects import MOST_INSERTS, Insert, check_together
from automix_mixer.engine.errors import SettingsError
from automix_mixer.engine.outputs import Output, first_master, outputs_beside, read_master

FASTEST_MP3_HZ = max(LOSSY_RATES["mp3"])
INSERTS = "inserts"
_KNOWN: Mapping[str, Setting] = {setting.name: setting for setting in MIX_SETTINGS}


ALWAYS_STORED = frozenset(
    {
        "vocal_level_db",
        "target_loudness_lufs",
        "ceiling_dbtp",
        "max_limiting_db",
        "reference_strength",
        "reference_spectrum",
        "reference_width",
        "reference_dynamics",
        "reference_loudness",
        "neutral_strength",
        "reverb_amount",
        "delay_amount",
        "deess_amount",
        "style",
        "format",
        "sample_rate",
        "stems",
        "comparison",
    }
)
"""Settings that every release knows, so that jobs and plans hold them with their defaults, too. A later setting is
stored where it differs from its default, which therefore stays what it is (docs/adr/0040)."""
_AIMS = ("target_loudness_lufs", "ceiling_dbtp", "match_reference_loudness")


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
    track_stems: bool = _setting("track_stems")
    comparison: bool = _setting("comparison")
    masters: tuple[str, ...] = _setting("masters")
    versions: tuple[str, ...] = _setting("versions")
    mastering: bool = _setting("mastering")
    title: str = _setting("title")
    artist: str = _setting("artist")
    album: str = _setting("album")
    preview: bool = _setting("preview")
    align_doubles: float = _setting("align_doubles")
    tune: float = _setting("tune")
    key: str = _setting("key")
    inserts: tuple[Insert, ...] = ()

    def __post_init__(self) -> None:
        if len(self.inserts) > MOST_INSERTS:
            raise SettingsError("inserts", f"must be at most {MOST_INSERTS}")
        check_together(self.inserts)
        for f in (f for f in fields(self) if f.name in _KNOWN):
            object.__setattr__(self, f.name, _checked(_KNOWN[f.name], getattr(self, f.name)))
        self._check_outputs()
        if self.mastering and self.versions:
            raise SettingsError("versions", "are made of tracks, and a finished song has none")
        if self.format == "mp3" and self.sample_rate > FASTEST_MP3_HZ:
            raise SettingsError("sample_rate", f"must be at most {FASTEST_MP3_HZ} Hz for mp3")

    def _check_outputs(self) -> None:
        for i, text in enumerate(self.masters):
            try:
                master = read_master(text)
            except ValueError as error:
                raise SettingsError("masters", f"{text} {error}") from None
            if i == 0 and master.format not in (None, self.format):
                raise SettingsError("masters", "begin with the mix itself, whose format is the setting format")
        for name in ("masters", "versions"):
            if len(set(getattr(self, name))) < len(getattr(self, name)):
                raise SettingsError(name, "names the same twice")
        aimed = [name for name in _AIMS if getattr(self, name) != _KNOWN[name].default]
        if self.masters and aimed:
            raise SettingsError(aimed[0], "has no effect beside masters, which name a loudness and a ceiling each")

    @property
    def target_lufs(self) -> float:
        """Loudness of the mix itself: the first master's, else the setting's."""
        master = first_master(self.masters)
        return self.target_loudness_lufs if master is None else master.lufs

    @property
    def ceiling(self) -> float:
        """Ceiling of the mix itself in dBTP: the first master's, else the setting's."""
        master = first_master(self.masters)
        return self.ceiling_dbtp if master is None else master.ceiling_dbtp

    @property
    def spectrum_share(self) -> float:
        """How far the tone goes to the references', 0 to 1."""
        return self.reference_strength * self.reference_spectrum

    @property
    def width_share(self) -> float:
        """How far width and lean go to the references', 0 to 1."""
        return self.reference_strength * self.reference_width

    @property
    def dynamics_share(self) -> float:
        """How far dynamics go to the references', 0 to 1."""
        return self.reference_strength * self.reference_dynamics

    @property
    def beside(self) -> list[Output]:
        """The files that are asked for beside the mix: further masters, then versions."""
        return outputs_beside(self.masters, self.versions, self.format)

    @classmethod
    def from_json(cls, data: Mapping[str, Any] | None) -> Settings:
        """Settings from a JSON object; what is absent or null keeps its default.

        Raises SettingsError for an unknown name, a wrong kind or a value out of bounds.
        """
        for name in data or {}:
            if name not in _KNOWN and name != INSERTS:
                raise SettingsError(str(name), "is not a setting")
        given = {name: value for name, value in (data or {}).items() if value is not None}
        if INSERTS in given:
            if not isinstance(given[INSERTS], Sequence) or isinstance(given[INSERTS], str):
                raise SettingsError(INSERTS, "must be a list")
            given[INSERTS] = tuple(Insert.from_json(one) for one in given[INSERTS])
        return cls(**given)

    def to_json(self) -> dict[str, Any]:
        """What is stored of them, as a JSON object that `from_json` reads back: see `stored`."""
        return stored(self.complete())

    def complete(self) -> dict[str, Any]:
        """All settings, defaults included, as a JSON object that `from_json` reads back."""
        plain = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}
        return plain | {INSERTS: [insert.to_json() for insert in self.inserts]}


def stored(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings without the later ones that have their default, which a release before them would refuse."""
    return {
        name: value
        for name, value in settings.items()
        if name in ALWAYS_STORED or (value is not None and value != USUAL.get(name))
    }


def _checked(setting: Setting, value: Any) -> Any:
    if setting.most:
        return _checked_list(setting, value)
    if setting.longest:
        return _checked_text(setting, value)
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


def _checked_text(setting: Setting, value: Any) -> str:
    if not isinstance(value, str) or len(value) > setting.longest or not value.isprintable():
        raise SettingsError(setting.name, f"must be a text of at most {setting.longest} characters that can be printed")
    return value


def _checked_list(setting: Setting, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or len(value) > setting.most:
        raise SettingsError(setting.name, f"must be a list of at most {setting.most}")
    for one in value:
        if not isinstance(one, str) or not re.fullmatch(setting.pattern, one, re.ASCII) or one.endswith("\n"):
            raise SettingsError(setting.name, f"must each be {setting.form}")
    return tuple(value)


def choices(name: str) -> tuple[Any, ...]:
    """What the setting of this name may be, one of a few."""
    return _KNOWN[name].choices


STYLES: tuple[str, ...] = choices("style")
FORMATS: tuple[str, ...] = choices("format")
SAMPLE_RATES: tuple[int, ...] = tuple(rate for rate in choices("sample_rate") if rate)
"""Sample rates in Hz; the setting 0 takes the one that suits the beat."""
USUAL = Settings().complete()
"""What every setting is where nothing else was asked for."""
