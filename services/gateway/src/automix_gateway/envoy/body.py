"""What a JSON body may hold, as `body.lua` wants it told."""

from importlib.resources import files
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

WELL_KNOWN = "google.protobuf."
"""Messages of this package have a form of their own in JSON."""


def source() -> str:
    """The code of the check."""
    return (files("automix_gateway.envoy") / "body.lua").read_text()


def fields(message: Descriptor) -> dict[str, Any]:
    """The names that proto3 JSON knows for the message's fields, each with those of the message that it holds, or True
    where anything may stand that the transcoder takes.
    """
    return {name: _inside(field) for field in message.fields for name in {field.name, field.json_name}}


def _inside(field: FieldDescriptor) -> Any:
    inner = field.message_type
    if inner is None or inner.full_name.startswith(WELL_KNOWN) or inner.GetOptions().map_entry:
        return True
    return fields(inner)
