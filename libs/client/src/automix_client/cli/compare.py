"""automix renders compare: what differs between two mixes, of the platform or of this machine."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import grpc
import typer

from automix_client.cli.compare_words import Difference, differences
from automix_client.cli.connection import EndpointOption, JsonOption, execute
from automix_client.cli.engine_errors import engine_errors
from automix_client.cli.names import is_id
from automix_client.cli.plugins import measure_file
from automix_client.cli.terminal import Terminal, escaped
from automix_client.client import AsyncClient
from automix_client.errors import ErrorDetails, InvalidInputError
from automix_client.printing import printable

Mix = tuple[Mapping[str, Any], Mapping[str, Any]]
"""Plan and report; either may be empty."""


def _mix(given: str) -> str:
    if not is_id(given) and not os.path.exists(given):
        raise typer.BadParameter(f"{printable(given)} is neither the id of a mix nor a file.")
    return given


MixArgument = typer.Argument(
    callback=_mix,
    help="A mix: a render's id, or, on this machine, a plan, what `--json` printed, a folder of --extras or a sound.",
)


def compare(
    a: Annotated[str, MixArgument],
    b: Annotated[str, MixArgument],
    endpoint: EndpointOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell how two mixes differ: in their decisions and in their measurements.

    Mixes of the platform are named by the ids of their renders. Of this machine: a plan (--plan-out), the folder of
    --extras, what `automix render --json` or `automix renders report --json` printed, or any sound file, which is
    measured.
    """
    terminal = Terminal(as_json=as_json)
    with terminal.failures():
        local = {given: _local(given) for given in {a, b} if os.path.exists(given)}

    async def work(client: AsyncClient) -> dict[str, Mix]:
        answers = {given: await client.renders.report(given) for given in {a, b} - set(local)}
        return {
            given: (json.loads(answer.plan_json or "{}"), json.loads(answer.report_json or "{}"))
            for given, answer in answers.items()
        }

    mixes = local | (execute(terminal, endpoint, work) if {a, b} - set(local) else {})
    if not any(one and other for one, other in zip(mixes[a], mixes[b], strict=True)):
        terminal.usage("the one is a plan and the other was only measured: compare two plans or two measured mixes")
    found = differences(mixes[a], mixes[b])
    terminal.json({"a": a, "b": b, "differences": [difference._asdict() for difference in found]})
    terminal.say(f"[bold]A[/bold]  {escaped(a)}\n[bold]B[/bold]  {escaped(b)}\n")
    for line in _lines(found):
        terminal.say(line)


def _lines(found: list[Difference]) -> list[str]:
    if not found:
        return ["no difference was found"]
    lines, about = [], ""
    for one in found:
        if one.about != about:
            about = one.about
            lines.append(f"[bold]{escaped(about)}[/bold]")
        both = f"{escaped(one.a)} [dim]→[/dim] {escaped(one.b)}" if one.a else escaped(one.b)
        more = f"  [dim]({escaped(one.more)})[/dim]" if one.more else ""
        lines.append(f"  {escaped(one.what)}: {both}{more}")
    return lines


def _local(given: str) -> Mix:
    """Raises InvalidInputError for a file that is neither a document of a mix nor a sound, OSError."""
    path = Path(given)
    if path.is_dir():
        report = path / "report.json"
        if not report.exists():
            raise _refused(f"{printable(path)} holds no report.json: name a folder that --extras has filled")
        return {}, _document(report)
    with path.open("rb") as file:
        looks_json = file.read(64).lstrip()[:1] == b"{"
    if not looks_json:
        measure = measure_file()
        if measure is None:
            raise _refused(
                f"{printable(path)} is not a plan: measuring a sound takes the package automix-mixer,"
                " which is not installed here"
            )
        with engine_errors(path.parent):
            return {}, measure(path)
    document = _document(path)
    if "plan" in document or "report" in document:
        return document.get("plan") or {}, document.get("report") or {}
    return (document, {}) if "version" in document else ({}, document)


def _document(path: Path) -> Mapping[str, Any]:
    try:
        document = json.loads(path.read_text("utf-8"))
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise _refused(f"{printable(path)} is no plan or report, which are JSON")
    return document


def _refused(message: str) -> InvalidInputError:
    return InvalidInputError(message, code=grpc.StatusCode.INVALID_ARGUMENT, details=ErrorDetails(reason="NOT_A_MIX"))
