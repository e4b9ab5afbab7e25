"""What a JSON body may hold, as `body.lua` wants it told."""

from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

WELL_KNOWN = "google.protobuf."
"""Package whose messages have special forms in JSON."""
ITEMS = "*"
"""The name of no field."""


def fields(message: Descriptor) -> dict[str, Any]:
    """The names that proto3 JSON knows for the fields of the message. A field that holds a message has the same of that
    message as its value, every other field True: the transcoder checks those. What a repeated field takes stands under
    ITEMS.
    """
    return {name: _inside(field) for field in message.fields for name in {field.name, field.json_name}}


def _inside(field: FieldDescriptor) -> Any:
    inner = field.message_type
    if inner is None:
        value: Any = True
    elif inner.GetOptions().map_entry:
        return True
    else:
        value = True if inner.full_name.startswith(WELL_KNOWN) else fields(inner)
    return {ITEMS: value} if field.is_repeated else value
