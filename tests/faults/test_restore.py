"""Everything is lost, and comes back from a dump of the database and a copy of the bucket."""

import asyncio
import io
import subprocess
import uuid
from pathlib import Path

from automix.mixer.v1 import mixer_pb2
from automix_client.assets import BEAT, VOCALS
from automix_client.client import AsyncClient
from automix_client.endpoints import Endpoints
from automix_local import stack as local
from automix_local.servers.postgres_programs import programs_for
from kit import audio
from kit.people import PASSWORD
from kit.servers import launched, require_servers_of_our_own
from kit.stack import Stack
from kit.storage import client_of


def _run(program: str, url: str, *options: str) -> None:
    subprocess.run(
        [programs_for(None) / program, *options, f"--dbname={url}"], check=True, capture_output=True, text=True
    )


async def test_a_platform_restored_from_a_backup_goes_on(tmp_path: Path) -> None:
    require_servers_of_our_own()
    dump, email = tmp_path / "automix.dump", f"{uuid.uuid4().hex}@example.org"
    first = Stack(local.Stack.start(tmp_path / "first"))
    try:
        async with AsyncClient(first.endpoints) as client:
            await client.account.sign_up(email, PASSWORD)
            project = await client.projects.create("Kept")
            for path, role in (
                (audio.vocal(tmp_path / "vocal.wav"), VOCALS),
                (audio.beat(tmp_path / "beat.wav"), BEAT),
            ):
                await client.assets.upload(project.id, path, role)
            done = await client.jobs.wait((await client.jobs.create(project.id)).id)
            mixed = await client.renders.download(done.render_id, tmp_path / "before")
            async with first.without("worker"):
                waiting = await client.jobs.create(project.id)
                await asyncio.to_thread(
                    _run, "pg_dump", first.servers.database_url("postgres"), "--format=custom", f"--file={dump}"
                )
        bucket = first.bucket()
        copied = {
            str(entry.object_name): bucket.get_object("automix", str(entry.object_name)).read()
            for entry in bucket.list_objects("automix", recursive=True)
        }
    finally:
        await first.close()

    with launched(tmp_path / "second") as servers:
        await asyncio.to_thread(
            _run, "pg_restore", servers.database_url("postgres"), "--clean", "--if-exists", "--exit-on-error", str(dump)
        )
        for key, data in copied.items():
            client_of(servers).put_object("automix", key, io.BytesIO(data), len(data))
    second = Stack(local.Stack.start(tmp_path / "second"))
    try:
        async with AsyncClient(Endpoints.parse(second.addresses, name="test")) as client:
            await client.account.sign_in(email, PASSWORD)
            again = await client.renders.download(done.render_id, tmp_path / "after")
            assert again == mixed
            assert (tmp_path / "after").read_bytes() == (tmp_path / "before").read_bytes()
            ended = await client.jobs.wait(waiting.id)
            assert ended.status == mixer_pb2.JOB_STATUS_SUCCEEDED
            await second.quiet()
            assert (await client.projects.get(project.id)).no_of_renders == 2
        found = await second.inspect()
        assert found.findings == ()
    finally:
        await second.close()
