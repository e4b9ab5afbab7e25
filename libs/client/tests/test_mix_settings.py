"""The settings of a mix: the same in the contract, in both commands, in the SDK and on paper."""

from pathlib import Path

import pytest
from automix.mixer.v1 import mixer_pb2 as pb
from automix.mixer.v1.settings import MIX_SETTINGS
from automix_client.cli.main import application
from automix_client.cli.mix_options import option_name
from automix_client.mix_settings import FORMATS, for_file, format_of, mix_settings
from automix_client.settings import ConfigurationError
from typer.main import get_command

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("name", ["mix", "render"])
def test_a_command_has_an_option_for_each_setting_and_says_its_range_and_default(name: str) -> None:
    commands = get_command(application())
    options = {option.name: option for option in commands.get_command(None, name).params}
    for setting in MIX_SETTINGS:
        option = options[setting.name]
        assert option.opts == [option_name(setting)]
        assert option.help.startswith(setting.text)
        assert "default:" in option.help or setting.longest
        assert option.rich_help_panel == setting.group
        for bound in (setting.low, setting.high):
            assert bound is None or f"{bound:g}" in option.help
        assert all(str(choice) in option.help for choice in setting.choices)


def test_both_commands_describe_the_settings_in_the_same_words() -> None:
    commands = get_command(application())
    mix, render = (
        {option.name: option.help for option in commands.get_command(None, name).params} for name in ("mix", "render")
    )
    shared = mix.keys() & render.keys()
    assert {setting.name for setting in MIX_SETTINGS} | {"vocals", "beat", "reference", "out", "plan"} <= shared
    assert all(mix[name] == render[name] for name in shared)


def test_the_page_of_the_settings_has_a_row_for_each() -> None:
    page = (ROOT / "docs" / "mix-settings.md").read_text()
    rows = {row.split("`")[1]: row for row in page.splitlines() if row.startswith("| `")}
    assert list(rows) == [setting.name for setting in MIX_SETTINGS], "run `make docs`"
    for setting in MIX_SETTINGS:
        assert rows[setting.name].endswith(f"| {setting.text} |"), "run `make docs`"


def test_settings_are_made_from_names_and_values() -> None:
    made = mix_settings({"reverb_amount": 0.5, "format": "flac16", "comparison": False})
    assert made == pb.MixSettings(reverb_amount=0.5, format=pb.RENDER_FORMAT_FLAC16, comparison=False)


@pytest.mark.parametrize("wrong", [{"reverb": 1}, {"format": "ogg"}, {"style": 3}, {"stems": "perhaps"}])
def test_what_is_no_setting_is_refused_by_name(wrong: dict[str, object]) -> None:
    (name,) = wrong
    with pytest.raises(ConfigurationError, match=f"'ogg'|{name}"):
        mix_settings({"reverb_amount": 0.5, **wrong})


@pytest.mark.parametrize(
    ("name", "asked", "made"),
    [("x.wav", None, "wav24"), ("x.FLAC", None, "flac24"), ("x.mp3", None, "mp3"), ("x.wav", "wav16", "wav16")],
)
def test_the_ending_of_the_file_says_its_format(name: str, asked: str | None, made: str) -> None:
    assert format_of(Path(name), asked) == made
    settings = pb.MixSettings(format=FORMATS[asked]) if asked else None
    assert for_file(settings, Path(name)).format == FORMATS[made]


@pytest.mark.parametrize(("name", "asked"), [("x.xyz", None), ("x", None), ("x.wav", "mp3"), ("x.mp3", "flac24")])
def test_an_ending_that_goes_with_no_format_or_another_is_refused(name: str, asked: str | None) -> None:
    with pytest.raises(ConfigurationError, match=name):
        format_of(Path(name), asked)
