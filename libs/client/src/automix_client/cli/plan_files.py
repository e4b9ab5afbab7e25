"""A plan that a command is given as a file: its text, and its name in what is refused about it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc

from automix_client.errors import ErrorDetails, InvalidInputError
from automix_client.printing import printable


def plan_text(plan: Path) -> str:
    """The text of a plan. Raises InvalidInputError (PLAN_INVALID) when it is no text at all."""
    try:
        return plan.read_text("utf-8")
    except UnicodeDecodeError:
        raise InvalidInputError(
            f"{printable(plan)} is not a mix plan, which is text (JSON)",
            code=grpc.StatusCode.INVALID_ARGUMENT,
            details=ErrorDetails(reason="PLAN_INVALID"),
        ) from None


@contextmanager
def naming_plan(plan: Path | None) -> Iterator[None]:
    """What is refused about a plan within names its file."""
    try:
        yield
    except InvalidInputError as error:
        if plan is not None and error.reason in {"PLAN_INVALID", "PLAN_DOES_NOT_FIT"}:
            error.add_note(printable(plan))
        raise
