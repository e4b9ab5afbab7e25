"""An S3 client with one of the stack's keys, past every service."""

from urllib.parse import urlsplit

import urllib3
from automix_local import Servers
from automix_local.servers.s3 import REGION
from automix_platform.access import S3_ADMIN
from minio import Minio


def client_of(servers: Servers, key: str = S3_ADMIN, pool: urllib3.PoolManager | None = None) -> Minio:
    """A client of the servers' storage, by default its administrator's; it tries three times, for 10 s each."""
    address = urlsplit(servers.s3_endpoint)
    return Minio(
        address.netloc,
        access_key=servers.s3_access_key(key),
        secret_key=servers.s3_secret_key(key),
        secure=address.scheme == "https",
        region=REGION,
        http_client=pool or urllib3.PoolManager(timeout=10, retries=urllib3.Retry(3, backoff_factor=0.1)),
    )
