"""An S3 client with one of the stack's keys."""

import urllib3
from automix_local import Servers
from minio import Minio


def client_of(servers: Servers, key: str) -> Minio:
    return Minio(
        servers.s3_endpoint.removeprefix("http://"),
        access_key=servers.s3_access_key(key),
        secret_key=servers.s3_secret_key(key),
        secure=False,
        region="us-east-1",
        http_client=urllib3.PoolManager(timeout=10, retries=urllib3.Retry(3, backoff_factor=0.1)),
    )
