"""The errors of a mix, each with a stable reason."""

from __future__ import annotations


class EngineError(ValueError):
    """Input that cannot be mixed.

    `reason` is UPPER_SNAKE and stable (`NOT_AUDIO`, `NO_TRACKS`, ...); `message` is for the person who sent the input.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message


class SettingsError(ValueError):
    """A setting outside its bounds or of the wrong kind; `field` names it."""

    reason = "SETTINGS_INVALID"

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field}: {why}")
        self.field = field
        self.why = why
        self.message = f"{field} {why}"
