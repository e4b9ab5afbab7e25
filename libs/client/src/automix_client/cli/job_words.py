"""A job in words: its state, its inputs, its settings, and when each thing happened."""

from collections.abc import Iterator, Mapping

from automix.mixer.v1 import mixer_pb2
from automix.mixer.v1.settings import MIX_SETTINGS, Setting
from google.protobuf.message import Message

from automix_client.cli.documents import choice
from automix_client.cli.terminal import escaped
from automix_client.cli.units import length, moment
from automix_client.mix_settings import FORMATS


def status(job: mixer_pb2.Job) -> str:
    """What has become of a job, in a line or a few; it may hold markup."""
    words = f"{job.id}  {choice(job, 'status')}"
    if job.status == mixer_pb2.JOB_STATUS_PROCESSING:
        words += f"  {job.progress:.0%} {escaped(job.stage)}"
        if job.cancel_requested:
            words += " (stopping)"
    if job.render_id:
        words += f"\n[dim]render[/dim]    {job.render_id}"
    elif job.status == mixer_pb2.JOB_STATUS_SUCCEEDED:
        words += "\n[dim]render[/dim]    deleted"
    if job.error.reason:
        words += f"\n[dim]error[/dim]     {escaped(job.error.message)} ({escaped(job.error.reason)})"
    if job.retry_of:
        words += f"\n[dim]retry of[/dim]  {job.retry_of}"
    return words


def whole(job: mixer_pb2.Job, names: Mapping[str, str]) -> str:
    """Everything of a job, its inputs by the names of their assets; it may hold markup."""
    lines = [status(job), f"[dim]project[/dim]   {job.project_id}"]
    for number, track in enumerate(job.inputs):
        label = "[dim]inputs[/dim]  " if number == 0 else " " * 8
        name = names.get(track.asset_id, f"{track.asset_id} (deleted)")
        lines.append(f"{label}  {choice(track, 'role'):<9}  {escaped(name)}")
    lines.append(f"[dim]settings[/dim]  {', '.join(_asked(job.settings)) or 'the defaults'}")
    lines.append(f"[dim]times[/dim]     {', '.join(_times(job))}")
    if job.attempt > 1:
        lines.append(f"[dim]attempts[/dim]  {job.attempt}")
    return "\n".join(lines)


def _asked(settings: mixer_pb2.MixSettings) -> Iterator[str]:
    """The settings that are not the defaults, as `name value unit`."""
    for setting in MIX_SETTINGS:
        value = _value(settings, setting)
        if isinstance(value, tuple):
            value = ", ".join(value)
        if value != setting.default and (value or not setting.most):
            yield f"{setting.name} {f'{value:g}' if isinstance(value, float) else value} {setting.unit}".rstrip()


def _value(settings: Message, setting: Setting) -> float | int | str | bool | tuple[str, ...]:
    field = settings.DESCRIPTOR.fields_by_name[setting.name]
    if setting.most:
        return tuple(getattr(settings, setting.name))
    if field.has_presence and not settings.HasField(setting.name):
        return setting.default
    value: float | int | str | bool = getattr(settings, setting.name)
    if setting.name == "format":
        return next((name for name, number in FORMATS.items() if number == value), setting.default)
    return value or setting.default if setting.choices else value


def _times(job: mixer_pb2.Job) -> Iterator[str]:
    yield f"asked for {moment(job.created_at)}"
    if job.started_at.seconds:
        waited = job.started_at.ToNanoseconds() - job.created_at.ToNanoseconds()
        yield f"started after {length(waited / 1e9)}"
    if job.ended_at.seconds:
        began = job.started_at if job.started_at.seconds else job.created_at
        yield f"ended after another {length((job.ended_at.ToNanoseconds() - began.ToNanoseconds()) / 1e9)}"
