"""A preview, the whole song by its plan, and what differs between the two, by the ids of their renders."""

import asyncio
import json
import os
import sys
import uuid
import wave
from pathlib import Path
from typing import Any

from automix_client.client import AsyncClient
from automix_client.personal_tokens import WRITE
from kit.audio import beat, vocal
from kit.people import PASSWORD
from kit.stack import Stack

SECONDS = 34.0


async def automix(stack: Stack, folder: Path, token: str, *arguments: str) -> tuple[int, Any, str]:
    """The command as somebody with that token: exit code, its JSON, and what it said beside it."""
    own = {f"AUTOMIX_{service.upper()}_ENDPOINT": address for service, address in stack.addresses.items()}
    own |= {"AUTOMIX_TOKEN": token, "AUTOMIX_CONFIG_DIR": str(folder / "config")}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "automix_client",
        *arguments,
        "--json",
        cwd=folder,
        env=os.environ | own,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, error = await process.communicate()
    return process.returncode or 0, json.loads(out or b"null"), error.decode()


async def test_a_preview_becomes_the_whole_song_and_the_two_are_compared(stack: Stack, tmp_path: Path) -> None:
    async with AsyncClient(stack.endpoints, token="") as client:
        await client.account.sign_up(f"{uuid.uuid4().hex}@example.org", PASSWORD)
        summary = await client.mix(
            [vocal(tmp_path / "lead.wav", SECONDS)],
            [beat(tmp_path / "beat.wav", SECONDS)],
            settings={"preview": True, "title": "Long"},
            out=tmp_path / "preview.wav",
        )
        assert 29.9 < summary.render.duration < 33.5
        token = (await client.tokens.create("cli", PASSWORD, scope=WRITE)).token

        out = tmp_path / "whole.wav"
        code, whole, said = await automix(stack, tmp_path, token, "renders", "whole", summary.render.id, "-o", str(out))
        assert code == 0, said
        with wave.open(str(out)) as file:
            assert file.getnframes() / file.getframerate() > SECONDS
        reports = [await client.renders.report(one) for one in (whole["id"], summary.render.id)]
        plan, previewed = (json.loads(report.plan_json) for report in reports)
        assert "passage" not in plan
        assert plan["settings"]["title"] == "Long"
        assert plan["buses"] == previewed["buses"]

        code, told, said = await automix(stack, tmp_path, token, "renders", "compare", summary.render.id, whole["id"])
        assert code == 0, said
        assert (told["a"], told["b"]) == (summary.render.id, whole["id"])
        found = {(one["about"], one["what"]) for one in told["differences"]}
        assert found, "thirty seconds are not the whole song"
        assert not {what for _, what in found} & {"highpass", "tone", "compressor", "master"}
        code, told, _ = await automix(stack, tmp_path, token, "renders", "compare", whole["id"], whole["id"])
        assert (code, told["differences"]) == (0, [])


async def test_a_render_of_somebody_else_is_compared_with_nothing(stack: Stack, tmp_path: Path) -> None:
    async with AsyncClient(stack.endpoints, token="") as client:
        await client.account.sign_up(f"{uuid.uuid4().hex}@example.org", PASSWORD)
        token = (await client.tokens.create("cli", PASSWORD, scope=WRITE)).token
    nobodys = str(uuid.uuid4())
    code, _, said = await automix(stack, tmp_path, token, "renders", "compare", nobodys, nobodys)
    assert code != 0
    assert "Traceback" not in said
