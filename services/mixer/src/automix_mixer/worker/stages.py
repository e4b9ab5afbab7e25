"""The stages of one attempt, timed: each becomes a span, and an observation for Prometheus."""

import time

from automix_common.process import telemetry
from prometheus_client import Histogram

SECONDS = Histogram(
    "automix_stage_seconds",
    "Time that a stage of an attempt took",
    ["stage"],
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 60, 120, 300, 900),
)


class Stages:
    """Follows an attempt from stage to stage."""

    def __init__(self) -> None:
        self._name: str | None = None
        self._began = 0

    def reach(self, name: str) -> None:
        """Begins the stage `name`, and ends the one before, if that was another."""
        if name != self._name:
            self.end()
            self._name, self._began = name, time.time_ns()

    def end(self) -> None:
        """The stage under way is over."""
        if self._name is not None:
            ended = time.time_ns()
            SECONDS.labels(stage=self._name).observe((ended - self._began) / 1e9)
            telemetry.record(self._name, self._began, ended)
        self._name = None
