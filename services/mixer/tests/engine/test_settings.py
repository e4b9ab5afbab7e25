"""What may be asked of a mix."""

import math

import pytest
from automix_mixer.engine import Settings, SettingsError


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
