"""What may be asked of a mix."""

import math
from dataclasses import fields

import pytest
from automix.mixer.v1 import mixer_pb2 as pb
from automix.mixer.v1.settings import MIX_SETTINGS
from automix_mixer.engine import Settings, SettingsError
from automix_mixer.mix_settings import NUMBERS as FORMAT_NUMBERS
from automix_mixer.mix_settings import to_contract, to_engine


def test_defaults_survive_json() -> None:
    assert Settings.from_json(Settings().to_json()) == Settings()
    assert Settings.from_json(None) == Settings()


def test_null_means_default() -> None:
    assert Settings.from_json({"vocal_level_db": None, "style": None}) == Settings()


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
        ("format", "wav8"),
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


def test_a_job_reaches_every_number_to_both_of_its_bounds() -> None:
    for setting in (one for one in MIX_SETTINGS if one.low is not None):
        for bound in (setting.low, setting.high):
            assert to_engine(pb.MixSettings(**{setting.name: bound}))[setting.name] == bound


def test_a_job_reaches_every_choice_and_both_sides_of_every_switch() -> None:
    for setting in (one for one in MIX_SETTINGS if one.low is None and not (one.most or one.longest)):
        for value in setting.choices or (True, False):
            asked = pb.MixSettings(**{setting.name: FORMAT_NUMBERS[value] if setting.name == "format" else value})
            made = to_engine(asked)
            assert made[setting.name] == value
            assert to_engine(to_contract(made)) == made


def test_engine_contract_and_vocabulary_have_the_same_settings_and_defaults() -> None:
    names = [*(setting.name for setting in MIX_SETTINGS), "inserts"]
    assert sorted(names) == sorted(pb.MixSettings.DESCRIPTOR.fields_by_name)
    assert sorted(names) == sorted(f.name for f in fields(Settings))
    assert (
        Settings().to_json()
        == to_engine(pb.MixSettings())
        == {one.name: list(one.default) if one.most else one.default for one in MIX_SETTINGS} | {"inserts": []}
    )


def test_a_job_reaches_lists() -> None:
    asked = pb.MixSettings(masters=["loud", "-18/-2:mp3"], versions=["instrumental"])
    made = to_engine(asked)
    assert (made["masters"], made["versions"]) == (["loud", "-18/-2:mp3"], ["instrumental"])
    assert to_engine(to_contract(made)) == made


def test_every_setting_says_what_it_does() -> None:
    for setting in MIX_SETTINGS:
        assert setting.text.endswith("."), setting
        assert setting.group, setting
