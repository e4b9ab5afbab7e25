"""What a mix waits for on the platform's side."""

import pytest
from automix_client.cli.mix_run import telling_waits
from automix_client.cli.terminal import Terminal
from automix_client.mix import MixProgress


def test_what_a_mix_waits_for_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    shown: list[MixProgress] = []
    listen = telling_waits(Terminal(as_json=False), shown.append)
    stages = ["fetching", "waiting for room on the disk, which is full", "storing"]
    progress = [MixProgress("mix", "job", 0, 1, stage) for stage in (*stages, *stages)]
    for one in progress:
        listen(one)
    assert shown == progress
    assert capsys.readouterr().err == "the mix is waiting for room on the disk, which is full\n"
