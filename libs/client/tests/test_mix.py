"""From files to a finished mix in one call."""

import asyncio
import json
import os
from pathlib import Path

import pytest
from automix.mixer.v1 import mixer_pb2 as pb
from automix_client.client import AsyncClient
from automix_client.errors import InvalidInputError, JobFailedError
from automix_client.mix import MixProgress
from automix_client.settings import ConfigurationError
from automix_common.rpc.errors import InvalidArgument
from kit.stand_in.world import World

from .test_jobs import ended, processing
from .wrong_lists import WRONG_LISTS


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    paths = {name: tmp_path / f"{name}.wav" for name in ("lead", "double", "drums", "bass", "song")}
    for name, path in paths.items():
        path.write_bytes(name.encode() * 100_000)
    return paths


def roles(world: World) -> dict[str, int]:
    return {asset.filename: asset.role for asset in world.assets.values()}


async def test_the_whole_way(client: AsyncClient, world: World, files: dict[str, Path], tmp_path: Path) -> None:
    heard: list[MixProgress] = []
    world.script = [processing(0.2), processing(0.7), ended(pb.JOB_STATUS_SUCCEEDED)]
    summary = await client.mix(
        [files["lead"], files["double"]],
        [files["drums"], files["bass"]],
        [files["song"]],
        pb.MixSettings(reverb_amount=0.3),
        out=tmp_path / "mix.wav",
        project_name="My song",
        progress=heard.append,
    )
    assert roles(world) == {"lead.wav": 1, "double.wav": 1, "drums.wav": 2, "bass.wav": 2, "song.wav": 3}
    assert [asset.filename for asset in summary.assets] == [
        "lead.wav",
        "double.wav",
        "drums.wav",
        "bass.wav",
        "song.wav",
    ]
    assert world.projects[summary.project_id].name == "My song"
    assert summary.out.read_bytes() == world.content[summary.render.id]
    assert summary.loudness_lufs == pytest.approx(-14.02)
    assert summary.true_peak_dbtp == pytest.approx(-1.04)
    assert list(summary.seconds) == ["project", "upload", "mix", "download"]
    assert {one.step for one in heard} == {"project", "upload", "verify", "mix", "download"}
    assert [one.done for one in heard if one.step == "mix"] == [0.0, pytest.approx(0.2), pytest.approx(0.7), 1.0]


async def test_strings_are_paths_and_the_ending_of_the_file_says_the_format(
    client: AsyncClient, world: World, files: dict[str, Path], tmp_path: Path
) -> None:
    world.script = [ended(pb.JOB_STATUS_SUCCEEDED)]
    out = str(tmp_path / "mix.flac")
    await client.mix([str(files["lead"])], [str(files["drums"])], settings={"reverb_amount": 0.5}, out=out)
    assert os.listdir(tmp_path).count("mix.flac") == 1
    asked = next(asked for asked, _ in world.answers.values() if isinstance(asked, pb.CreateJobRequest)).settings
    assert (asked.format, asked.reverb_amount) == (pb.RENDER_FORMAT_FLAC24, 0.5)


@pytest.mark.parametrize("out", ["mix.xyz", "mix"])
async def test_a_file_whose_ending_is_no_format_is_refused_before_anything_is_sent(
    client: AsyncClient, world: World, files: dict[str, Path], tmp_path: Path, out: str
) -> None:
    with pytest.raises(ConfigurationError, match=r"\.wav, \.flac, \.mp3"):
        await client.mix([files["lead"]], out=tmp_path / out)
    assert world.calls["CreateProject"] == 0


async def test_no_output_is_an_input(client: AsyncClient, world: World, files: dict[str, Path], tmp_path: Path) -> None:
    link = tmp_path / "link.wav"
    link.symlink_to(files["lead"])
    for out, settings in (
        (files["lead"], None),
        (link, None),
        (tmp_path / "song.wav", {"versions": ["instrumental"]}),
        (tmp_path / "song.wav", {"versions": ["instrumental:wav24", "instrumental:flac24"]}),
    ):
        beat = tmp_path / "song (instrumental).wav"
        beat.write_bytes(files["drums"].read_bytes())
        with pytest.raises(ConfigurationError, match="one of the inputs"):
            await client.mix([files["lead"]], [beat], out=out, settings=settings)
    assert world.calls["CreateProject"] == 0


async def test_a_project_that_nobody_named_is_called_after_its_file(
    client: AsyncClient, world: World, files: dict[str, Path], tmp_path: Path
) -> None:
    world.script = [ended(pb.JOB_STATUS_SUCCEEDED)]
    summary = await client.mix([files["lead"]], out=tmp_path / "Night Drive.wav")
    assert world.projects[summary.project_id].name == "Night Drive"


async def test_one_file_where_a_list_belongs_is_named(client: AsyncClient, files: dict[str, Path]) -> None:
    with pytest.raises(ConfigurationError, match="vocals is a list"):
        await client.mix(str(files["lead"]), out="mix.wav")


async def test_a_job_that_is_refused_leaves_no_project(
    client: AsyncClient, world: World, files: dict[str, Path], tmp_path: Path
) -> None:
    world.refusals["CreateJob"] = InvalidArgument("BAD_SETTINGS", "settings.style is odd")
    with pytest.raises(InvalidInputError):
        await client.mix([files["lead"]], out=tmp_path / "mix.wav")
    assert world.projects == {}


async def test_wrong_masters_and_versions_are_the_platforms_to_refuse(
    client: AsyncClient, world: World, tmp_path: Path
) -> None:
    project = await client.projects.create("Mine")
    for name, wrong in WRONG_LISTS:
        for asked in ({"plan_json": json.dumps({"settings": {name: wrong}})}, {"settings": {name: wrong}}):
            world.refusals["CreateJob"] = InvalidArgument("PLAN_INVALID", "")
            with pytest.raises(InvalidInputError):
                await client.mix(out=tmp_path / "mix.wav", project_id=project.id, **asked)


async def test_a_project_without_files_is_mixed_as_it_is(client: AsyncClient, world: World, tmp_path: Path) -> None:
    project = await client.projects.create("Mine")
    world.script = [ended(pb.JOB_STATUS_SUCCEEDED)]
    summary = await client.mix(out=tmp_path / "mix.wav", project_id=project.id)
    assert summary.project_id == project.id
    assert world.calls["CreateUpload"] == 0
    assert len(world.projects) == 1


@pytest.mark.usefixtures("project")
async def test_a_mix_that_fails_leaves_no_file(client: AsyncClient, world: World, tmp_path: Path) -> None:
    world.script = [ended(pb.JOB_STATUS_FAILED, "RENDER_CRASHED")]
    with pytest.raises(JobFailedError):
        await client.mix(out=tmp_path / "mix.wav", project_id="p")
    assert os.listdir(tmp_path) == []


async def test_nothing_is_mixed_for_a_file_that_cannot_be_written(
    client: AsyncClient, world: World, tmp_path: Path
) -> None:
    with pytest.raises(FileNotFoundError, match="no folder"):
        await client.mix(out=tmp_path / "none" / "mix.wav", project_id="p")
    assert world.calls["CreateJob"] == 0


async def test_a_refused_file_is_named_and_nothing_is_mixed(
    client: AsyncClient, world: World, files: dict[str, Path], tmp_path: Path
) -> None:
    files["drums"].write_bytes(b"not audio, a letter")
    with pytest.raises(InvalidInputError) as caught:
        await client.mix([files["lead"]], [files["drums"]], out=tmp_path / "mix.wav")
    assert caught.value.reason == "NOT_AUDIO"
    assert caught.value.__notes__ == [str(files["drums"])]
    assert world.calls["CreateJob"] == 0
    assert world.projects == {}


async def test_ones_own_project_stays_when_an_upload_is_refused(
    client: AsyncClient, world: World, files: dict[str, Path], tmp_path: Path
) -> None:
    files["drums"].write_bytes(b"not audio, a letter")
    project = await client.projects.create("Mine")
    with pytest.raises(InvalidInputError):
        await client.mix([], [files["drums"]], out=tmp_path / "mix.wav", project_id=project.id)
    assert list(world.projects) == [project.id]


async def test_the_same_files_again_are_not_copied_into_the_project(
    client: AsyncClient, world: World, files: dict[str, Path], tmp_path: Path
) -> None:
    project = await client.projects.create("Mine")
    chosen: list[list[str]] = []
    for beats in ([files["drums"]], [files["drums"], files["bass"]]):
        world.script = [ended(pb.JOB_STATUS_SUCCEEDED)]
        summary = await client.mix([files["lead"]], beats, out=tmp_path / "mix.wav", project_id=project.id)
        chosen.append([asset.id for asset in summary.assets])
    assert world.calls["CreateUpload"] == 3
    assert chosen[1][:2] == chosen[0]
    # In another role it is another asset.
    world.script = [ended(pb.JOB_STATUS_SUCCEEDED)]
    await client.mix([files["drums"]], out=tmp_path / "mix.wav", project_id=project.id)
    assert world.calls["CreateUpload"] == 4


async def test_cancelling_cancels_the_job(
    client: AsyncClient, world: World, files: dict[str, Path], tmp_path: Path
) -> None:
    mixing = asyncio.Event()

    def progress(moved: MixProgress) -> None:
        if moved.step == "mix":
            mixing.set()

    world.script = [processing(0.1)]
    task = asyncio.create_task(client.mix([files["lead"]], out=tmp_path / "mix.wav", progress=progress))
    await mixing.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [job.status for job in world.jobs.values()] == [pb.JOB_STATUS_CANCELLED]


@pytest.mark.usefixtures("project")
async def test_cancelling_while_the_job_is_accepted_cancels_it(
    client: AsyncClient, world: World, tmp_path: Path
) -> None:
    world.lost_answers["CreateJob"] = 3
    task = asyncio.create_task(client.mix(out=tmp_path / "mix.wav", project_id="p"))
    async with asyncio.timeout(10):
        while world.calls["CreateJob"] == 0:
            await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [job.status for job in world.jobs.values()] == [pb.JOB_STATUS_CANCELLED]


async def test_cancelling_an_upload_gives_it_up(
    client: AsyncClient, world: World, files: dict[str, Path], tmp_path: Path
) -> None:
    world.upload_cuts = [0] * 1_000_000
    task = asyncio.create_task(client.mix([files["lead"]], out=tmp_path / "mix.wav"))
    async with asyncio.timeout(10):
        while world.calls["UploadBytes"] == 0:
            await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert world.uploads == {}
    assert world.projects == {}
    assert world.calls["CreateJob"] == 0
