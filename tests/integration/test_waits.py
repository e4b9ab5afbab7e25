"""What a mix waits for on the platform's side: the worker writes it, and the command knows it by how it begins."""

import pytest
from automix_client.cli.mix_run import telling_waits
from automix_client.cli.terminal import Terminal
from automix_client.mix import MixProgress
from automix_mixer.worker.attempt import STORAGE_WAITS, WAITS


@pytest.mark.parametrize("text", [*WAITS.values(), STORAGE_WAITS])
def test_what_a_mix_waits_for_is_said_once(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    shown: list[MixProgress] = []
    listen = telling_waits(Terminal(as_json=False), shown.append)
    stages = ["fetching", text, "storing"]
    progress = [MixProgress("mix", "job", 0, 1, stage) for stage in (*stages, *stages)]
    for one in progress:
        listen(one)
    assert shown == progress
    assert capsys.readouterr().err == f"the mix is {text}\n"
