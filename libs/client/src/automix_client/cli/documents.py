"""Messages of the platform as plain JSON: short enum names, numbers as numbers, times in ISO 8601."""

from datetime import UTC
from typing import Any

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

# Two classes stand for a field, by the implementation of protobuf in use; they have the same attributes.
Field = Any


def document(message: Message) -> dict[str, Any]:
    """Every field under its name in the contract. A field with presence that is not set is null."""
    return {field.name: _field(message, field) for field in message.DESCRIPTOR.fields}


def _field(message: Message, field: Field) -> Any:
    value = getattr(message, field.name)
    if field.is_repeated:
        return [_value(item, field) for item in value]
    if field.has_presence and not message.HasField(field.name):
        return None
    return _value(value, field)


def _value(value: Any, field: Field) -> Any:
    if isinstance(value, Timestamp):
        return value.ToDatetime(UTC).isoformat()
    if isinstance(value, Message):
        return document(value)
    if field.enum_type is not None:
        return enum_name(field, value)
    return value


def enum_name(field: Field, number: int) -> str:
    """The name of an enum's value without its prefix, in lower case: JOB_STATUS_QUEUED of `status` is `queued`."""
    enum = field.enum_type
    if enum is None or number not in enum.values_by_number:
        return str(number)
    prefix = enum.values_by_number[0].name.removesuffix("UNSPECIFIED")
    return str(enum.values_by_number[number].name).removeprefix(prefix).lower()


def choice(message: Message, field: str) -> str:
    """The short name of what an enum field holds."""
    return enum_name(message.DESCRIPTOR.fields_by_name[field], getattr(message, field))
