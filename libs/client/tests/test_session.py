"""Calls: who makes them, how long they may take, and which are tried again."""

import asyncio
import time
from dataclasses import replace
from typing import Any

import grpc
import pytest
from automix.mixer.v1 import mixer_pb2
from automix_client.client import AsyncClient
from automix_client.endpoints import Endpoints
from automix_client.errors import NotReachableError, NotSignedInError
from automix_client.settings import TlsFiles
from automix_common.rpc.errors import disk_full
from kit.stand_in.platform import serve
from kit.stand_in.world import World

from .conftest import PATIENCE


async def test_nobody_is_signed_in(port: int, world: World) -> None:
    async with AsyncClient(Endpoints.parse(f"127.0.0.1:{port}"), tls=TlsFiles()) as client:
        with pytest.raises(NotSignedInError) as caught:
            await client.account.me()
    assert caught.value.reason == "NOT_SIGNED_IN"
    assert world.calls["GetMe"] == 0


async def test_a_token_is_renewed_before_it_expires(client: AsyncClient, world: World) -> None:
    known = client.session.credentials()
    about_to_end = time.time() + PATIENCE.refresh_ahead - 1
    client.session.store.save(replace(known, access_expires_at=about_to_end))
    await client.account.me()
    assert world.calls["RefreshToken"] == 1
    assert world.calls["GetMe"] == 1
    assert client.session.credentials().access_token != known.access_token
    assert client.session.credentials().email == known.email


async def test_a_token_that_is_not_accepted_is_renewed_once(client: AsyncClient, world: World) -> None:
    world.access.clear()
    await client.account.me()
    assert (world.calls["GetMe"], world.calls["RefreshToken"]) == (2, 1)


async def test_a_token_that_is_never_accepted_ends_the_call(client: AsyncClient, world: World) -> None:
    world.lifetime_s = -1.0
    world.access.clear()
    with pytest.raises(NotSignedInError) as caught:
        await client.account.me()
    assert caught.value.reason == "TOKEN_EXPIRED"
    assert world.calls["GetMe"] == 2


async def test_many_calls_at_once_share_one_refresh(client: AsyncClient, world: World) -> None:
    world.access.clear()
    await asyncio.gather(*(client.account.me() for _ in range(20)))
    assert world.calls["RefreshToken"] == 1


async def test_a_lost_answer_to_a_refresh_is_asked_for_again(client: AsyncClient, world: World) -> None:
    world.access.clear()
    world.unavailable["RefreshToken"] = 2
    await client.account.me()
    assert world.calls["RefreshToken"] == 3


async def test_a_refused_refresh_signs_out(client: AsyncClient, world: World) -> None:
    world.access.clear()
    world.refresh.clear()
    with pytest.raises(NotSignedInError):
        await client.account.me()
    assert client.session.store.load() is None


async def test_a_service_that_is_away_does_not_sign_out(client: AsyncClient, world: World) -> None:
    known = client.session.credentials()
    world.access.clear()
    world.unavailable["RefreshToken"] = 100
    with pytest.raises(NotReachableError):
        await client.account.me()
    assert client.session.store.load() == known


async def test_a_wrong_password_is_no_reason_to_renew(client: AsyncClient, world: World) -> None:
    with pytest.raises(NotSignedInError) as caught:
        await client.account.change_password("wrong", "new and long")
    assert caught.value.reason == "INVALID_CREDENTIALS"
    assert world.calls["RefreshToken"] == 0


async def test_a_read_is_tried_again(client: AsyncClient, world: World) -> None:
    project = await client.projects.create("Song")
    world.unavailable["GetProject"] = 3
    assert (await client.projects.get(project.id)).name == "Song"
    assert world.calls["GetProject"] == 4


async def test_trying_again_ends(client: AsyncClient, world: World) -> None:
    world.unavailable["GetProject"] = 100
    with pytest.raises(NotReachableError):
        await client.projects.get("x")
    assert world.calls["GetProject"] == PATIENCE.attempts


async def test_a_full_disk_is_told_at_once(client: AsyncClient, world: World) -> None:
    world.refusals["GetProject"] = disk_full()
    with pytest.raises(NotReachableError) as caught:
        await client.projects.get("x")
    assert (caught.value.reason, world.calls["GetProject"]) == ("DISK_FULL", 1)


async def test_a_create_whose_answer_got_lost_creates_once(client: AsyncClient, world: World) -> None:
    world.lost_answers["CreateProject"] = 2
    project = await client.projects.create("Song")
    assert world.calls["CreateProject"] == 3
    assert list(world.projects) == [project.id]


async def test_a_deletion_of_a_render_whose_answer_got_lost_is_tried_again(client: AsyncClient, world: World) -> None:
    render = world.add_render(mixer_pb2.Job(id="j", project_id="p"), b"mix")
    world.lost_answers["DeleteRender"] = 1
    await client.renders.delete(render.id)
    assert world.calls["DeleteRender"] == 2
    assert not world.renders


async def test_what_is_not_idempotent_is_not_repeated(client: AsyncClient, world: World) -> None:
    project = await client.projects.create("Song")
    world.lost_answers["DeleteProject"] = 1
    with pytest.raises(NotReachableError):
        await client.projects.delete(project.id)
    assert world.calls["DeleteProject"] == 1
    world.unavailable["SignUp"] = 1
    with pytest.raises(NotReachableError):
        await client.account.sign_up("other@example.org", "long enough")
    assert world.calls["SignUp"] == 2  # the fixture's and this one


async def test_every_call_has_a_deadline() -> None:
    asked: list[float | None] = []

    class Slow(grpc.aio.ServerInterceptor):
        async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
            async def never(request: object, context: Any) -> None:
                asked.append(context.time_remaining())
                await asyncio.Event().wait()

            return grpc.unary_unary_rpc_method_handler(never)

    server = grpc.aio.server(interceptors=[Slow()])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    patience = replace(PATIENCE, unary=0.2)
    async with AsyncClient(Endpoints.parse(f"127.0.0.1:{port}"), tls=TlsFiles(), patience=patience) as client:
        with pytest.raises(NotReachableError) as caught:
            await client.account.sign_in("a@example.org", "long enough")
    await server.stop(None)
    assert caught.value.code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert len(asked) == 1
    assert asked[0] is not None


async def test_a_service_that_comes_back_is_found_again(world: World) -> None:
    async with serve(world) as port:
        endpoints = Endpoints.parse(f"127.0.0.1:{port}")
        client = AsyncClient(endpoints, tls=TlsFiles(), patience=replace(PATIENCE, attempts=50))
        await client.account.sign_up("me@example.org", "long enough")
    call = asyncio.create_task(client.account.me())
    await asyncio.sleep(0)
    async with serve(world, port):
        assert (await call).email
        await client.close()


async def test_signing_out_forgets_the_tokens_even_when_nobody_answers(client: AsyncClient, world: World) -> None:
    world.unavailable["SignOut"] = 100
    with pytest.raises(NotReachableError):
        await client.account.sign_out()
    assert client.session.store.load() is None


async def test_signing_out_spends_the_refresh_token(client: AsyncClient, world: World) -> None:
    token = client.session.credentials().refresh_token
    await client.account.sign_out()
    assert token in world.spent


async def test_lists_arrive_whole(client: AsyncClient) -> None:
    names = [f"Song {number}" for number in range(5)]
    for name in names:
        await client.projects.create(name)
    assert [project.name async for project in client.projects.list()] == names


async def test_a_personal_token_is_sent_as_it_is_until_somebody_signs_in(port: int, world: World) -> None:
    world.access["automix_pat_x"] = time.time() + 600
    world.passwords["somebody@example.org"] = "a good password"
    async with AsyncClient(Endpoints.parse(f"127.0.0.1:{port}"), tls=TlsFiles(), token="automix_pat_x") as client:
        await client.account.me()
        assert world.calls["RefreshToken"] == 0
        world.access.clear()
        with pytest.raises(NotSignedInError):
            await client.account.me()
        await client.account.sign_in("somebody@example.org", "a good password")
        await client.account.me()


async def test_the_environment_names_a_personal_token(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOMIX_TOKEN", " automix_pat_x\n")
    async with AsyncClient(Endpoints.parse(f"127.0.0.1:{port}"), tls=TlsFiles()) as client:
        assert await client.session.headers() == (("authorization", "Bearer automix_pat_x"),)
