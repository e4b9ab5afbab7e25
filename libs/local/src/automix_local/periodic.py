"""Something done again and again while the stack runs."""

import contextlib
import threading
from collections.abc import Callable


class Periodic:
    """Calls `action` every `seconds`, in a thread of its own, from `start` to `stop` or for a `with` block.

    An action that raises is called again when its time comes.
    """

    def __init__(self, name: str, action: Callable[[], None], seconds: float) -> None:
        self._action = action
        self._seconds = seconds
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin; the first call comes after the first interval."""
        self._thread.start()

    def stop(self) -> None:
        """End, after a running call has returned."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def __enter__(self) -> "Periodic":
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def _run(self) -> None:
        while not self._stopped.wait(self._seconds):
            with contextlib.suppress(Exception):
                self._action()
