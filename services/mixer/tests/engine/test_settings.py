"""What may be asked of a mix."""

import math
from dataclasses import fields

import pytest
from automix.mixer.v1 import mixer_pb2 as pb
from automix_client.cli.mix_options import StyleName
from automix_mixer.engine import Settings, SettingsError
from automix_mixer.engine.settings import OUTPUT_FORMATS, STYLES, described
from automix_mixer.mix_settings import AMOUNTS, FORMATS, NUMBERS, to_engine


def test_defaults_survive_json() -> None:
    assert Settings.from_json(Settings().to_json()) == Settings()
    assert Settings.from_json(None) == Settings()


def test_null_means_default() -> None:
    assert Settings.from_json({"vocal_level_db": None, "style": None}) == Settings()


def test_the_loudness_of_the_reference_is_a_word() -> None:
    assert Settings.from_json({"target_loudness_lufs": "reference"}).target_loudness_lufs == "reference"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("vocal_level_db", 12.1),
        ("vocal_level_db", math.nan),
        ("vocal_level_db", True),
        ("vocal_level_db", "loud"),
        ("target_loudness_lufs", -5),
        ("target_loudness_lufs", "loud"),
        ("ceiling_dbtp", 0.1),
        ("reference_strength", -0.1),
        ("style", "polka"),
        ("output_format", "wav8"),
        ("sample_rate", 8000),
        ("sample_rate", True),
        ("stems", 1),
        ("no_such_thing", 1),
    ],
)
def test_what_is_out_of_bounds_is_named(field: str, value: object) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_json({field: value})
    assert caught.value.field == field
    assert caught.value.message


BOUNDS = {f.name: (f.metadata["low"], f.metadata["high"]) for f in fields(Settings) if "low" in f.metadata}


@pytest.mark.parametrize(("asked", "ours"), [*NUMBERS.items(), *AMOUNTS.items()])
def test_a_job_reaches_every_number_to_both_of_its_bounds(asked: str, ours: str) -> None:
    scale = 2.0 if asked in AMOUNTS else 1.0
    for bound in BOUNDS[ours]:
        assert to_engine(pb.MixSettings(**{asked: bound / scale}))[ours] == bound


def test_a_job_reaches_every_style_and_format_and_the_stems() -> None:
    assert {to_engine(pb.MixSettings(style=s))["style"] for s in STYLES} == set(STYLES) == set(StyleName)
    assert set(FORMATS.values()) >= set(OUTPUT_FORMATS) - {"flac16"}
    assert to_engine(pb.MixSettings(stems=True))["stems"] is True
    assert to_engine(pb.MixSettings(match_reference_loudness=True))["target_loudness_lufs"] == "reference"


def test_the_help_of_render_names_every_setting_and_what_it_may_be() -> None:
    lines = dict(line.split(" ", 1) for line in described())
    assert set(lines) == {f.name for f in fields(Settings)}
    assert lines["ceiling_dbtp"].startswith("(-9 to 0 dBTP)")
    assert "or reference" in lines["target_loudness_lufs"]
