"""The end of a job: fenced by its attempt, and a cancel that was acknowledged never becomes a success."""

import asyncio
from dataclasses import replace
from uuid import UUID

import pytest
from automix_common.database.pool import Database
from automix_common.process.ids import new_id
from automix_mixer.domain import Claim, JobError, JobStatus, NewRender, RenderFile
from automix_mixer.naming import distinct, output_label, render_name, track_label
from automix_mixer.repository import lifecycle
from automix_mixer.repository.jobs import Jobs
from automix_mixer.worker.ending import Endings
from automix_mixer.worker.outcomes import Failed, Gone, Outcome, Refused, Rendered, Stopped
from hypothesis import given
from hypothesis import strategies as st

from .harness import (
    Owner,
    announcements,
    claim_job,
    execute,
    forgetful,
    processing_job,
    queue_job,
    render_of,
    row_of,
    scalar,
    succeed,
    track,
)

ERROR = JobError("NOT_AUDIO", "no audio in it")
ANY_RENDER = NewRender(new_id(), "k", "mix.wav", "wav", 1.0, 10, "0" * 64, None, None, {}, {}, [])


async def events_of(database: Database, job_id: object) -> list[str]:
    async with database.read() as connection:
        cursor = await connection.execute(
            "SELECT subject FROM outbox WHERE aggregate_id = %s AND subject <> 'automix.mixer.job.queued'", (job_id,)
        )
        return [row[0].rsplit(".", 1)[1] for row in await cursor.fetchall()]


async def renders_of(database: Database, job_id: object) -> int:
    return await scalar(database, "SELECT count(*) FROM renders WHERE job_id = %s", job_id)


async def test_a_success_is_status_render_and_event_at_once(database: Database, owner: Owner) -> None:
    claimed = await processing_job(database, owner)
    render = render_of(claimed)
    assert await succeed(database, claimed, render)
    row = await row_of(database, claimed.job_id)
    assert (row["status"], row["progress"], row["worker_id"], row["lease_expires_at"]) == ("succeeded", 1, None, None)
    assert await renders_of(database, claimed.job_id) == 1
    assert await events_of(database, claimed.job_id) == ["succeeded"]


async def test_renders_of_a_project_have_names_of_their_own(database: Database, owner: Owner) -> None:
    def finished(claimed: Claim, suffix: str) -> NewRender:
        stem = RenderFile(
            new_id(), "stem", f"renders/{claimed.job_id}/1/stem.wav", f"Beat (lead){suffix}", 10, "0" * 64
        )
        return render_of(claimed, filename=f"Beat (mix){suffix}", files=[stem])

    claims = [await processing_job(database, owner) for _ in range(5)]
    suffixes = (".wav", ".wav", ".flac", ".wav", ".wav")
    renders = [finished(one, suffix) for one, suffix in zip(claims, suffixes, strict=True)]
    assert all(await asyncio.gather(*(succeed(database, *both) for both in zip(claims, renders, strict=True))))
    async with database.read() as connection:
        cursor = await connection.execute(
            "SELECT r.filename, f.filename FROM renders r JOIN render_files f ON f.render_id = r.id"
            " WHERE r.project_id = %s",
            (owner.project_id,),
        )
        names = {mix.rpartition(".")[0]: stem.rpartition(".")[0] for mix, stem in await cursor.fetchall()}
    numbered = {f"Beat (mix {number})": f"Beat (lead, mix {number})" for number in range(2, 6)}
    assert names == {"Beat (mix)": "Beat (lead)"} | numbered
    stranger = await processing_job(database, Owner())
    await succeed(database, stranger, finished(stranger, ".wav"))
    assert await scalar(database, "SELECT filename FROM renders WHERE job_id = %s", stranger.job_id) == "Beat (mix).wav"


@given(st.lists(st.text(min_size=1, max_size=300).map(lambda name: f"{name.strip() or 'x'}.wav"[-255:]), max_size=6))
def test_a_number_keeps_a_name_within_bounds(names: list[str]) -> None:
    taken: list[str] = []
    for name in [*names, *names, *names]:
        render = replace(ANY_RENDER, filename=name)
        taken.append(distinct(render, taken).filename)
    assert len({name.removesuffix(".wav") for name in taken}) == len(taken)
    assert all(len(name) <= 255 and name.endswith(".wav") for name in taken)


@pytest.mark.parametrize(
    ("project", "name"),
    [
        ("Night train", "Night train (mix).wav"),
        ("AC/DC: live?", "AC-DC- live- (mix).wav"),
        ("..", "Drum loop (mix).wav"),
        (None, "Drum loop (mix).wav"),
        ("x" * 200, f"{'x' * 200} (mix).wav"),
    ],
)
def test_a_mix_is_called_after_its_project(project: str | None, name: str) -> None:
    inputs = [track("vocals", filename="Lead.wav"), track("beat", filename="Drum loop.wav")]
    assert render_name(project, inputs, ".wav") == name


@pytest.mark.parametrize(
    ("name", "label"), [("3_my-song_2", "3 my-song_2"), ("12", "12"), ("lead_effects", "lead effects")]
)
def test_a_tracks_stem_is_called_as_the_track_is(name: str, label: str) -> None:
    assert track_label(name) == label
    assert output_label("a-cappella") == "a cappella"


async def test_a_zombie_changes_nothing(database: Database, owner: Owner) -> None:
    zombie = await processing_job(database, owner, lease=-1)
    winner = await claim_job(database, zombie.job_id)
    assert winner is not None
    before = await row_of(database, zombie.job_id)
    endings = Endings(database)
    for outcome in (Rendered(render_of(zombie)), Refused(ERROR), Failed(ERROR), Stopped(), Gone()):
        assert await endings.settle(zombie, outcome) is None
    async with database.read() as connection:
        late = await lifecycle.extend(connection, zombie.job_id, 1, lease_seconds=60, progress=0.9, stage="late")
    assert late is None
    assert await row_of(database, zombie.job_id) == before
    assert await succeed(database, winner)
    after = await row_of(database, zombie.job_id)
    for outcome in (Rendered(render_of(zombie)), Refused(ERROR), Failed(ERROR), Stopped(), Gone()):
        assert await endings.settle(zombie, outcome) is None
    assert await row_of(database, zombie.job_id) == after
    assert await renders_of(database, zombie.job_id) == 1
    assert await events_of(database, zombie.job_id) == ["succeeded"]


async def test_two_attempts_commit_and_one_wins(database: Database, owner: Owner) -> None:
    for _ in range(10):
        claimed = await processing_job(database, owner)
        outcomes = await asyncio.gather(*(succeed(database, claimed) for _ in range(3)))
        assert outcomes.count(True) == 1
        assert await renders_of(database, claimed.job_id) == 1


@pytest.mark.parametrize(
    ("outcome", "status", "events"),
    [
        (Refused(ERROR), JobStatus.FAILED, ["failed"]),
        (Failed(ERROR), JobStatus.QUEUED, []),
        (Stopped(), JobStatus.QUEUED, []),
    ],
    ids=["refused", "failed", "stopped"],
)
async def test_other_ends(
    database: Database, owner: Owner, outcome: Outcome, status: JobStatus, events: list[str]
) -> None:
    claimed = await processing_job(database, owner)
    assert await Endings(database).settle(claimed, outcome) is status
    assert (await row_of(database, claimed.job_id))["status"] == status
    assert await events_of(database, claimed.job_id) == events
    assert await announcements(database, claimed.job_id) == 1 + (status is JobStatus.QUEUED)


@pytest.mark.parametrize("kind", ["rendered", "refused", "failed", "stopped"])
async def test_a_cancel_that_was_asked_for_wins_over_every_end(database: Database, owner: Owner, kind: str) -> None:
    claimed = await processing_job(database, owner)
    async with database.transaction() as connection:
        flagged = await Jobs(connection, owner.user_id).cancel(claimed.job_id)
    assert flagged is not None
    assert flagged.cancel_requested
    outcome: Outcome = {
        "rendered": Rendered(render_of(claimed)),
        "refused": Refused(ERROR),
        "failed": Failed(ERROR),
        "stopped": Stopped(),
    }[kind]
    assert await Endings(database).settle(claimed, outcome) is JobStatus.CANCELLED
    row = await row_of(database, claimed.job_id)
    assert (row["status"], row["error_reason"], row["failures"]) == ("cancelled", None, 0)
    assert await renders_of(database, claimed.job_id) == 0
    assert await events_of(database, claimed.job_id) == ["cancelled"]


async def test_cancel_and_success_at_the_same_moment(database: Database, owner: Owner) -> None:
    """Whoever comes first decides; an acknowledged cancel never ends in a render."""
    endings = Endings(database)
    for _ in range(30):
        claimed = await processing_job(database, owner)

        async def cancel(job_id: UUID = claimed.job_id) -> bool:
            async with database.transaction() as connection:
                job = await Jobs(connection, owner.user_id).cancel(job_id)
            assert job is not None
            return job.status is not JobStatus.SUCCEEDED

        acknowledged, status = await asyncio.gather(cancel(), endings.settle(claimed, Rendered(render_of(claimed))))
        assert status is (JobStatus.CANCELLED if acknowledged else JobStatus.SUCCEEDED)
        assert await renders_of(database, claimed.job_id) == (0 if acknowledged else 1)


async def test_cancel_and_claim_at_the_same_moment(database: Database, owner: Owner) -> None:
    for _ in range(20):
        job_id = await queue_job(database, owner)

        async def cancel(job_id: UUID = job_id) -> None:
            async with database.transaction() as connection:
                await Jobs(connection, owner.user_id).cancel(job_id)

        _, claimed = await asyncio.gather(cancel(), claim_job(database, job_id))
        row = await row_of(database, job_id)
        assert row["cancel_requested"]
        if claimed is None:
            assert row["status"] == "cancelled"
        else:
            assert await Endings(database).settle(claimed, Rendered(render_of(claimed))) is JobStatus.CANCELLED


async def test_a_render_that_its_rows_refuse_costs_a_failure(database: Database, owner: Owner) -> None:
    claimed = await processing_job(database, owner)
    assert await Endings(database).settle(claimed, Rendered(render_of(claimed, duration=-1.0))) is JobStatus.QUEUED
    assert (await row_of(database, claimed.job_id))["failures"] == 1


@pytest.mark.parametrize(
    ("kind", "status", "events"),
    [
        ("rendered", JobStatus.SUCCEEDED, ["succeeded"]),
        ("refused", JobStatus.FAILED, ["failed"]),
        ("failed", JobStatus.QUEUED, []),
        ("stopped", JobStatus.QUEUED, []),
    ],
)
async def test_an_end_whose_answer_was_lost_happens_once(
    database: Database, owner: Owner, kind: str, status: JobStatus, events: list[str]
) -> None:
    claimed = await processing_job(database, owner)
    outcome: Outcome = {
        "rendered": Rendered(render_of(claimed)),
        "refused": Refused(ERROR),
        "failed": Failed(ERROR),
        "stopped": Stopped(),
    }[kind]
    async with forgetful(database, answers=1) as deaf:
        assert await Endings(deaf).settle(claimed, outcome) is status
    row = await row_of(database, claimed.job_id)
    assert (row["status"], row["failures"]) == (status, int(kind == "failed"))
    assert await events_of(database, claimed.job_id) == events
    assert await announcements(database, claimed.job_id) == 1 + (status is JobStatus.QUEUED)


async def test_an_end_that_is_cut_off_at_any_moment_happens_once(database: Database, owner: Owner) -> None:
    """The server ends the worker's connection somewhere in its transaction: the end is there once, and is known."""
    doomed = Database(database.url, size=2, name="doomed")
    await doomed.open()
    try:
        for moment in range(12):
            claimed = await processing_job(database, owner)
            settling = asyncio.ensure_future(Endings(doomed).settle(claimed, Rendered(render_of(claimed))))
            for _ in range(moment * 3):
                await asyncio.sleep(0)
            async with database.read() as connection:
                await execute(
                    connection,
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'doomed'",
                )
            assert await settling is JobStatus.SUCCEEDED
            assert await renders_of(database, claimed.job_id) == 1
            assert await events_of(database, claimed.job_id) == ["succeeded"]
    finally:
        await doomed.close()
