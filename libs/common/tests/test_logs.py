"""What a log line holds, and what it never does."""

import io
import json
import logging
import sys
from collections.abc import Iterator

import psycopg
import pytest
import structlog
from automix_common.process.logs import configure_logging, logger


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What is logged in the test; logging is then as it was."""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", root.handlers)
    monkeypatch.setattr(root, "level", root.level)
    before = structlog.get_config()
    configure_logging("tested", "INFO")
    structlog.configure(cache_logger_on_first_use=False)
    yield stream
    structlog.configure(**before)
    structlog.contextvars.clear_contextvars()


def fail(credential: str) -> None:
    raise KeyError(len(credential))


def test_a_traceback_is_logged_without_what_its_frames_hold(written: io.StringIO) -> None:
    try:
        fail("correct horse battery staple")
    except KeyError as raised:
        logger("tests").error("defect", exc_info=raised)
    line = json.loads(written.getvalue())
    assert line["exception"][0]["exc_type"] == "KeyError"
    assert line["exception"][0]["frames"][-1]["name"] == "fail"
    assert "correct horse" not in written.getvalue()


def test_a_database_error_is_logged_without_the_row_it_is_about(written: io.StringIO) -> None:
    violation = psycopg.errors.CheckViolation("new row violates check\nDETAIL:  Failing row contains ($2b$04$hash).")
    logger("tests").error("defect", exc_info=violation)
    assert json.loads(written.getvalue())["exception"][0]["exc_value"] == "new row violates check"


def test_values_with_the_name_of_a_secret_are_blanked(written: io.StringIO) -> None:
    logger("tests").info("signed in", refresh_token="abc", user="me")
    line = json.loads(written.getvalue())
    assert (line["refresh_token"], line["user"], line["service"]) == ("[redacted]", "me", "tested")
