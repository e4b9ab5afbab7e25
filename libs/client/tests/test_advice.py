"""What a command advises after an error."""

import pytest
from automix.mixer.v1 import mixer_pb2
from automix_client.cli.exits import advice
from automix_client.errors import JobFailedError


def failed(reason: str) -> JobFailedError:
    return JobFailedError(mixer_pb2.Job(id="the-job", error=mixer_pb2.JobError(reason=reason, message="it failed")))


@pytest.mark.parametrize("reason", ["PLAN_DOES_NOT_FIT", "SETTINGS_INVALID", "UNKNOWN_ROLE"])
def test_a_retry_is_not_advised_where_it_would_end_alike(reason: str) -> None:
    assert "a retry would repeat the same" in advice(failed(reason))


def test_a_retry_is_advised_where_a_repair_helps() -> None:
    assert "automix jobs retry the-job" in advice(failed("RENDER_TIMEOUT"))
