"""The songs of a batch: a row of a CSV file each, or a folder each."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from automix.mixer.v1.settings import MIX_SETTINGS, Setting

from automix_client.cli.plugins import is_voice
from automix_client.inserts import insert_of
from automix_client.mix_settings import OF_ENDING, check_texts
from automix_client.printing import printable
from automix_client.settings import ConfigurationError
from automix_client.track_options import AskedTrack, asked_track

_SETTINGS = {one.name: one for one in MIX_SETTINGS}
_COLUMNS = ("song", "vocals", "beat", "reference", "insert", "out")
_YES, _NO = ("yes", "true", "1", "on"), ("no", "false", "0", "off")
_BETWEEN = ";"
ENDINGS = (*OF_ENDING, ".aif", ".aiff", ".aac", ".webm", ".mka", ".mp4")
"""Endings of the files that a song is made of; what else lies in its folder (notes, pictures) is left alone."""


@dataclass(frozen=True)
class Song:
    """What one song is mixed from and what is asked of it; `out` may be a name alone."""

    name: str
    vocals: list[AskedTrack]
    beats: list[AskedTrack]
    references: list[Path]
    out: Path
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def files(self) -> list[Path]:
        """All that it is mixed from."""
        return [*(track.path for track in (*self.vocals, *self.beats)), *self.references]


def songs_of(path: Path, ending: str) -> list[Song]:
    """The songs of a CSV file or of a folder of folders; `ending` is that of mixes that name no file.

    Raises ConfigurationError that names the place of what is wrong; whether files are there shows when they are mixed.
    """
    songs = list(_of_folder(path, ending) if path.is_dir() else _of_table(path, ending))
    if not songs:
        raise ConfigurationError(f"{printable(path)} holds no songs")
    places = [str(song.out).casefold() for song in songs]
    for song in songs:
        if places.count(str(song.out).casefold()) > 1:
            raise ConfigurationError(f"two songs are to become {song.out}: give one of them another name")
    return songs


def _of_table(path: Path, ending: str) -> Iterator[Song]:
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigurationError(f"{printable(path)} is no table: save it as CSV in UTF-8") from None
    first = text.partition("\n")[0]
    # Spreadsheets of many languages put semicolons or tabs between columns; several files then stand in quotes.
    delimiter = max(",;\t", key=first.count)
    rows = csv.DictReader(text.splitlines(), delimiter=delimiter)
    names = [name.strip() for name in rows.fieldnames or ()]
    unknown = [name for name in names if name not in _COLUMNS and name not in _SETTINGS]
    if unknown or not {"vocals", "beat"} & set(names):
        known = f"{', '.join(_COLUMNS)} and the settings, such as {MIX_SETTINGS[0].name}"
        what = f"the column {unknown[0]!r} is not known" if unknown else "there is neither vocals nor beat"
        raise ConfigurationError(f"{printable(path)}: {what}; columns are {known}")
    for number, row in enumerate(rows, 2):
        given = {(name or "").strip(): (value or "").strip() for name, value in row.items() if isinstance(value, str)}
        if any(given.values()):
            try:
                yield _row(given, path.parent, ending)
            except ValueError as error:
                raise ConfigurationError(f"{printable(path)}, line {number}: {error}") from None


def _row(given: Mapping[str, str], folder: Path, ending: str) -> Song:
    vocals, beats = (
        [_placed(asked_track(text), folder) for text in _listed(given, name)] for name in ("vocals", "beat")
    )
    references = [folder / text for text in _listed(given, "reference")]
    if not vocals and not beats:
        raise ValueError("there is nothing to mix: name vocals or a beat")
    name = given.get("song") or Path(given.get("out") or (beats or vocals)[0].path.name).stem
    settings: dict[str, Any] = {
        setting.name: _value(setting, text) for setting in MIX_SETTINGS if (text := given.get(setting.name, ""))
    }
    if inserts := [insert_of(text, own_machine=True) for text in _listed(given, "insert")]:
        settings["inserts"] = inserts
    out = Path(given["out"]) if given.get("out") else Path(_file_name(name) + ending)
    return Song(name, vocals, beats, references, out, settings)


def _placed(track: AskedTrack, folder: Path) -> AskedTrack:
    return AskedTrack(folder / track.path, track.options)


def _listed(given: Mapping[str, str], name: str) -> list[str]:
    return [one for text in given.get(name, "").split(_BETWEEN) if (one := text.strip())]


def _value(setting: Setting, text: str) -> Any:
    if setting.most:
        asked = [one.strip() for one in text.split(_BETWEEN)]
        check_texts(setting, asked)
        return asked
    if setting.choices:
        return type(setting.default)(text)
    if setting.longest:
        return text
    if setting.low is None:
        if text.casefold() not in _YES + _NO:
            raise ValueError(f"{setting.name} is yes or no, not {text!r}")
        return text.casefold() in _YES
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{setting.name} is a number, not {text!r}") from None


def _of_folder(path: Path, ending: str) -> Iterator[Song]:
    for folder in sorted(one for one in path.iterdir() if one.is_dir() and not one.name.startswith(".")):
        files = sorted(
            one for one in folder.rglob("*") if one.suffix.lower() in ENDINGS and not one.name.startswith(".")
        )
        parts: dict[str, list[Path]] = {"vocals": [], "beat": [], "reference": []}
        for file in files:
            parts[_part(file, folder)].append(file)
        if files:
            vocals, beats = ([AskedTrack(file) for file in parts[name]] for name in ("vocals", "beat"))
            yield Song(folder.name, vocals, beats, parts["reference"], Path(_file_name(folder.name) + ending))


def _part(file: Path, song: Path) -> str:
    """What a file is: as the folder says that it lies in (vocals, beat, reference), else as its own name says."""
    for name in reversed(file.relative_to(song).parts[:-1]):
        for part in ("vocal", "beat", "reference"):
            if name.casefold().startswith(part):
                return "vocals" if part == "vocal" else part
    if re.match(r"ref(erence)?\b|ref(erence)?_", file.stem, re.IGNORECASE):
        return "reference"
    sung = is_voice()
    return "vocals" if sung is not None and sung(file.name) else "beat"


def _file_name(name: str) -> str:
    """The song's name as that of a file."""
    return re.sub(r'[\x00-\x1f/\\:*?"<>|]+', "_", name).strip(". ") or "song"
