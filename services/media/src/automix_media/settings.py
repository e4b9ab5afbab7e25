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

    max_file_bytes: int = Field(2 * GIB, gt=0, description="of one upload; an hour of 24-bit stereo at 96 kHz fits")
    max_stored_bytes: int = Field(20 * GIB, gt=0, description="of a user's assets, open uploads and forms together")
    max_open_uploads: int = Field(32, ge=1, description="of a user at the same time")
    upload_hours: float = Field(24, gt=0, description="until an upload that is not completed is given up")
    form_minutes: float = Field(
        60, gt=0, description="a form is accepted; until then its bytes count, whatever becomes of its upload"
    )
    refused_days: float = Field(7, gt=0, description="how long a refused upload can be asked about")
    upload_sweep_seconds: float = Field(30, gt=0, description="how often uploads are looked at that are over")

    max_streams: int = Field(16, ge=1, description="uploads streamed into this process at the same time")
    max_streams_of_user: int = Field(6, ge=1, description="of them one user's")
    part_bytes: int = Field(8 * MIB, gt=0, description="one object; a stream keeps a few in memory")
    parts_at_once: int = Field(2, ge=1, description="of one stream that are being stored while the next fills")
    part_seconds: float = Field(15, gt=0, description="a part is stored after this time even when it is not full")
    slowest_bytes_per_second: float = Field(
        16 * 1024, ge=0, description="a stream that is slower, over part_seconds, is ended"
    )
    stream_idle_seconds: float = Field(20, gt=0, description="a stream that pauses longer is ended")
    writer_lease_seconds: float = Field(10, gt=0, description="how long a crashed writer keeps others away")

    max_verifications: int = Field(
        3,
        ge=1,
        description="in this process at the same time, of one user one less; and one less each of those that have "
        "taken over 1 and over 3 s of a processor",
    )
    verify_lease_seconds: float = Field(30, gt=0, description="how long a crashed verification keeps others away")
    verify_memory_bytes: int = Field(GIB, gt=0, description="of one verification")
    verify_cpu_seconds: int = Field(300, gt=0, description="of one verification")
    verify_wall_seconds: float = Field(1800, gt=0, description="of one verification")
    verify_silence_seconds: float = Field(60, gt=0, description="without progress of one verification")
    max_duration_seconds: float = Field(3600, gt=0, description="of one recording")
    max_samples: int = Field(
        800_000_000, gt=0, description="of one recording: seconds x rate x channels, what verifying takes time for"
    )
    max_channels: int = Field(24, ge=1)
    min_sample_rate: int = Field(4_000, ge=1, description="in Hz")
    max_sample_rate: int = Field(384_000, ge=1, description="in Hz")
