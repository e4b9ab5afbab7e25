"""A finished song is mastered by every way there is: on one's own machine, by the SDK, by the command."""

import asyncio
import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from automix_client.client import AsyncClient
from automix_client.errors import AutomixError
from automix_client.personal_tokens import WRITE
from kit.audio import beat, vocal
from kit.people import PASSWORD
from kit.stack import Stack

ASKED = {"mastering": True, "target_loudness_lufs": -12.0, "title": "Done"}


async def command(stack: Stack, token: str, *arguments: str) -> tuple[int, str]:
    """Exit code of `automix`, and what it said, on a machine whose OpenBLAS would choose other kernels."""
    own = {f"AUTOMIX_{service.upper()}_ENDPOINT": address for service, address in stack.addresses.items()}
    own["OPENBLAS_CORETYPE"] = "Nehalem"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "automix_client", *arguments),
        env=os.environ | own | {"AUTOMIX_TOKEN": token},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


async def test_the_platform_masters_a_song_as_ones_own_machine_does(stack: Stack, tmp_path: Path) -> None:
    song, options = beat(tmp_path / "song.wav", 4.0), ("--target-loudness-lufs", "-12", "--title", "Done")
    async with AsyncClient(stack.endpoints, token="") as client:
        await client.account.sign_up(f"{uuid.uuid4().hex}@example.org", PASSWORD)
        made = await client.mix([], [song], settings=ASKED, out=tmp_path / "by sdk.wav")
        assert made.render.loudness == pytest.approx(-12.0, abs=0.2)
        token = (await client.tokens.create("cli", PASSWORD, scope=WRITE)).token
    for out, arguments in {
        "by mix.wav": ("mix", "--beat", str(song), "--mastering"),
        "by master.wav": ("master", str(song)),
    }.items():
        code, said = await command(stack, token, *arguments, *options, "-o", str(tmp_path / out))
        assert code == 0, said
        assert (tmp_path / out).read_bytes() == (tmp_path / "by sdk.wav").read_bytes(), out


async def test_a_song_and_a_voice_are_not_mastered_but_told_apart(stack: Stack, tmp_path: Path) -> None:
    song = beat(tmp_path / "song.wav")
    async with AsyncClient(stack.endpoints, token="") as client:
        await client.account.sign_up(f"{uuid.uuid4().hex}@example.org", PASSWORD)
        with pytest.raises(AutomixError, match="one finished song"):
            await client.mix([vocal(tmp_path / "v.wav")], [song], settings=ASKED, out=tmp_path / "o.wav")
