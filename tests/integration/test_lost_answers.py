"""A caller whose answer got lost can tell what became of the call: by sending it again, or by asking."""

import re
from pathlib import Path

from google.protobuf.descriptor_pb2 import MethodOptions
from kit.calls import RPCS

GUIDE = Path(__file__).parents[2] / "docs" / "client.md"


def explained() -> list[str]:
    """Calls of the table in the guide that says so of each."""
    table = GUIDE.read_text().partition("| call | sent again, or asked |")[2].partition("\n- **")[0]
    rows = re.findall(r"^ *\| ([A-Z][\w, ]+?) \|", table, re.MULTILINE)
    return [name for row in rows for name in row.split(", ")]


def test_every_call_that_changes_something_has_a_key_or_is_explained() -> None:
    changing = [
        method.name
        for _, _, method in RPCS
        if method.GetOptions().idempotency_level != MethodOptions.NO_SIDE_EFFECTS
        and "request_id" not in method.input_type.fields_by_name
    ]
    assert sorted(explained()) == sorted(changing)
