"""Makes an asset of bytes that have arrived: fetch once, decode in a limited child, store that same file, then commit.

Fault points: `media.after_fetch`, `media.after_verify`, `media.after_put` (the asset's object is stored, no row names
it), `media.before_commit` (inside the transaction), `media.after_commit` (nobody has been answered).
"""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from automix_common.children.child import ChildError, ChildLost, Limits, run_child
from automix_common.database.pool import LOST, Database
from automix_common.objects.storage import ObjectMissing, ObjectStore
from automix_common.process import faults
from automix_common.process.logs import logger
from automix_common.rpc.errors import InvalidArgument, ServiceError, Unavailable, mine
from prometheus_client import Counter

from automix_media import waveform
from automix_media.domain import (
    LOST_VERIFIERS,
    Asset,
    Facts,
    LeaseLost,
    Upload,
    UploadRefused,
    asset_key,
    content_type,
    facts_of,
    post_key,
    refusal,
    require_declared_size,
    verifying,
)
from automix_media.lanes import Lanes, Place, Work
from automix_media.repository.assets import Assets
from automix_media.repository.leases import VerifierLease
from automix_media.repository.uploads import Uploads

log = logger(__name__)

CHILD = "automix_audio.verify_child"

ENDED = Counter("automix_verifications_total", "Uploads verified or refused, by outcome", ["outcome"])


@dataclass(frozen=True)
class AudioLimits:
    """What is accepted; the fields are those that the child knows."""

    max_duration_s: float
    max_samples: int
    max_channels: int
    min_sample_rate: int
    max_sample_rate: int


@dataclass(frozen=True)
class VerifyLimits:
    """How much verification may go on, and what one may use."""

    audio: AudioLimits
    child: Limits
    at_once: int
    lease_seconds: float
    """How long a verification that died keeps others away."""
    scratch: Path
    """Where one file of each verification under way lies, readable by this process's user alone."""


class Verifier:
    """Verifies uploads, each once at a time. A verification outlives the call that began it."""

    def __init__(self, database: Database, store: ObjectStore, limits: VerifyLimits, stopping: asyncio.Event) -> None:
        self._database = database
        self._store = store
        self._limits = limits
        self._stopping = stopping
        self._lanes = Lanes(limits.at_once)
        self._running: dict[UUID, asyncio.Task[Asset]] = {}

    async def verify(self, upload: Upload) -> Asset:
        """The asset that the upload becomes; joins a verification that goes on in this process.

        A caller who gives up does not end it: asked again, it answers with the result. Raises InvalidArgument with
        the reason of a refusal, Aborted (VERIFYING) while another replica verifies, and Unavailable.
        """
        running = self._running.get(upload.id) or await self._begin(upload)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            if running.cancelled():  # by `close`, not by the caller
                raise _stopping() from None
            raise

    async def close(self) -> None:
        """Ends what goes on; the next call, on any replica, begins again."""
        for task in self._running.values():
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def _begin(self, upload: Upload) -> "asyncio.Task[Asset]":
        place = await self._lanes.place(upload.owner_id)
        running = self._running.get(upload.id)
        if running is None:
            running = asyncio.create_task(self._run(upload, place))
            self._running[upload.id] = running
            running.add_done_callback(lambda task: self._ended(upload, place, task))
        else:
            place.leave()
        return running

    def _ended(self, upload: Upload, place: Place, task: "asyncio.Task[Asset]") -> None:
        del self._running[upload.id]
        place.leave()
        if not task.cancelled() and task.exception() is not None:
            log.info("upload not verified", upload_id=str(upload.id), error=repr(task.exception()))

    async def _run(self, upload: Upload, place: Place) -> Asset:
        lease = VerifierLease(self._database, upload, self._limits.lease_seconds)
        if not await lease.claim():
            return await self._outcome(upload)
        try:
            async with self._kept(lease):
                facts = await place.run(lambda work: self._stored(lease, work))
                asset = await self._finish(lease, facts)
        except UploadRefused as refused:
            ENDED.labels(outcome=refused.reason).inc()
            if await lease.refuse(refused.reason, refused.message):
                log.info("upload refused", upload_id=str(upload.id), reason=refused.reason)
                raise InvalidArgument(refused.reason, refused.message) from None
            return await self._outcome(upload)
        except LeaseLost:
            return await self._outcome(upload)
        ENDED.labels(outcome="verified").inc()
        faults.reach("media.after_commit")
        return asset

    async def _stored(self, lease: VerifierLease, work: Work) -> Facts:
        """Fetches the bytes, measures them and stores them as the asset's object."""
        with tempfile.TemporaryDirectory(prefix="automix-upload-", dir=self._limits.scratch) as folder:
            path = Path(folder) / "upload"
            await self._fetch(lease, path)
            faults.reach("media.after_fetch")
            facts = await self._measure(path, work)
            faults.reach("media.after_verify")
            await self._store.put_file(asset_key(lease.holder), path, content_type(facts.filetype))
            faults.reach("media.after_put")
            return facts

    async def _fetch(self, lease: VerifierLease, path: Path) -> None:
        upload = lease.upload
        try:
            if upload.method == "post":
                # The size is asked for before the fetch: storage is not trusted to have kept to the size that the form
                # allowed.
                require_declared_size(upload, await self._store.size(post_key(upload.id)))
                keys = [post_key(upload.id)]
            else:
                keys = await lease.parts()
            for key in keys:
                await self._store.fetch(key, path)
        except ObjectMissing:
            raise UploadRefused(
                "BYTES_LOST", "Bytes of the upload are gone from storage. Upload the file again."
            ) from None
        require_declared_size(upload, await asyncio.to_thread(lambda: path.stat().st_size))

    async def _measure(self, path: Path, work: Work) -> Facts:
        request = {"path": str(path), "limits": asdict(self._limits.audio)}

        def heard(said: Mapping[str, Any]) -> None:
            work.processor_seconds = float(said.get("processor_s", 0.0))

        try:
            result = await run_child(CHILD, request, self._limits.child, progress=heard, started=work.started)
        except ChildError as error:
            raise UploadRefused(error.reason, error.message) from None
        except ChildLost as lost:
            if self._stopping.is_set():  # what stops this process may have struck the child
                raise _stopping() from None
            raise UploadRefused(*LOST_VERIFIERS[lost.reason]) from None
        finally:
            work.process_id = None
        shape = result["waveform"]
        return facts_of(result, waveform.pack(shape["minimum"], shape["maximum"]))

    async def _finish(self, lease: VerifierLease, facts: Facts) -> Asset:
        try:
            return await lease.finish(facts)
        except LOST:
            # Nobody knows whether the transaction was committed; the row tells.
            asset = await self._asset(lease.upload, lease.holder)
            if asset is None:
                raise
            return asset

    async def _asset(self, upload: Upload, asset_id: UUID) -> Asset | None:
        async with self._database.read() as connection:
            return await Assets(connection, upload.owner_id).get(asset_id)

    async def _outcome(self, upload: Upload) -> Asset:
        """What became of an upload whose lease is another's."""
        async with self._database.read() as connection:
            current = mine(await Uploads(connection, upload.owner_id).get(upload.id), "upload")
        if current.asset_id is not None and (asset := await self._asset(upload, current.asset_id)) is not None:
            return asset
        raise refusal(current) if current.state == "refused" else verifying()

    @asynccontextmanager
    async def _kept(self, lease: VerifierLease) -> AsyncIterator[None]:
        """Keeps the lease for the length of the block; given back at once when it ends with nothing decided."""
        keeping = asyncio.create_task(self._keep(lease))
        try:
            yield
        except (asyncio.CancelledError, ServiceError, *LOST):
            with contextlib.suppress(*LOST):
                await lease.give_back()
            raise
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)

    async def _keep(self, lease: VerifierLease) -> None:
        kept = True
        while kept:
            await asyncio.sleep(self._limits.lease_seconds / 3)
            try:
                kept = await lease.keep()
            except LOST as error:
                log.warning("the lease of a verification could not be extended", error=repr(error))


def _stopping() -> Unavailable:
    return Unavailable("STOPPING", "this server stops: complete the upload again")
