"""Jobs and renders on the wire."""

from automix.mixer.v1 import mixer_pb2 as pb
from automix_common.rpc.errors import mine

from automix_mixer.content_types import FILETYPES
from automix_mixer.domain import Job, JobStatus, Render, RenderFile
from automix_mixer.mix_settings import of_job
from automix_mixer.track_options import split
from automix_mixer.track_options import to_contract as to_options

STATUSES = {
    JobStatus.QUEUED: pb.JOB_STATUS_QUEUED,
    JobStatus.PROCESSING: pb.JOB_STATUS_PROCESSING,
    JobStatus.SUCCEEDED: pb.JOB_STATUS_SUCCEEDED,
    JobStatus.FAILED: pb.JOB_STATUS_FAILED,
    JobStatus.CANCELLED: pb.JOB_STATUS_CANCELLED,
}
ROLES = {
    "vocals": pb.INPUT_ROLE_VOCALS,
    "beat": pb.INPUT_ROLE_BEAT,
    "reference": pb.INPUT_ROLE_REFERENCE,
}


def job_message(job: Job | None) -> pb.Job:
    """The job on the wire; raises PermissionDenied when there is none."""
    job = mine(job, "job")
    message = pb.Job(
        id=str(job.id),
        project_id=str(job.project_id),
        requested_by=str(job.requested_by),
        status=STATUSES[job.status],
        progress=job.progress,
        stage=job.stage,
        attempt=job.attempt,
        inputs=_inputs(job),
        settings=of_job(job.settings),
        render_id=str(job.render_id or ""),
        retry_of=str(job.retry_of or ""),
        cancel_requested=job.cancel_requested,
    )
    if job.error_reason is not None:
        message.error.reason = job.error_reason
        message.error.message = job.error_message or ""
    message.created_at.FromDatetime(job.created_at)
    if job.started_at is not None:
        message.started_at.FromDatetime(job.started_at)
    if job.ended_at is not None:
        message.ended_at.FromDatetime(job.ended_at)
    return message


def _inputs(job: Job) -> list[pb.JobInput]:
    options = split(job.settings)[1] or [{} for _ in job.inputs]
    return [
        pb.JobInput(asset_id=asset_id, role=ROLES[role], options=to_options(asked) if asked else None)
        for (asset_id, role), asked in zip(job.inputs, options, strict=True)
    ]


def render_message(render: Render | None) -> pb.Render:
    """The render on the wire; raises PermissionDenied when there is none."""
    render = mine(render, "render")
    message = pb.Render(
        id=str(render.id),
        project_id=str(render.project_id),
        job_id=str(render.job_id),
        filename=render.filename,
        filetype=FILETYPES[render.filetype],
        duration=render.duration,
        size=render.size,
        sha256=render.sha256,
        loudness=render.loudness,
        true_peak=render.true_peak,
        files=[file_message(file) for file in render.files],
    )
    message.created_at.FromDatetime(render.created_at)
    return message


def file_message(file: RenderFile) -> pb.RenderFile:
    """A render's other file on the wire."""
    return pb.RenderFile(id=str(file.id), kind=file.kind, filename=file.filename, size=file.size, sha256=file.sha256)
