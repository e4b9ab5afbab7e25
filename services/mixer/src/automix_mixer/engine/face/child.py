"""One mix in a process of its own: `python -m automix_mixer.engine.face.child`.

A JSON request on standard input:
    {"tracks": [{"path", "role", "id", "name", "weight", "options"}], "settings": {...},
     "plan": null | {...}, "output": path, "extras_dir": path | null}
JSON lines on standard output: {"progress": 0..1, "stage": "..."} while it works, each second at least, and last either
    {"result": {"report", "plan", "duration_s", "sample_rate", "channels", "integrated_lufs", "true_peak_dbtp",
     "files": [{"kind", "path"}]}}  or  {"error": {"reason", "message"}}.
The exit code is 0 in both cases; anything else is a crash.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, TextIO

from automix_mixer.engine.errors import EngineError, SettingsError
from automix_mixer.engine.settings import Settings
from automix_mixer.engine.track import Track, TrackOptions


def main() -> None:
    """Reads the request, answers on standard output."""
    # Standard output carries the answers alone, so whatever a library prints goes to standard error.
    with os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8") as answers:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        # A fifth of a second of imports, which a busy machine draws out: whoever waits hears first, and the request may
        # come later.
        _say(answers, {"progress": 0.0, "stage": "analysing"})
        import_module("automix_mixer.engine.face.mixing")
        try:
            result = _mix(
                json.load(sys.stdin), lambda share, stage: _say(answers, {"progress": round(share, 3), "stage": stage})
            )
        except (EngineError, SettingsError) as error:
            _say(answers, {"error": {"reason": error.reason, "message": error.message}})
        else:
            _say(answers, {"result": result})


def _mix(request: Mapping[str, Any], progress: Callable[[float, str], None]) -> dict[str, Any]:
    tracks = [
        Track(t["path"], t["role"], t.get("id") or "", t.get("name") or "", float(t.get("weight") or 1.0), _options(t))
        for t in request["tracks"]
    ]
    settings = Settings.from_json(request.get("settings"))
    from automix_mixer.engine.face.mixing import mix  # noqa: PLC0415
    from automix_mixer.engine.plan.plan_json import plan_from_json  # noqa: PLC0415

    plan = plan_from_json(request["plan"]) if request.get("plan") else None
    result = mix(
        tracks, settings, request["output"], plan=plan, progress=progress, extras_dir=request.get("extras_dir")
    )
    return result.to_json()


def _options(track: Mapping[str, Any]) -> TrackOptions:
    return TrackOptions.from_json(track.get("options"))


def _say(answers: TextIO, line: Mapping[str, Any]) -> None:
    answers.write(json.dumps(line) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
    # All is answered and every file closed: taking modules down, for 30 ms, would be of no use to whoever waits.
    sys.stderr.flush()
    os._exit(0)
