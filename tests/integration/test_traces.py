"""One mix as one trace: from the HTTP request through every process to the event that it ends with; and the series that
dashboards and alerts name, as the processes show them."""

import asyncio
import json
import re
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from automix.media.v1 import media_pb2
from automix_client.client import AsyncClient
from automix_client.endpoints import Endpoints
from automix_local import stack as local
from automix_local.ports import HOST, Ports
from automix_local.services import SERVICES
from automix_local.traces import FILENAME, collecting
from kit.audio import beat, vocal
from kit.people import PASSWORD
from kit.servers import require_servers_of_our_own
from kit.waiting import until

OBSERVABILITY = Path(__file__).parents[2] / "deploy" / "observability"
SERIES = re.compile(r"\bautomix_[a-z_]+\b")


@dataclass
class Traced:
    """What a stack sent and showed while a mix was made."""

    trace_id: str
    spans: list[tuple[str, dict[str, Any]]]
    """The process and the span, of every trace."""
    text: str
    series: set[str]
    token: str


@pytest.fixture(scope="module")
def metrics(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """An address for the metrics of each process."""
    ports = Ports(tmp_path_factory.mktemp("ports") / "ports.json")
    names = [service.name for service in SERVICES]
    ports.claim(names)
    yield {name: f"{HOST}:{ports[name]}" for name in names}
    ports.release()


@pytest.fixture(scope="module")
async def traced(tmp_path_factory: pytest.TempPathFactory, metrics: dict[str, str]) -> Traced:
    require_servers_of_our_own()
    folder = tmp_path_factory.mktemp("traced")
    with ExitStack() as at_end:
        endpoint = at_end.enter_context(collecting(folder / "spans"))
        told = {
            name: {
                "AUTOMIX_OTLP_ENDPOINT": endpoint,
                "AUTOMIX_METRICS_LISTEN": address,
                "AUTOMIX_QUEUE_DEPTH_SECONDS": "0.5",
            }
            for name, address in metrics.items()
        }
        stack = at_end.enter_context(local.Stack.start(folder / "state", overrides=told))
        async with AsyncClient(Endpoints.parse(stack.endpoints, name="traced")) as client:
            await client.account.sign_up(f"{uuid.uuid4().hex}@example.org", PASSWORD)
            project = await client.projects.create("traced")
            await client.assets.upload(project.id, vocal(folder / "vocal.wav", 3.0), media_pb2.ASSET_ROLE_VOCALS)
            await client.assets.upload(project.id, beat(folder / "beat.wav", 3.0), media_pb2.ASSET_ROLE_BEAT)
            authorization = dict(await client.session.headers())["authorization"]
            url = f"http://{stack.endpoints['gateway']}/v1/projects/{project.id}/jobs"
            trace_id, job_id = await asyncio.to_thread(create_job, url, authorization)
            await client.jobs.wait(job_id)
        spans = folder / "spans" / FILENAME
        # Envoy sends its spans some seconds later, and none at its end.
        await until(lambda: has_root(spans.read_text(), trace_id), what="the gateway's span")
        series = {name for address in metrics.values() for name in shown(address)}
    text = spans.read_text()
    return Traced(trace_id, list(spans_of(text)), text, series, authorization.removeprefix("Bearer "))


def create_job(url: str, authorization: str) -> tuple[str, str]:
    """The trace and the id of a new job, by HTTP."""
    headers = {"authorization": authorization, "content-type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url, b"{}", headers)) as answer:
        return answer.headers["x-trace-id"], json.load(answer)["job"]["id"]


def shown(address: str) -> Iterator[str]:
    """Names of the series that a process shows, and of their families."""
    with urllib.request.urlopen(f"http://{address}/metrics") as answer:
        for line in answer.read().decode().splitlines():
            if line.startswith("# TYPE "):
                yield line.split()[2]
            elif not line.startswith("#"):
                yield re.split(r"[{ ]", line, maxsplit=1)[0]


def has_root(text: str, trace_id: str) -> bool:
    return any(span["traceId"] == trace_id for process, span in spans_of(text) if process == "gateway")


def spans_of(text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for line in text.splitlines():
        for resource in json.loads(line)["resourceSpans"]:
            attributes = {one["key"]: one["value"] for one in resource["resource"]["attributes"]}
            for scope in resource["scopeSpans"]:
                for span in scope["spans"]:
                    yield attributes["service.name"]["stringValue"], span


def test_a_mix_is_one_trace_through_every_process(traced: Traced) -> None:
    mine = [(process, span) for process, span in traced.spans if span["traceId"] == traced.trace_id]
    named = {(process, span["name"]) for process, span in mine}
    assert {
        ("automix_mixer", "automix.mixer.v1.MixerService/CreateJob"),
        ("automix_projects", "automix.projects.v1.ProjectsService/GetProject"),
        ("automix_media", "automix.media.v1.MediaService/ListAssets"),
        ("automix_mixer", "publish automix.mixer.job.queued"),
        ("automix_mixer.worker", "take job"),
        ("automix_mixer.worker", "attempt"),
        ("automix_mixer.worker", "S3.GetObject"),
        ("automix_mixer.worker", "mixing"),
        ("automix_mixer.worker", "mastering"),
        ("automix_mixer.worker", "S3.PutObject"),
        ("automix_mixer", "publish automix.mixer.job.succeeded"),
        ("automix_projects", "projects-job-succeeded"),
    } <= named
    ids = {span["spanId"] for _, span in mine}
    roots = [process for process, span in mine if span.get("parentSpanId", "") not in ids]
    assert roots == ["gateway"]


def test_spans_hold_no_secret(traced: Traced) -> None:
    for secret in (PASSWORD, traced.token, traced.token.rpartition(".")[2]):
        assert secret not in traced.text


def test_every_series_of_dashboards_and_alerts_is_shown_by_a_process(traced: Traced) -> None:
    files = [*OBSERVABILITY.glob("dashboards/*.json"), *OBSERVABILITY.glob("*.yaml")]
    assert files
    # A counter whose labels nobody has counted yet shows its family alone.
    families = traced.series | {f"{name}_total" for name in traced.series}
    for file in files:
        for name in set(SERIES.findall(file.read_text())):
            base = re.sub(r"_(bucket|sum|count)$", "", name)
            assert name in families or base in families, f"{file.name} names {name}, which nobody shows"
