"""Renders as their owner gets them."""

import asyncio
import hashlib
import json
import urllib.request
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import grpc
import pytest
from automix.mixer.v1 import mixer_pb2 as pb
from automix_common.database.pool import Database
from automix_common.objects.storage import S3Store
from automix_common.process.ids import new_id
from automix_local import Servers
from automix_mixer.domain import RenderFile
from google.protobuf.duration_pb2 import Duration
from kit.refusals import reason_of

from .harness import Caller, claim_job, render_of, succeed, worker_settings

MIX = bytes(range(256)) * 3000
STEM = b"stem" * 10


@dataclass(frozen=True)
class Rendered:
    """A render of a caller."""

    caller: Caller
    job_id: str
    render_id: str
    file_id: str


@pytest.fixture
async def rendered(caller: Caller, servers: Servers, database: Database) -> Rendered:
    job = await caller.create_job()
    claimed = await claim_job(database, job.id)
    assert claimed is not None
    prefix = f"renders/{job.id}/1/"
    store = S3Store(worker_settings(servers))
    await store.put_bytes(f"{prefix}mix.wav", MIX)
    await store.put_bytes(f"{prefix}stem.wav", STEM)
    store.close()
    stem = RenderFile(
        new_id(), "stem", f"{prefix}stem.wav", "Voix (vocals).wav", len(STEM), hashlib.sha256(STEM).hexdigest()
    )
    render = render_of(
        claimed,
        storage_key=f"{prefix}mix.wav",
        filename='Chanson d\'été "1" (mix).wav',
        size=len(MIX),
        sha256=hashlib.sha256(MIX).hexdigest(),
        plan={"version": 1, "gain": {"value": 2.1}},
        report={"integrated_lufs": -14.0},
        files=[stem],
    )
    assert await succeed(database, claimed, render)
    return Rendered(caller, job.id, str(render.id), str(stem.id))


async def download(rendered: Rendered, offset: int = 0) -> tuple[pb.Render, bytes]:
    request = pb.DownloadRenderRequest(render_id=rendered.render_id, offset=offset)
    answers = [answer async for answer in rendered.caller.stream("DownloadRender", request)]
    assert all(not answer.HasField("render") for answer in answers[1:])
    return answers[0].render, b"".join(answer.data for answer in answers)


async def test_a_render_is_read_alone_in_lists_and_by_its_job(rendered: Rendered) -> None:
    caller = rendered.caller
    render = (await caller.call("GetRender", pb.GetRenderRequest(render_id=rendered.render_id))).render
    assert (render.job_id, render.project_id) == (rendered.job_id, caller.project_id)
    assert (render.size, render.sha256) == (len(MIX), hashlib.sha256(MIX).hexdigest())
    assert (render.filetype, render.loudness, render.true_peak) == (pb.RENDER_FILETYPE_WAV, -14, -1)
    assert [(file.id, file.kind, file.size) for file in render.files] == [(rendered.file_id, "stem", len(STEM))]
    listed = await caller.call("ListRenders", pb.ListRendersRequest(project_id=caller.project_id))
    assert list(listed.renders) == [render]
    assert (await caller.job(rendered.job_id)).render_id == rendered.render_id


@pytest.mark.parametrize("offset", [0, 1, 300_000, len(MIX) - 1, len(MIX)])
async def test_bytes_are_streamed_from_an_offset(rendered: Rendered, offset: int) -> None:
    render, data = await download(rendered, offset)
    assert render.id == rendered.render_id
    assert data == MIX[offset:]


async def test_an_offset_past_the_end_is_refused(rendered: Rendered) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await download(rendered, len(MIX) + 1)
    assert reason_of(raised.value) == "OFFSET_PAST_END"


async def test_files_beside_the_render_are_streamed_too(rendered: Rendered) -> None:
    request = pb.DownloadRenderFileRequest(file_id=rendered.file_id, offset=4)
    answers = [answer async for answer in rendered.caller.stream("DownloadRenderFile", request)]
    assert answers[0].file.filename == "Voix (vocals).wav"
    assert b"".join(answer.data for answer in answers) == STEM[4:]


def fetch(url: str) -> tuple[bytes, Any]:
    with urllib.request.urlopen(url) as served:
        return served.read(), served.headers


async def test_a_url_serves_the_bytes_as_an_attachment(rendered: Rendered) -> None:
    request = pb.CreateRenderDownloadUrlRequest(render_id=rendered.render_id, lifetime=Duration(seconds=30))
    answer = await rendered.caller.call("CreateRenderDownloadUrl", request)
    data, headers = await asyncio.to_thread(fetch, answer.url)
    assert data == MIX
    assert headers["content-type"] == "audio/wav"
    assert headers["content-disposition"].startswith('attachment; filename="Chanson d\'_t_ _1_ (mix).wav"')


async def test_a_url_serves_a_file_beside_the_render(rendered: Rendered) -> None:
    request = pb.CreateRenderFileDownloadUrlRequest(file_id=rendered.file_id, lifetime=Duration(seconds=30))
    answer = await rendered.caller.call("CreateRenderFileDownloadUrl", request)
    data, headers = await asyncio.to_thread(fetch, answer.url)
    assert data == STEM
    assert headers["content-disposition"].startswith('attachment; filename="Voix (vocals).wav"')


async def test_plan_and_report_are_documents(rendered: Rendered) -> None:
    answer = await rendered.caller.call("GetRenderReport", pb.GetRenderReportRequest(render_id=rendered.render_id))
    assert json.loads(answer.plan_json) == {"version": 1, "gain": {"value": 2.1}}
    assert json.loads(answer.report_json) == {"integrated_lufs": -14.0}


async def test_strangers_learn_nothing(rendered: Rendered, stranger: Caller) -> None:
    for render_id, file_id in ((rendered.render_id, rendered.file_id), (str(uuid4()), str(uuid4()))):
        for method, request in (
            ("GetRender", pb.GetRenderRequest(render_id=render_id)),
            ("GetRenderReport", pb.GetRenderReportRequest(render_id=render_id)),
            ("CreateRenderDownloadUrl", pb.CreateRenderDownloadUrlRequest(render_id=render_id)),
            ("CreateRenderFileDownloadUrl", pb.CreateRenderFileDownloadUrlRequest(file_id=file_id)),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await stranger.call(method, request)
            assert reason_of(raised.value) == "NOT_YOURS"
        for method, streamed in (
            ("DownloadRender", pb.DownloadRenderRequest(render_id=render_id)),
            ("DownloadRenderFile", pb.DownloadRenderFileRequest(file_id=file_id)),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await stranger.stream(method, streamed).read()
            assert reason_of(raised.value) == "NOT_YOURS"
