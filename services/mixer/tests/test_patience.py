"""Audio storage that is away for a while."""

import pytest
from automix_common.rpc.errors import Unavailable, disk_full
from automix_mixer.worker import patience
from automix_mixer.worker.patience import Patience


class Storage:
    """Answers after a number of refusals."""

    def __init__(self, refusals: int) -> None:
        self.refusals = refusals

    async def ask(self) -> str:
        if self.refusals:
            self.refusals -= 1
            raise disk_full()
        return "stored"


@pytest.mark.parametrize(("untold_seconds", "told"), [(0.0, ["DISK_FULL", "DISK_FULL"]), (60.0, [])])
async def test_what_is_waited_for_is_told_when_it_lasts(
    monkeypatch: pytest.MonkeyPatch, untold_seconds: float, told: list[str]
) -> None:
    monkeypatch.setattr(patience, "FIRST_SECONDS", 0.001)
    monkeypatch.setattr(patience, "UNTOLD_SECONDS", untold_seconds)
    heard: list[str] = []
    assert await Patience(60.0, lambda error: heard.append(error.reason)).call(Storage(2).ask) == "stored"
    assert heard == told


async def test_storage_that_stays_away_is_given_up() -> None:
    with pytest.raises(Unavailable, match="DISK_FULL"):
        await Patience(0.0, lambda _: None).call(Storage(1).ask)
