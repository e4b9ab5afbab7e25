"""The verifier as a process under limits."""

import io
import itertools
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from automix_audio.verify import verify
from automix_audio.verify_child import as_json, run
from numpy.typing import NDArray

MakeFile = Callable[..., Path]


# Those that the module's documentation says it works within.
WITHIN_LIMITS = """
import resource, runpy
resource.setrlimit(resource.RLIMIT_AS, (512 << 20, 512 << 20))
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
runpy.run_module("automix_audio.verify_child", run_name="__main__")
"""


def ask(request: dict[str, Any]) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-c", WITHIN_LIMITS],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        env={"OPENBLAS_NUM_THREADS": "1", "OPENBLAS_CORETYPE": "Nehalem"},  # what a file measures is no machine's own
    )
    assert done.stderr == ""
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_recording(make_file: MakeFile) -> None:
    path = make_file("mp3")
    *progress, last = ask({"path": str(path)})
    assert [list(line) for line in progress] == [["progress", "processor_s"]] * len(progress)
    assert 0 < progress[-1]["processor_s"] < 60
    assert progress[-1]["progress"] == 1.0
    assert last == {"result": json.loads(json.dumps(as_json(verify(path))))}


def test_a_file_that_is_read_in_one_go_is_not_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "silence.flac"
    with av.open(str(path), "w", format="flac") as file:
        stream = file.add_stream("flac", rate=48_000, layout="mono", format="s16")
        for second in range(20):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 48_000), np.int16), format="s16", layout="mono")
            frame.sample_rate, frame.pts = 48_000, second * 48_000
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    ticks = itertools.count()
    monkeypatch.setattr("automix_audio.verify_child.time.monotonic", lambda: float(next(ticks)))
    said = io.StringIO()
    run(json.dumps({"path": str(path)}), said)
    *progress, last = said.getvalue().splitlines()
    assert len(progress) >= 20 * 48_000 // 65_536, "a line for each block: each took a second by this clock"
    assert "result" in last


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "EMPTY"), (b"This is not a song at all, ok?", "NOT_AUDIO"), (b"#EXTM3U\nhttp://x/y\n", "PLAYLIST")],
)
def test_a_refusal(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "song.wav"
    path.write_bytes(content)
    (line,) = ask({"path": str(path)})
    assert line["error"]["reason"] == reason
    assert line["error"]["message"]


def test_limits_come_with_the_request(make_file: MakeFile) -> None:
    last = ask({"path": str(make_file("wav")), "limits": {"max_duration_s": 1.5}})[-1]
    assert last["error"]["reason"] == "TOO_LONG"


def test_many_channels_at_a_high_rate_fit_the_documented_limits(make_file: MakeFile) -> None:
    samples = np.random.default_rng(1).random((384_000, 24), np.float32) - 0.5
    last = ask({"path": str(make_file("wav", 16, samples=samples, sample_rate=384_000))})[-1]
    assert last["result"]["channels"] == 24


def test_scipy_signal_is_not_imported() -> None:
    # It would cost each upload more CPU than its verification.
    code = "import sys, automix_audio.verify_child; print('scipy.stats' in sys.modules, 'scipy.signal' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_waveform_values_are_short(make_file: MakeFile) -> None:
    facts = as_json(verify(make_file("wav", 32)))
    line = json.dumps(facts)
    assert len(line) < 50_000
    assert isinstance(facts["waveform"], dict)
    assert NDArray is not None
