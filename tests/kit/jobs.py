"""What has become of jobs, by the database's superuser, and the children that render them."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

import psutil

from kit.people import Studio
from kit.stack import Stack
from kit.waiting import until

ENGINE = "automix_mixer.engine.face.child"


async def job_row(stack: Stack, job_id: str) -> dict[str, Any]:
    """Every column of a job, and `renders`: every column of its renders."""
    rows = await stack.query(
        "SELECT to_jsonb(j) || jsonb_build_object('renders', (SELECT coalesce(jsonb_agg(to_jsonb(r)), '[]')"
        " FROM mixer.renders r WHERE r.job_id = j.id)) FROM mixer.jobs j WHERE id = %s",
        job_id,
    )
    row: dict[str, Any] = rows[0][0] if rows else {}
    return row


async def statuses(stack: Stack, jobs: Iterable[str]) -> dict[str, str]:
    """The status of each job that exists."""
    rows = await stack.query("SELECT id::text, status::text FROM mixer.jobs WHERE id = ANY(%s::uuid[])", list(jobs))
    return dict(rows)


async def unsuccessful(stack: Stack, jobs: Iterable[str]) -> dict[str, str]:
    """Of the jobs, those without a render: where each stands, and why."""
    rows = await stack.query(
        "SELECT id::text, concat_ws(' ', status, error_reason, error_message) FROM mixer.jobs"
        " WHERE id = ANY(%s::uuid[]) AND status <> 'succeeded'",
        list(jobs),
    )
    return dict(rows)


async def ended(stack: Stack, job_id: str) -> dict[str, Any]:
    """The job's row once it has ended."""

    async def over() -> dict[str, Any] | None:
        row = await job_row(stack, job_id)
        return row if row["status"] in ("succeeded", "failed", "cancelled") else None

    return await until(over, what=f"the end of job {job_id}")


async def processing(stack: Stack, job_id: str, attempt: int = 1) -> None:
    """Waits until a worker holds the job in this attempt."""

    async def held() -> bool:
        row = await job_row(stack, job_id)
        return (row["status"], row["attempt"]) == ("processing", attempt)

    await until(held, what=f"attempt {attempt} at job {job_id}")


async def render_child(stack: Stack, *workers: str) -> psutil.Process:
    """The process that renders for one of these workers."""

    def found() -> psutil.Process | None:
        with suppress(psutil.NoSuchProcess):
            for worker in workers:
                for child in psutil.Process(stack.processes.pid(worker)).children(recursive=True):
                    if ENGINE in child.cmdline():
                        return child
        return None

    return await until(found, what=f"a render child of {workers}")


async def settle(
    stack: Stack, accepted: Sequence[str] = (), studio: Studio | None = None, seconds: float = 240
) -> None:
    """Waits until nothing is left to do, then holds the platform to its word.

    Every accepted job has ended once, in a render or in a reason; counts are exact; rows and objects agree.
    """
    await stack.quiet()
    found = await statuses(stack, accepted)
    assert sorted(found) == sorted(accepted)
    assert set(found.values()) <= {"succeeded", "failed", "cancelled"}
    inspection = await stack.inspect()
    assert inspection.findings == (), "\n".join(str(finding) for finding in inspection.findings)
    if studio is not None:
        succeeded = sum(status == "succeeded" for status in found.values())
        project = await studio.client.projects.get(studio.project_id)
        renders = [render async for render in studio.client.renders.list(studio.project_id)]
        assert project.no_of_renders == len(renders) == succeeded
