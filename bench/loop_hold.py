"""The longest that one request of each RPC holds a service's event loop while it is read and its rules are checked.

`python bench/loop_hold.py`: every call of the contracts, its fields crowded and long at what the rules accept and
beyond, before (the message is decoded and validated whole) and after (its bounds come first). Milliseconds of
processor time.
"""

import contextlib
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from automix_common.rpc.errors import InvalidArgument
from automix_common.rpc.requests import Requests, compile_rules
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass
from kit.crowded import enormous
from kit.rpcs import methods
from protovalidate import EvaluationError, Validator

VALIDATOR = Validator()


def main() -> None:
    """Prints the longest of each kind, and the calls that are slowest without bounds."""
    found = []
    calls = [method for _, method in methods()]
    compile_rules(VALIDATOR, {method.containing_service.full_name for method in calls})
    for method in calls:
        message = GetMessageClass(method.input_type)
        reader = Requests(message.FromString, VALIDATOR)
        for encoded in enormous(method.input_type):
            started = time.thread_time()
            with contextlib.suppress(EvaluationError, DecodeError):
                VALIDATOR.collect_violations(message.FromString(encoded), fail_fast=len(encoded) > 65_536)
            whole = time.thread_time() - started
            started = time.thread_time()
            with contextlib.suppress(InvalidArgument):
                reader.read(encoded)
            found.append((whole, time.thread_time() - started, method.name, len(encoded)))
    print(f"{len(found)} requests to {len(calls)} calls")
    longest = [1e3 * max(one[kind] for one in found) for kind in (0, 1)]
    print(f"longest without bounds {longest[0]:.0f} ms, with {longest[1]:.1f} ms")
    for kind, order in ((0, "without"), (1, "with")):
        print(f"slowest {order} bounds")
        for whole, bounded, name, size in sorted(found, key=lambda one: one[kind], reverse=True)[:6]:
            print(f"{name:20} {size:9} bytes  {1e3 * whole:8.1f} -> {1e3 * bounded:.1f} ms")


if __name__ == "__main__":
    main()
