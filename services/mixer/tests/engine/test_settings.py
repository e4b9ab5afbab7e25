"""What may be asked of a mix."""

import json
import math
from dataclasses import fields
from pathlib import Path

import pytest
from automix.mixer.v1 import mixer_pb2 as pb
from automix.mixer.v1.settings import MIX_SETTINGS
from automix_mixer.engine import Settings, SettingsError
from automix_mixer.engine.plan.upgrade import upgraded
from automix_mixer.engine.settings import ALWAYS_STORED
from automix_mixer.mix_settings import NUMBERS as FORMAT_NUMBERS
from automix_mixer.mix_settings import of_job, to_contract, to_engine

STORED_PLANS = Path(__file__).parent / "stored_plans"


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
            assert to_engine(pb.MixSettings(**{setting.name: bound})).get(setting.name, setting.default) == bound


def test_a_job_reaches_every_choice_and_both_sides_of_every_switch() -> None:
    for setting in (one for one in MIX_SETTINGS if one.low is None and not (one.most or one.longest)):
        for value in setting.choices or (True, False):
            asked = pb.MixSettings(**{setting.name: FORMAT_NUMBERS[value] if setting.name == "format" else value})
            made = to_engine(asked)
            assert made.get(setting.name, setting.default) == value
            assert to_engine(to_contract(made)) == made


def test_engine_contract_and_vocabulary_have_the_same_settings_and_defaults() -> None:
    names = [*(setting.name for setting in MIX_SETTINGS), "inserts"]
    assert sorted(names) == sorted(pb.MixSettings.DESCRIPTOR.fields_by_name)
    assert sorted(names) == sorted(f.name for f in fields(Settings))
    usual = {one.name: list(one.default) if one.most else one.default for one in MIX_SETTINGS} | {"inserts": []}
    assert Settings().complete() == usual
    assert to_engine(of_job(to_engine(pb.MixSettings()))) == to_engine(pb.MixSettings()) == Settings().to_json()
    assert of_job({}) == to_contract(usual), "a job's owner reads every setting"


def test_a_later_setting_costs_nothing_until_it_is_used() -> None:
    first = STORED_PLANS / "v1_with_settings.json"
    known = set(upgraded(json.loads(first.read_text())["plan"])["settings"])
    assert set(to_engine(pb.MixSettings())) == ALWAYS_STORED == known
    assert set(to_engine(pb.MixSettings(track_stems=True, title="", masters=[]))) - known == {"track_stems"}


def test_a_later_setting_keeps_its_default_which_stored_jobs_and_plans_are_read_with() -> None:
    later = {one.name: one.default for one in MIX_SETTINGS if one.name not in ALWAYS_STORED}
    auto = dict.fromkeys(("balance", "delay_division", "key"), "auto")
    off = dict.fromkeys(("match_reference_loudness", "track_stems", "mastering", "preview"), False)
    none = dict.fromkeys(("title", "artist", "album"), "")
    # A new setting goes here with a default that leaves a mix as it was without the setting.
    assert later == auto | off | none | {"masters": (), "versions": (), "align_doubles": 0.0, "tune": 0.0}


def test_a_job_reaches_lists() -> None:
    asked = pb.MixSettings(masters=["loud", "-18/-2:mp3"], versions=["instrumental"])
    made = to_engine(asked)
    assert (made["masters"], made["versions"]) == (["loud", "-18/-2:mp3"], ["instrumental"])
    assert to_engine(to_contract(made)) == made


def test_every_setting_says_what_it_does() -> None:
    for setting in MIX_SETTINGS:
        assert setting.text.endswith("."), setting
        assert setting.group, setting
