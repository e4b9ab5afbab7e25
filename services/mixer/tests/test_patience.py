"""Audio storage that is away for a while."""

from pathlib import Path
from typing import cast

import pytest
from automix_common.children.child import Limits
from automix_common.objects.storage import ObjectMissing, ObjectStore
from automix_common.process.ids import new_id
from automix_common.rpc.errors import Unavailable, disk_full
from automix_common.runtime import Runtime
from automix_mixer.domain import Claim, JobInput
from automix_mixer.worker import inputs as tracks
from automix_mixer.worker import patience
from automix_mixer.worker.attempt import Attempts
from automix_mixer.worker.hints import Hints
from automix_mixer.worker.outcomes import Refused
from automix_mixer.worker.patience import Patience

from .harness import SHA


class Storage:
    """Answers after a number of refusals."""

    def __init__(self, refusals: int, hints: Hints | None = None) -> None:
        self.refusals = refusals
        self.hints = hints
        self.stages: list[str] = []

    async def fetch(self, key: str, path: Path) -> str:
        """Notes in which stage the attempt is; only what is called `first` is there."""
        assert self.hints
        self.stages.append(self.hints.newest.stage)
        await self.ask()
        if key != "first":
            raise ObjectMissing(path)
        return SHA

    async def ask(self) -> str:
        if self.refusals:
            self.refusals -= 1
            raise disk_full()
        return "stored"


@pytest.mark.parametrize(
    ("untold_seconds", "told"),
    [(0.0, ["DISK_FULL", "again", "DISK_FULL", "again", "goes on"]), (60.0, [])],
)
async def test_what_is_waited_for_is_told_when_it_lasts(
    monkeypatch: pytest.MonkeyPatch, untold_seconds: float, told: list[str]
) -> None:
    monkeypatch.setattr(patience, "FIRST_SECONDS", 0.001)
    monkeypatch.setattr(patience, "UNTOLD_SECONDS", untold_seconds)
    heard: list[str] = []
    patient = Patience(
        60.0, lambda error: heard.append(error.reason), lambda _: heard.append("again"), lambda: heard.append("goes on")
    )
    assert await patient.call(Storage(2).ask) == "stored"
    assert heard == told


async def test_the_stage_is_back_after_the_wait(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(patience, "FIRST_SECONDS", 0.001)
    monkeypatch.setattr(patience, "UNTOLD_SECONDS", 0.0)
    monkeypatch.setattr(tracks, "AT_ONCE", 1)
    hints = Hints(cast("Runtime", None), new_id(), 1)
    storage = Storage(1, hints)
    attempts = Attempts(cast("ObjectStore", storage), tmp_path, Limits(1, 1, 1.0, 1.0), patience_seconds=60.0)
    inputs = [JobInput(new_id(), "beat", key, SHA, f"{key}.wav", 1, 1.0) for key in ("first", "second")]
    made = await attempts.make(Claim(new_id(), new_id(), 1, {}, None, None, None, inputs), hints)
    assert isinstance(made, Refused), "the second track is gone"
    assert storage.stages == ["fetching", "trying whether the disk has room again", "fetching"]


async def test_storage_that_stays_away_is_given_up() -> None:
    with pytest.raises(Unavailable, match="DISK_FULL"):
        await Patience(0.0, lambda _: None, lambda _: None, lambda: None).call(Storage(1).ask)
