"""`python -m automix_audio.verify_child`: `verify` in a process of its own, to be run under limits.

One JSON request on stdin: {"path": ..., "limits": {"max_duration_s": ..., ...}}, limits optional, fields as in
`Limits`. JSON lines on stdout: {"progress": 0..1, "processor_s": used so far} while it works, then {"result": {...}}
with the fields of `AudioFacts` (waveform: {"minimum": [...], "maximum": [...], "frames_per_bucket": n}) or {"error":
{"reason": ..., "message": ...}}. Exit code 0 in both cases. Any other exit, or one without a last line, means that the
file broke the decoder or a limit: refuse it.

The caller sets the limits before exec, with OPENBLAS_NUM_THREADS=1 in the environment (each further thread would
reserve address space). It works within RLIMIT_AS of 512 MiB (measured: 220 MiB of addresses and 60 MiB of memory for
stereo, 320 and 165 for 24 channels at 384 kHz, whatever the length), RLIMIT_DATA of 112 MiB for stereo (42 for NumPy,
15 for FFmpeg, 32 more for OpenBLAS at its first product; it reserves 64 in all, and 21 of the 97 are ever touched),
RLIMIT_FSIZE of 0 since nothing is written, and RLIMIT_NOFILE of 32. It takes 0.2 s of a processor, and 1 s for each 30
million samples (seconds x rate x channels).
"""

import json
import sys
import time
from dataclasses import asdict
from typing import TextIO

from automix_audio.errors import AudioError
from automix_audio.limits import Limits
from automix_audio.verify import AudioFacts, verify

_STEP = 0.01
"""Least progress worth a line."""
_SECONDS = 1.0
"""Seconds after which a line comes even without progress in the file: an hour of silence may be read in one go."""


def run(request: str, out: TextIO) -> None:
    """Answer one request."""
    asked = json.loads(request)
    reported, at = -1.0, 0.0

    def report(progress: float) -> None:
        nonlocal reported, at
        now = time.monotonic()
        if progress >= reported + _STEP or now >= at + _SECONDS:
            reported, at = progress, now
            _say(out, {"progress": round(progress, 3), "processor_s": round(time.process_time(), 2)})

    try:
        facts = verify(asked["path"], Limits(**asked.get("limits", {})), progress=report)
    except AudioError as error:
        _say(out, {"error": {"reason": error.reason, "message": error.message}})
    else:
        _say(out, {"result": as_json(facts)})


def as_json(facts: AudioFacts) -> dict[str, object]:
    """The facts as JSON values. Waveform values have five digits."""
    fields = asdict(facts)
    fields["waveform"] = {
        "minimum": [round(float(value), 5) for value in facts.waveform.minimum],
        "maximum": [round(float(value), 5) for value in facts.waveform.maximum],
        "frames_per_bucket": facts.waveform.frames_per_bucket,
    }
    return fields


def _say(out: TextIO, line: dict[str, object]) -> None:
    out.write(json.dumps(line) + "\n")
    out.flush()


if __name__ == "__main__":
    run(sys.stdin.read(), sys.stdout)
