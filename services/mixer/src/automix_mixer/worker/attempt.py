"""One attempt at a job: its tracks are fetched, mixed in a child process, and the mix is stored."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from automix_common.children.child import ChildError, ChildLost, Limits, run_child
from automix_common.objects.storage import ObjectStore
from automix_common.process import faults
from automix_common.process.disk import is_full
from automix_common.process.logs import logger
from automix_common.rpc.errors import Unavailable

from automix_mixer.domain import Claim, JobError, NewRender
from automix_mixer.engine.outputs import ending
from automix_mixer.track_options import split
from automix_mixer.worker.hints import Hints
from automix_mixer.worker.inputs import fetch_inputs
from automix_mixer.worker.outcomes import Failed, Refused, Rendered
from automix_mixer.worker.outputs import store_outputs
from automix_mixer.worker.patience import Patience

log = logger(__name__)

ENGINE = "automix_mixer.engine.face.child"
FETCHED, RENDERED = 0.03, 0.96
"""Shares of an attempt, from 0 to 1, at which its tracks are fetched and its mix is made."""

LOST = {
    "CRASHED": JobError("RENDER_CRASHED", "the mix ended unexpectedly each time it was tried"),
    "OUT_OF_MEMORY": JobError(
        "RENDER_OUT_OF_MEMORY", "the mix needs more memory than is allowed: use fewer or shorter tracks"
    ),
    "DISK_FULL": JobError(
        "RENDER_DISK_FULL", "the disk of the machine that mixes was full each time it was tried: try again later"
    ),
    "TIMEOUT": JobError("RENDER_TIMEOUT", "the mix took longer than is allowed: use fewer or shorter tracks"),
}
WAITS = {"DISK_FULL": "waiting for room on the disk, which is full"}
STORAGE_WAITS = "waiting for audio storage, which does not answer"
TRIES = {"DISK_FULL": "trying whether the disk has room again"}
STORAGE_TRIES = "trying audio storage again"
STORAGE_AWAY = JobError("STORAGE_UNAVAILABLE", "audio storage did not answer: try again later")


class Attempts:
    """Attempts of one worker process."""

    def __init__(self, store: ObjectStore, scratch: Path, limits: Limits, *, patience_seconds: float) -> None:
        self._store = store
        self._scratch = scratch
        self._limits = limits
        self._patience_seconds = patience_seconds

    async def make(self, claimed: Claim, hints: Hints) -> Rendered | Refused | Failed:
        """Works on the job until there is a mix or a reason. Cancelled, it kills the child and leaves nothing."""
        try:
            with tempfile.TemporaryDirectory(prefix="job-", dir=self._scratch, ignore_cleanup_errors=True) as folder:
                return Rendered(await self._mix(claimed, hints, Path(folder)))
        except ChildError as error:
            return Refused(JobError.of(error.reason, error.message))
        except ChildLost as error:
            return Failed(LOST[error.reason])
        except Unavailable as error:
            return Failed(LOST.get(error.reason, STORAGE_AWAY))
        except Exception as error:  # a defect costs the job one failure and not this process its life
            if isinstance(error, OSError) and is_full(error):
                return Failed(LOST["DISK_FULL"])
            log.exception("attempt failed", job_id=str(claimed.job_id), attempt=claimed.attempt)
            return Failed(JobError("RENDER_FAILED", "the mix failed on our side each time it was tried"))
        finally:
            hints.stages.end()

    async def _mix(self, claimed: Claim, hints: Hints, folder: Path) -> NewRender:
        inputs, outputs, temporary = (folder / name for name in ("inputs", "outputs", "temporary"))
        for made in (inputs, outputs, temporary):
            made.mkdir()
        patience = Patience(
            self._patience_seconds,
            lambda error: hints.wait(WAITS.get(error.reason, STORAGE_WAITS)),
            lambda error: hints.wait(TRIES.get(error.reason, STORAGE_TRIES)),
            hints.go_on,
        )
        hints.reach(0, "fetching")

        async def request() -> dict[str, Any]:
            return _request(claimed, await fetch_inputs(self._store, claimed, inputs, patience), outputs)

        def hear(line: Mapping[str, Any]) -> None:
            faults.reach("worker.during_render")
            hints.hear(line, FETCHED, RENDERED)

        result = await run_child(ENGINE, request, self._limits, progress=hear, scratch=temporary)
        hints.reach(RENDERED, "storing")
        render = await store_outputs(self._store, claimed, outputs, result, patience)
        faults.reach("worker.after_upload")
        return render


def _request(claimed: Claim, tracks: list[Path], outputs: Path) -> dict[str, Any]:
    suffix = ending(str(claimed.settings.get("format") or "wav24"))
    settings, options = split(claimed.settings)
    options = options or [{} for _ in tracks]
    return {
        "tracks": [
            {"path": str(path), "role": track.role, "id": str(track.asset_id), "name": track.filename, "options": asked}
            for path, track, asked in zip(tracks, claimed.inputs, options, strict=True)
        ],
        "settings": settings,
        "plan": claimed.plan,
        "output": str(outputs / f"mix{suffix}"),
        "extras_dir": str(outputs / "extras"),
    }
