"""Settings of a process that has an S3 key."""

from pydantic import Field, SecretStr

from automix_common.process.settings import ProcessSettings


class StorageSettings(ProcessSettings):
    """S3."""

    s3_endpoint: str = Field(description="http(s)://host:port, as this process reaches it")
    s3_public_endpoint: str | None = Field(None, description="http(s)://host:port that presigned URLs are made for")
    s3_access_key: str = Field("", description="access key of this process")
    s3_secret_key: SecretStr = Field(SecretStr(""), description="secret that goes with the access key")
    s3_bucket: str = Field("automix", description="the one bucket of the platform")
    s3_region: str = Field("us-east-1", description="region that requests are signed for")


class DownloadSettings(StorageSettings):
    """A process that streams objects to its callers."""

    max_downloads: int = Field(64, ge=1, description="downloads that this process streams at the same time")
    max_downloads_of_user: int = Field(8, ge=1, description="downloads of one user among these")


class CollectorSettings(StorageSettings):
    """A process that deletes objects."""

    collect_seconds: float = Field(3600, gt=0, description="how often objects without a row are looked for")
    collect_age_seconds: float = Field(7200, gt=0, description="age at which an object without a row is deleted")
    deletion_sweep_seconds: float = Field(
        1, gt=0, description="how often objects that are to be deleted are looked for"
    )
