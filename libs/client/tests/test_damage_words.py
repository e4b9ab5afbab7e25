"""A recording that lacks something says what and where, in one sentence."""

import pytest
from automix.media.v1.media_pb2 import Asset, Gap
from automix_client.cli.assets import damage_words

HOLES = [Gap(start=62.5 * place, length=1) for place in range(1, 6)]


@pytest.mark.parametrize(
    ("asset", "words"),
    [
        (Asset(), ""),
        (
            Asset(duration=600, damaged_packets=1, gaps=HOLES[:1]),
            "is damaged: 1.00 s at 1:02.50 are missing: silence fills them, so that what follows stays in time.",
        ),
        (
            Asset(duration=600, gaps=HOLES),
            "has gaps: 1.00 s at 1:02.50, 1.00 s at 2:05.00, 1.00 s at 3:07.50 and 2 more are missing: "
            "silence fills them, so that what follows stays in time.",
        ),
        (
            Asset(duration=600, gaps=[Gap(length=0.5)]),
            "begins at 0.50 s by its time stamps: silence was put in front of it.",
        ),
        (
            Asset(duration=62.5, damaged_packets=1, gaps=HOLES[:1]),
            "is damaged: its last 1.00 s are missing.",
        ),
        (
            Asset(duration=125, damaged_packets=1, gaps=HOLES[:2]),
            "is damaged: 1.00 s at 1:02.50 are missing: silence fills them, so that what follows stays in time; its "
            "last 1.00 s are missing.",
        ),
        (Asset(damaged_packets=2), "is damaged: packets that could not be decoded were left out (2)."),
    ],
)
def test_damage_is_said_in_one_sentence(asset: Asset, words: str) -> None:
    assert damage_words(asset) == words
