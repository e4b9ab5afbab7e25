"""The longest that one request of each RPC holds a service's event loop while it is read and its rules are checked.

`python bench/loop_hold.py [SIZE ...]`: every call of the contracts, its fields crowded to each size in bytes, before
(the message is decoded and validated whole) and after (its bounds come first). Milliseconds of processor time.
"""

import sys
import time
from pathlib import Path

from automix_common.rpc.errors import InvalidArgument
from google.protobuf.message_factory import GetMessageClass
from protovalidate import EvaluationError

sys.path.insert(0, str(Path(__file__).parents[1] / "libs" / "common" / "tests"))
import contextlib

from test_requests import SHAPES, VALIDATOR, crowded, requests

SIZES = (1024, 16_384, 65_536, 1_048_576, 4_000_000)


def main() -> None:
    """Prints the longest of each kind, and the calls that are slowest without bounds."""
    sizes = [int(size) for size in sys.argv[1:]] or SIZES
    found = []
    for name, shape in SHAPES.items():
        for size in sizes:
            encoded = crowded(shape, size // max(1, len(shape.fields)))
            started = time.thread_time()
            with contextlib.suppress(EvaluationError):
                VALIDATOR.collect_violations(
                    GetMessageClass(shape).FromString(encoded), fail_fast=len(encoded) > 65_536
                )
            whole = time.thread_time() - started
            reader = requests(shape)
            started = time.thread_time()
            with contextlib.suppress(InvalidArgument):
                reader.read(encoded)
            found.append((whole, time.thread_time() - started, name.rpartition(".")[2], len(encoded)))
    print(f"{len(found)} requests to {len(SHAPES)} calls")
    longest = [1e3 * max(one[kind] for one in found) for kind in (0, 1)]
    print(f"longest without bounds {longest[0]:.0f} ms, with {longest[1]:.1f} ms")
    for whole, bounded, name, size in sorted(found, reverse=True)[:8]:
        print(f"{name:16} {size:9} bytes  {1e3 * whole:8.1f} -> {1e3 * bounded:.1f} ms")


if __name__ == "__main__":
    main()
