"""Settings of the mixer's two processes."""

from automix_common.events.settings import PublisherSettings, RuntimeSettings
from automix_common.objects.settings import CollectorSettings, DownloadSettings, StorageSettings
from automix_common.rpc.settings import ListenSettings, ServerSettings, peer
from pydantic import Field

from automix_mixer.domain import JobLimits

GIB = 1024**3


class MixerSettings(ServerSettings, PublisherSettings, DownloadSettings, CollectorSettings):
    """Settings of the mixer's API process."""

    auth_endpoint: str = peer("auth")
    projects_endpoint: str = peer("projects")
    media_endpoint: str = peer("media")

    max_queued_jobs: int = Field(100, ge=1, description="queued jobs that a user may have")
    max_kept_jobs: int = Field(5000, ge=1, description="jobs that a user may have in projects that are not deleted")
    max_render_bytes: int = Field(
        50 * GIB,
        gt=0,
        description="bytes of a user's renders and the files beside them at which no more jobs are accepted",
    )
    max_tracks: int = Field(64, ge=1, le=128, description="tracks that a job may have")
    max_job_audio_seconds: float = Field(6 * 3600, gt=0, description="length of a job's tracks together")

    queue_depth_seconds: float = Field(15, gt=0, description="how often the queue is counted for metrics")
    max_webhooks: int = Field(10, ge=1, description="webhooks that a user may have")
    webhook_sweep_seconds: float = Field(1, gt=0, description="how often due deliveries are looked for")
    webhook_private_addresses: bool = Field(
        False, description="whether webhooks may have http addresses and lie in private networks: for a trial"
    )

    sweep_seconds: float = Field(5, gt=0, description="how often abandoned jobs are looked for")
    stale_queued_seconds: float = Field(
        60, gt=0, description="time after which a queued job that no worker takes is announced again"
    )
    max_watches: int = Field(50, ge=1, description="jobs that a user may watch at once in this process")
    watch_seconds: float = Field(2, gt=0, description="how often a watched job's row is read")
    deleted_render_seconds: float = Field(
        600, ge=0, description="how long a deleted render's bytes are kept, so that running downloads can end"
    )

    @property
    def limits(self) -> JobLimits:
        """What one user and one job may ask for."""
        return JobLimits(
            queued_jobs=self.max_queued_jobs,
            kept_jobs=self.max_kept_jobs,
            render_bytes=self.max_render_bytes,
            tracks=self.max_tracks,
            total_seconds=self.max_job_audio_seconds,
        )


class WorkerSettings(ListenSettings, RuntimeSettings, StorageSettings):
    """Settings of a worker process."""

    database_pool_size: int = Field(4, ge=1, description="most connections of the pool; a running job needs one or two")
    worker_concurrency: int = Field(1, ge=1, le=64, description="jobs that this process works on at once")
    lease_seconds: float = Field(20, gt=0, description="how long a job is held without a heartbeat")
    heartbeat_seconds: float = Field(3, gt=0, description="how often the lease is extended; well below lease_seconds")
    storage_patience_seconds: float = Field(120, ge=0, description="how long an attempt waits for audio storage")

    render_memory_bytes: int = Field(GIB, gt=0, description="most memory of one render, which is ended beyond it")
    render_cpu_seconds: int = Field(3600, gt=0, description="most processor time of one render")
    render_wall_seconds: float = Field(3600, gt=0, description="longest duration of one render")
    render_silence_seconds: float = Field(180, gt=0, description="time after which a render without progress is ended")
