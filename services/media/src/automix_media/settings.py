"""Settings of the media service: quotas, limits and periods, each with its default."""

from automix_common.events.settings import RuntimeSettings
from automix_common.objects.settings import CollectorSettings, DownloadSettings
from automix_common.rpc.settings import ServerSettings, peer
from pydantic import Field

MIB = 1024 * 1024
GIB = 1024 * MIB


class MediaSettings(ServerSettings, RuntimeSettings, DownloadSettings, CollectorSettings):
    """Settings of the media service."""

    auth_endpoint: str = peer("auth")
    projects_endpoint: str = peer("projects")

    max_file_bytes: int = Field(
        2 * GIB, gt=0, description="largest file of one upload; an hour of 24-bit stereo at 96 kHz fits"
    )
    max_stored_bytes: int = Field(
        20 * GIB, gt=0, description="most bytes of a user's assets, open uploads and forms together"
    )
    max_open_uploads: int = Field(32, ge=1, description="open uploads that a user may have")
    upload_hours: float = Field(24, gt=0, description="age at which an upload that is not completed is given up")
    form_minutes: float = Field(
        60, gt=0, description="how long storage accepts a form; so long its bytes count, whatever becomes of its upload"
    )
    refused_days: float = Field(7, gt=0, description="how long a refused upload says why it was refused")
    upload_sweep_seconds: float = Field(30, gt=0, description="how often expired uploads are looked for")

    max_streams: int = Field(16, ge=1, description="uploads that are streamed into this process at the same time")
    max_streams_of_user: int = Field(6, ge=1, description="uploads of one user among these")
    part_bytes: int = Field(
        8 * MIB, gt=0, description="size of a part, which is one object; a stream keeps a few in memory"
    )
    parts_at_once: int = Field(
        2, ge=1, description="parts of one stream that are stored at the same time, while the next one fills"
    )
    part_seconds: float = Field(15, gt=0, description="time after which a part is stored even when it is not full")
    slowest_bytes_per_second: float = Field(
        16 * 1024, ge=0, description="least speed of a stream, over part_seconds; a slower one is ended"
    )
    stream_idle_seconds: float = Field(20, gt=0, description="time after which a stream that sends nothing is ended")
    writer_lease_seconds: float = Field(10, gt=0, description="how long a crashed writer keeps others away")

    max_verifications: int = Field(
        3,
        ge=1,
        description="verifications of this process at the same time; one less of one user's, of those that have taken "
        "over 1 s of processor time, and of those that have taken over 3 s",
    )
    verify_lease_seconds: float = Field(30, gt=0, description="how long a crashed verification keeps others away")
    verify_memory_bytes: int = Field(GIB, gt=0, description="most memory of one verification")
    verify_cpu_seconds: int = Field(300, gt=0, description="most processor time of one verification")
    verify_wall_seconds: float = Field(1800, gt=0, description="longest duration of one verification")
    verify_silence_seconds: float = Field(
        60, gt=0, description="time after which a verification without progress is ended"
    )
    max_duration_seconds: float = Field(3600, gt=0, description="longest recording")
    max_samples: int = Field(
        800_000_000,
        gt=0,
        description="largest recording, as seconds x rate x channels; the time of a verification grows with it",
    )
    max_channels: int = Field(24, ge=1, description="most channels of a recording")
    min_sample_rate: int = Field(4_000, ge=1, description="lowest sample rate of a recording, in Hz")
    max_sample_rate: int = Field(384_000, ge=1, description="highest sample rate of a recording, in Hz")
