"""A user's own VST3 plug-ins: loaded here, and tried first in a process of its own, which they may crash.

`python -m automix_mixer.engine.render.plugins` tries one: a JSON object of path and parameters on standard input, and
an error as JSON on standard output, or nothing.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from automix_mixer.engine.effects import PATH, PLUGIN
from automix_mixer.engine.errors import EngineError
from automix_mixer.engine.plan.mixplan import Effect
from automix_mixer.engine.sound.pcm import Sound
from automix_mixer.engine.track import printable

TRIED_S = 120.0
"""A plug-in that scans a library of samples as it loads takes some seconds."""
_TRIED_HZ, _TRIED_FRAMES = 48_000, 4_800


def require_plugins(effects: Sequence[Effect]) -> None:
    """Raises EngineError for the first plug-in that does not load, or does not live through a tenth of a second.

    Each is tried apart, so that one that crashes takes nothing with it, and before hours of work are put into a mix.
    """
    tried: list[dict[str, Any]] = []
    for effect in effects:
        if effect.kind == PLUGIN and effect.on:
            values = {name: decision.value for name, decision in effect.parameters.items()}
            if values not in tried:
                tried.append(values)
                _try(values)


def _try(values: Mapping[str, Any]) -> None:
    label = printable(Path(str(values[PATH])))
    command = [sys.executable, "-m", "automix_mixer.engine.render.plugins"]
    try:
        ended = subprocess.run(  # noqa: S603 - this interpreter and a module of its own
            command, input=json.dumps(values), capture_output=True, text=True, timeout=TRIED_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise EngineError("PLUGIN_UNUSABLE", f"{label} did not load within {TRIED_S:g} s") from None
    if ended.returncode < 0:
        name = signal.strsignal(-ended.returncode) or f"signal {-ended.returncode}"
        raise EngineError("PLUGIN_UNUSABLE", f"{label} crashed as it was tried ({name}): it cannot be used here")
    if ended.returncode:
        last = printable((ended.stderr.strip().splitlines() or ["it ended without a message"])[-1])[:300]
        raise EngineError("PLUGIN_UNUSABLE", f"{label} could not be tried: {last}")
    if ended.stdout.strip():
        error = json.loads(ended.stdout)
        raise EngineError(error["reason"], error["message"])


class Plugin:
    """A plug-in for sound of one channel or two, whichever of both it takes itself.

    One of a single channel is loaded once for each channel of the sound; one that wants two hears a single channel on
    both, and its left is taken.
    """

    def __init__(self, path: Path, values: Mapping[str, Any]) -> None:
        """Raises EngineError PLUGIN_NOT_FOUND, PLUGIN_UNUSABLE."""
        self._path, self._values = path, values
        self._loaded = [_loaded(path, values)]
        self._twice = False

    def process(self, sound: Sound, sample_rate: float, *, reset: bool) -> Sound:
        """Shape (channels, n) -> (channels, m). Raises ValueError for a plug-in that takes neither way."""
        try:
            return self._processed(sound, sample_rate, reset=reset)
        except ValueError:
            # A plug-in refuses a number of channels at its first sound, so it holds none yet and can be replaced.
            if self._twice or len(self._loaded) > 1:
                raise
        if len(sound) == 1:
            self._twice = True
        else:
            self._loaded = [_loaded(self._path, self._values) for _ in sound]
        return self._processed(sound, sample_rate, reset=reset)

    def _processed(self, sound: Sound, sample_rate: float, *, reset: bool) -> Sound:
        if self._twice:
            both = np.repeat(sound, 2, axis=0)
            return np.asarray(self._loaded[0].process(both, sample_rate, reset=reset)[:1])
        if len(self._loaded) == 1:
            return np.asarray(self._loaded[0].process(sound, sample_rate, reset=reset))
        sides = zip(self._loaded, sound, strict=True)
        return np.concatenate([one.process(side[None], sample_rate, reset=reset) for one, side in sides])


def _loaded(path: Path, values: Mapping[str, Any]) -> Any:
    """The plug-in with its parameters set. Raises EngineError PLUGIN_NOT_FOUND, PLUGIN_UNUSABLE."""
    label = printable(path)
    if not path.exists():
        raise EngineError("PLUGIN_NOT_FOUND", f"there is no plug-in at {label}")
    if path.suffix.lower() != ".vst3":
        raise EngineError("PLUGIN_UNUSABLE", f"{label} is no VST3 plug-in: its name must end in .vst3")
    import pedalboard  # noqa: PLC0415 - it takes 20 MB

    try:
        made: Any = pedalboard.VST3Plugin(str(path))
    except (ImportError, ValueError, RuntimeError) as error:
        raise EngineError(
            "PLUGIN_UNUSABLE",
            f"{label} could not be loaded as a VST3 plug-in for this machine: {printable(str(error))[:300]}",
        ) from None
    if not made.is_effect:
        raise EngineError("PLUGIN_UNUSABLE", f"{label} is an instrument, which makes sound and takes none")
    for name, value in values.items():
        if name not in made.parameters:
            known = ", ".join(list(made.parameters)[:40])
            raise EngineError("PLUGIN_UNUSABLE", f"{label} has no parameter {name}: there are {known}")
        try:
            setattr(made, name, value)
        except (ValueError, TypeError, AttributeError) as error:
            raise EngineError(
                "PLUGIN_UNUSABLE", f"{label} does not take {value!r} for {name}: {printable(str(error))[:200]}"
            ) from None
    return made


def main() -> None:
    """Tries one plug-in."""
    # Whatever the plug-in prints goes to standard error.
    with os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8") as answers:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        values = json.load(sys.stdin)
        own = {"channels", "mix"}
        try:
            made = Plugin(
                Path(str(values.pop(PATH))), {name: value for name, value in values.items() if name not in own}
            )
            made.process(np.zeros((2, _TRIED_FRAMES), np.float32), float(_TRIED_HZ), reset=False)
        except EngineError as error:
            answers.write(json.dumps({"reason": error.reason, "message": error.message}))
        except (ValueError, RuntimeError) as error:
            said = f"the plug-in takes no sound at {_TRIED_HZ} Hz: {printable(str(error))[:300]}"
            answers.write(json.dumps({"reason": "PLUGIN_UNUSABLE", "message": said}))


if __name__ == "__main__":
    main()
