"""Fixtures of every test of this repository: the real servers, started once."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import automix_audio  # noqa: F401 - before numpy, whose kernels it chooses
import pytest
from automix_local import Servers
from kit.servers import launched


def pytest_configure() -> None:
    """Lets the processes of tests be interrupted also where the suite runs in the background of a shell, which makes
    its jobs ignore SIGINT, and they pass that on.
    """
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """PostgreSQL, NATS and S3 of the kind that SERVERS names, with empty schemas; services' tests migrate their own."""
    with launched(tmp_path_factory.mktemp("servers") / "state") as started:
        yield started


@pytest.fixture(scope="session")
def audio() -> Path:
    """The folder of real recordings: AUTOMIX_TEST_AUDIO, or ../shared/audio; tests that need it are skipped without."""
    folder = Path(os.environ.get("AUTOMIX_TEST_AUDIO") or Path(__file__).parent.parent / "shared" / "audio")
    if not folder.is_dir():
        pytest.skip(f"needs real recordings in {folder}: set AUTOMIX_TEST_AUDIO")
    return folder
