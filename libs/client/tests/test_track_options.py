"""What is asked of a track on the command line."""

from pathlib import Path

import pytest
from automix.mixer.v1 import mixer_pb2
from automix_client.track_options import ROLES, asked_track, message_of


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("kick.wav", "a,b.wav", "odd:kick", "odd"):
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("text", "path", "options"),
    [
        ("kick.wav", "kick.wav", {}),
        ("kick.wav:kick", "kick.wav", {"role": "kick"}),
        (
            "kick.wav:kick,pan=-0.2,level=-2",
            "kick.wav",
            {"role": "kick", "pan": -0.2, "level_db": -2.0},
        ),
        ("kick.wav: mute", "kick.wav", {"mute": True}),
        ("a,b.wav:solo,reverb=0", "a,b.wav", {"solo": True, "reverb": 0.0}),
        ("a,b.wav", "a,b.wav", {}),
        ("odd:kick", "odd:kick", {}),
        ("odd:snare", "odd", {"role": "snare"}),
        ("C:\\songs\\kick.wav", "C:\\songs\\kick.wav", {}),
        ("C:\\songs\\kick.wav:kick", "C:\\songs\\kick.wav", {"role": "kick"}),
        ("-", "-", {}),
        ("-:lead", "-", {"role": "lead"}),
        (":kick", ":kick", {}),
    ],
)
def test_a_file_and_what_is_asked_of_it(here: Path, text: str, path: str, options: dict[str, object]) -> None:
    track = asked_track(text)
    assert (str(track.path), dict(track.options)) == (path, options)


@pytest.mark.parametrize(
    ("text", "told"), [("kick.wav:gong", "gong"), ("kick.wav:pan=left", "pan"), ("kick.wav:kick,", "''")]
)
def test_what_is_no_option_is_told(here: Path, text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        asked_track(text)


def test_every_role_of_the_contract_can_be_named() -> None:
    assert {message_of({"role": role}).role for role in ROLES} == set(mixer_pb2.PlayedRole.values()) - {0}
    message = message_of({"pan": 0.0, "mute": True})
    assert message.HasField("pan")
    assert not message.HasField("level_db")
    with pytest.raises(ValueError, match="gong"):
        message_of({"role": "gong"})
