"""Runs steps in the order of their dependence, at the same time where possible."""

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from graphlib import TopologicalSorter


@dataclass(frozen=True)
class Step:
    """Something to do once the steps named in `after` are done."""

    name: str
    run: Callable[[], None]
    after: tuple[str, ...] = ()


def run_steps(steps: Sequence[Step], *, abort: Callable[[], None]) -> None:
    """Run every step in a thread of its own as soon as it may.

    The first failure, or an interrupt of the caller, calls `abort`, which makes the steps that still run end soon;
    when they have, it is raised. Raises graphlib.CycleError when steps wait for each other.
    """
    by_name = {step.name: step for step in steps}
    order = TopologicalSorter({step.name: step.after for step in steps})
    order.prepare()
    running: dict[Future[None], str] = {}
    with ThreadPoolExecutor(max(1, len(steps)), thread_name_prefix="step") as pool:
        try:
            while order.is_active():
                running |= {pool.submit(by_name[name].run): name for name in order.get_ready()}
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    future.result()
                    order.done(running.pop(future))
        except BaseException:
            abort()
            raise
