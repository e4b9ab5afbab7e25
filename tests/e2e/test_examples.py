"""Every program in examples/ does what it says, against the whole platform."""

import asyncio
import os
import shutil
import sys
from pathlib import Path

import pytest
from kit import audio
from kit.command import Command
from kit.people import PASSWORD
from kit.stack import Stack

ROOT = Path(__file__).parents[2]


async def ran(*command: str | Path, folder: Path, environment: dict[str, str]) -> str:
    process = await asyncio.create_subprocess_exec(
        *map(str, command),
        cwd=folder,
        env=os.environ | environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return out.decode()


@pytest.mark.parametrize(("program", "out"), [("sdk_sync.py", "mix.wav"), ("sdk_async.py", "mix.flac")])
async def test_the_sdk_mixes(stack: Stack, tmp_path: Path, program: str, out: str) -> None:
    files = audio.vocal(tmp_path / "v.wav"), audio.beat(tmp_path / "b.wav")
    environment = Command.at(stack, tmp_path, PASSWORD).environment
    told = await ran(
        sys.executable, ROOT / "examples" / program, *files, tmp_path / out, folder=tmp_path, environment=environment
    )
    assert out in told
    assert (tmp_path / out).read_bytes()[:4] == {"mix.wav": b"RIFF", "mix.flac": b"fLaC"}[out]


async def test_stubs_alone_get_answers_and_reasons(stack: Stack, tmp_path: Path) -> None:
    environment = Command.at(stack, tmp_path, PASSWORD).environment
    told = await ran(sys.executable, ROOT / "examples" / "raw_grpc.py", folder=tmp_path, environment=environment)
    assert told.split()[1:] == ["True", "PERMISSION_DENIED", "NOT_YOURS"]


@pytest.mark.skipif(
    not (shutil.which("buf") and shutil.which("protoc-gen-es")), reason="buf and protoc-gen-es are not installed here"
)
async def test_buf_makes_stubs_of_another_language(tmp_path: Path) -> None:
    image = tmp_path / "automix.binpb"
    await ran(sys.executable, ROOT / "protos" / "generate.py", "--image", image, folder=tmp_path, environment={})
    template = ROOT / "examples" / "typescript" / "buf.gen.yaml"
    await ran("buf", "generate", image, "--template", template, folder=tmp_path, environment={})
    assert (tmp_path / "gen" / "automix" / "mixer" / "v1" / "mixer_pb.ts").exists()
