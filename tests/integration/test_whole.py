"""From sign-up to the finished file through the SDK, with a real recording."""

import hashlib
import uuid
import wave
from pathlib import Path

import pytest
from automix.mixer.v1 import mixer_pb2
from automix_client.client import AsyncClient
from automix_client.errors import NotSignedInError
from automix_client.mix import MixProgress
from kit.jobs import settle
from kit.people import PASSWORD
from kit.stack import Stack
from kit.waiting import until


async def test_from_sign_up_to_the_finished_file(stack: Stack, audio: Path, tmp_path: Path) -> None:
    song = audio / "multitrack" / "falcon69"
    told: list[MixProgress] = []
    async with AsyncClient(stack.endpoints) as client:
        await client.account.sign_up(f"{uuid.uuid4().hex}@example.org", PASSWORD)
        summary = await client.mix(
            [song / "vocals.flac"],
            [song / "bass.flac", song / "drums.flac", song / "other.flac"],
            [song / "mix.flac"],
            mixer_pb2.MixSettings(format=mixer_pb2.RENDER_FORMAT_WAV16),
            out=tmp_path / "mix.wav",
            progress=told.append,
        )

        async def counted() -> bool:
            return (await client.projects.get(summary.project_id)).no_of_renders == 1

        await until(counted, what="a counted render")
        report = await client.renders.report(summary.render.id)
        listed = [asset async for asset in client.assets.list(summary.project_id)]

        data = summary.out.read_bytes()
        assert hashlib.sha256(data).hexdigest() == summary.render.sha256
        assert len(data) == summary.render.size
        with wave.open(str(summary.out)) as finished:
            seconds = finished.getnframes() / finished.getframerate()
            assert (finished.getnchannels(), finished.getsampwidth()) == (2, 2)
        assert seconds == pytest.approx(max(asset.duration for asset in listed if "mix" not in asset.filename), abs=0.1)
        assert summary.loudness_lufs == pytest.approx(-14, abs=0.5)
        assert summary.true_peak_dbtp is not None
        assert summary.true_peak_dbtp <= -0.9
        assert "vocals" in report.plan_json
        assert {one.id for one in listed} == {one.id for one in summary.assets}
        steps = [progress.step for progress in told]
        assert sorted(set(steps), key=steps.index) == ["project", "upload", "verify", "mix", "download"]
        assert {progress.done for progress in told if progress.step == "mix"} - {0, 1}, "progress on the way"

        await client.account.delete(PASSWORD)
        with pytest.raises(NotSignedInError):
            await client.projects.get(summary.project_id)
    await settle(stack)
