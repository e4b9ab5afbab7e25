"""A value that an option does not take is refused in words that need no knowledge of Python."""

import json
from pathlib import Path

import pytest

from .command_line import Automix


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["tokens", "create", "t", "--days", "9999"], "9999 is too much: 366 is the most"),
        (["tokens", "create", "t", "--days", "x"], "'x' is not a whole number"),
        (["tokens", "create", "t", "--days", "\x1b[31m"], r"'\x1b[31m' is not a whole number"),
        (["stuck", "--queued", "-1"], "-1 is too little: 0 is the least"),
        (["replay", "nobody"], "'nobody' is not one of 'auth', 'projects', 'mixer'."),
        (["render", "-b", "song.wav", "--vocal-level-db", "loud"], "'loud' is not a number"),
        (["assets", "upload", "P", "none.wav", "--role", "beat"], "none.wav does not exist"),
        (["assets", "upload", "P", ".", "--role", "beat"], ". is a folder: name the files in it"),
        (["mix", "--plan", "none.json"], "none.json does not exist"),
        (["render", "--cover", "none.png"], "none.png does not exist"),
    ],
)
async def test_it_is_said_plainly(command: list[str], said: str, tmp_path: Path) -> None:
    (tmp_path / "song.wav").touch()
    outcome = await Automix(tmp_path)(*command, "--json")
    assert outcome.code == 2
    message = json.loads(outcome.err)["error"]["message"]
    assert message.endswith(said)
    assert "Input should" not in message
    assert "Value error" not in message
