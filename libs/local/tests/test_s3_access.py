"""Each service's S3 key reaches its own prefixes, and the ports behind S3 reach nobody."""

import contextlib
import io
import os
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
import urllib3
from automix_local import Servers
from automix_local.ports import HOST
from automix_local.servers.programs import program
from automix_platform.access import OPS, S3_ADMIN
from kit.storage import client_of
from minio import Minio
from minio.commonconfig import CopySource
from minio.datatypes import PostPolicy
from minio.deleteobjects import DeleteObject
from minio.error import S3Error

PREFIXES = ("incoming/", "assets/", "renders/", "other/")
GRANTS = {
    "media": {
        "read": {"incoming/", "assets/"},
        "write": {"incoming/", "assets/"},
        "delete": {"incoming/", "assets/"},
        "list": {"incoming/", "assets/"},
    },
    "mixer": {"read": {"renders/"}, "write": set(), "delete": {"renders/"}, "list": {"renders/"}},
    "worker": {"read": {"assets/", "renders/"}, "write": {"renders/"}, "delete": set(), "list": set()},
    OPS: {"read": set(PREFIXES), "write": set(), "delete": set(), "list": {*PREFIXES, ""}},
}
CASES = [(key, prefix) for key in GRANTS for prefix in PREFIXES]


@pytest.fixture(scope="module")
def clients(servers: Servers) -> Iterator[Callable[[str], Minio]]:
    pools = []

    def connect(key: str) -> Minio:
        pools.append(urllib3.PoolManager(timeout=10, retries=False))
        return client_of(servers, key, pools[-1])

    yield connect
    for pool in pools:
        pool.clear()


@pytest.fixture
def objects(servers: Servers, clients: Callable[[str], Minio]) -> None:
    """One object under each prefix."""
    for prefix in PREFIXES:
        put(clients(S3_ADMIN), f"{prefix}one")


def put(client: Minio, key: str, size: int = 4) -> None:
    client.put_object("automix", key, io.BytesIO(b"x" * size), size)


def allowed(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except S3Error as error:
        if error.code != "AccessDenied":
            raise
        return False
    return True


@pytest.mark.usefixtures("objects")
@pytest.mark.parametrize(("key", "prefix"), CASES)
def test_a_key_does_what_it_needs_under_its_prefixes_alone(
    clients: Callable[[str], Minio], key: str, prefix: str
) -> None:
    client, grants, name = clients(key), GRANTS[key], f"{prefix}one"
    reads, writes, deletes = (prefix in grants[what] for what in ("read", "write", "delete"))
    assert allowed(lambda: client.get_object("automix", name).close()) is reads
    assert allowed(lambda: client.stat_object("automix", name)) is reads
    assert allowed(lambda: put(client, name)) is writes
    assert allowed(lambda: put(client, f"{prefix}parts", 6 * 1024 * 1024)) is writes
    url = client.presigned_put_object("automix", name, expires=timedelta(minutes=1))
    assert (urllib3.request("PUT", url, body=b"x", retries=False).status == 200) is writes
    assert allowed(lambda: list(client.list_objects("automix", prefix=prefix, recursive=True))) is (
        prefix in grants["list"]
    )
    failures = list(client.remove_objects("automix", [DeleteObject(name)]))
    assert (not failures) is deletes
    assert allowed(lambda: client.remove_object("automix", f"{prefix}gone")) is deletes


@pytest.mark.usefixtures("objects")
@pytest.mark.parametrize("key", GRANTS)
def test_a_key_sees_no_more_than_its_prefixes_by_other_ways(clients: Callable[[str], Minio], key: str) -> None:
    client = clients(key)
    everything = key == OPS
    assert allowed(lambda: list(client.list_objects("automix", recursive=True))) is everything
    for version_1 in (True, False):
        for prefix in ("a", "i", "r", "assets/../other/", "/"):
            if allowed(lambda p=prefix, v=version_1: list(client.list_objects("automix", prefix=p, use_api_v1=v))):
                assert everything or prefix == "assets/../other/"
    assert allowed(lambda: client.make_bucket("another")) is False
    assert allowed(lambda: client.remove_bucket("automix")) is False
    assert allowed(lambda: client.set_bucket_policy("automix", '{"Version":"2012-10-17","Statement":[]}')) is False
    if key != "media":  # a copy would smuggle bytes from one prefix to another
        assert allowed(lambda: client.copy_object("automix", "renders/c", CopySource("automix", "assets/one"))) is (
            key == "worker"
        )


@pytest.mark.parametrize("key", GRANTS)
@pytest.mark.parametrize("prefix", PREFIXES)
def test_only_media_signs_uploads_by_post_policy_and_for_its_prefixes(
    clients: Callable[[str], Minio], servers: Servers, key: str, prefix: str
) -> None:
    policy = PostPolicy("automix", datetime.now(UTC) + timedelta(minutes=1))
    policy.add_equals_condition("key", f"{prefix}posted")
    policy.add_content_length_range_condition(1, 10)
    fields = clients(key).presigned_post_policy(policy) | {"key": f"{prefix}posted"}
    right = key == "media" and prefix in GRANTS[key]["write"]
    for size, accepted in ((5, right), (50, False)):
        answer = urllib3.request(
            "POST", f"{servers.s3_endpoint}/automix", fields={**fields, "file": ("f", b"x" * size)}, retries=False
        )
        assert (answer.status == 204) is accepted


def test_the_ports_behind_s3_answer_nobody(servers: Servers) -> None:
    ports = servers.ports
    for name, paths in {
        "s3.master": ("/dir/assign", "/dir/lookup?volumeId=1", "/col/delete?collection=automix", "/vol/grow?count=1"),
        "s3.filer": ("/buckets/automix/", "/"),
        "s3.volume": ("/", "/1,01637037d6"),
    }.items():
        for path in paths:
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(f"http://{HOST}:{ports[name]}{path}", timeout=5)
            assert refused.value.code in {401, 404}
            refused.value.close()


def test_its_inner_protocol_asks_for_a_certificate(servers: Servers, clients: Callable[[str], Minio]) -> None:
    put(clients(S3_ADMIN), "assets/kept")
    ports = servers.ports
    master = f"-master={HOST}:{ports['s3.master']}.{ports['s3.master.grpc']}"
    filer = f"-filer={HOST}:{ports['s3.filer']}.{ports['s3.filer.grpc']}"
    environment = {"PATH": os.defpath, "HOME": "/nonexistent"}
    with contextlib.suppress(subprocess.TimeoutExpired):  # refused, it goes on asking
        subprocess.run(
            [program("weed"), "shell", master, filer],
            input=b"fs.rm /buckets/automix/assets/kept\n",
            env=environment,
            capture_output=True,
            check=False,
            timeout=3,
        )
    assert clients("worker").stat_object("automix", "assets/kept").size == 4
