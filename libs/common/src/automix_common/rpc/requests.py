"""Requests as they come in: bounded by size before they are decoded and by count before their rules are looked at.

The bounds follow from the rules in the protos, so that a new message has them without further code. What is within them
costs the event loop a few milliseconds; decoding and validation hold the interpreter's lock, so a thread would not
help.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from buf.validate import validate_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.descriptor_pool import Default
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass
from protovalidate import EvaluationError, Validator

from automix_common.rpc.errors import FieldViolation, InvalidArgument
from automix_common.rpc.wire import holds_more_fields

SPARE_BYTES = 16 * 1024
"""Bytes that a request may have beyond what its rules allow. Newer clients may send further fields, and a request that
is only a little too long is decoded, so that its sender is told which field is at fault."""
SPARE_FIELDS = 200
"""Values that a request may hold beyond what its rules allow, for the same reasons."""
MOST_ITEMS = 100
"""Most items of a list or a map without a rule of its own."""
LONGEST_TEXT = 1024
"""Most bytes of a string, or of bytes, without a rule of their own."""
SCALAR_BYTES = 16
"""Most bytes of a number with its tag, or of the tag and length of something longer."""
CHARACTER_BYTES = 4
"""Most bytes of one character in UTF-8."""
MOST_VIOLATIONS = 10
"""Most violations that one answer names: it travels in trailers, of which a client takes a few KiB."""

Decode = Callable[[bytes], Message]

_RULES: Any = validate_pb2.DESCRIPTOR.extensions_by_name["field"]


class Requests:
    """Reads the requests of one method."""

    def __init__(self, decode: Decode, validator: Validator) -> None:
        self._decode = decode
        self._validator = validator
        shape = decode(b"").DESCRIPTOR
        self._shape = cast("Descriptor", shape)
        self._most_bytes = largest(shape) + SPARE_BYTES
        self._most_fields = most_fields(shape) + SPARE_FIELDS
        self._lists = _lists(shape)

    def read(self, encoded: bytes) -> Message:
        """The message that was sent. Raises InvalidArgument (REQUEST_TOO_LARGE, MALFORMED_REQUEST, INVALID_REQUEST)."""
        if len(encoded) > self._most_bytes:
            raise InvalidArgument(
                "REQUEST_TOO_LARGE",
                f"the request has {len(encoded)} bytes, and this call takes {self._most_bytes} at most",
            )
        if len(encoded) > SPARE_BYTES and holds_more_fields(encoded, self._shape, self._most_fields):
            raise InvalidArgument(
                "REQUEST_TOO_LARGE", f"the request holds more than {self._most_fields} values, the most of this call"
            )
        try:
            request = self._decode(encoded)
        except DecodeError:
            raise InvalidArgument("MALFORMED_REQUEST", "what was sent is not a message of this call") from None
        violations = _too_many(request, self._lists) or self._broken_rules(request)
        if violations:
            listed = "; ".join(f"{one.field} {one.description}".strip() for one in violations)
            raise InvalidArgument("INVALID_REQUEST", listed, violations=violations)
        return request

    def _broken_rules(self, request: Message) -> list[FieldViolation]:
        try:
            violations = self._validator.collect_violations(request)
        except EvaluationError:  # a rule has a budget, which a value that is too long exhausts
            raise InvalidArgument("INVALID_REQUEST", "the request holds more than its rules allow") from None
        return [
            FieldViolation(
                ".".join(element.field_name for element in violation.proto.field.elements)
                if violation.proto.field
                else "",
                _words(violation.proto.message),
            )
            for violation in violations[:MOST_VIOLATIONS]
        ]


def _words(message: str) -> str:
    """A rule's message without the empty name by which an optional field is left out."""
    return message.replace("must be in list [, ", "must be in list [")


@cache
def largest(shape: Descriptor) -> int:
    """Bytes of the longest message of this type that its rules accept."""
    return sum(_largest_field(field) for field in shape.fields)


@cache
def most_fields(shape: Descriptor) -> int:
    """Values in the message of this type that holds the most of them, messages in it and their own among them."""
    return sum(
        (items_at_most(field) if field.is_repeated else 1)
        * (1 + (most_fields(field.message_type) if field.message_type is not None else 0))
        for field in shape.fields
    )


def _largest_field(field: FieldDescriptor) -> int:
    return SCALAR_BYTES + _largest_value(field) * (items_at_most(field) if field.is_repeated else 1)


def _largest_value(field: FieldDescriptor) -> int:
    if field.message_type is not None:
        return SCALAR_BYTES + largest(field.message_type)
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return SCALAR_BYTES + text_at_most(field)
    return SCALAR_BYTES


def text_at_most(field: FieldDescriptor) -> int:
    """Most bytes of a string, or of bytes, that the field's rules accept."""
    rules = _rules(field)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return int(rules.bytes.max_len or LONGEST_TEXT)
    text = rules.string
    own = [value for rule, value in text.ListFields() if rule.is_extension and isinstance(value, int)]
    characters = max([text.max_len, text.len, *own])
    return max(int(text.max_bytes or text.len_bytes or characters * CHARACTER_BYTES), LONGEST_TEXT)


def items_at_most(field: FieldDescriptor) -> int:
    """Most items of a list or a map that the field's rules accept."""
    rules = _rules(field)
    return int(rules.map.max_pairs or rules.repeated.max_items or MOST_ITEMS)


def _rules(field: FieldDescriptor) -> Any:
    return field.GetOptions().Extensions[_RULES]


@dataclass(frozen=True)
class _List:
    """Where a message holds lists: a field that is one, or a message that holds some."""

    field: str
    most: int | None
    inner: "tuple[_List, ...]"


@cache
def _lists(shape: Descriptor) -> tuple[_List, ...]:
    found = []
    for field in shape.fields:
        is_map = field.message_type is not None and field.message_type.GetOptions().map_entry
        inner = _lists(field.message_type) if field.message_type is not None and not is_map else ()
        if field.is_repeated or inner:
            found.append(_List(field.name, items_at_most(field) if field.is_repeated else None, inner))
    return tuple(found)


def compile_rules(validator: Validator, services: Iterable[str]) -> None:
    """Has the validator compile the rules of all requests of gRPC services, which the first call of each kind would
    otherwise hold the event loop for. Costs a few tens of milliseconds."""
    known: set[str] = set()
    open_types = [method.input_type for name in services for method in Default().FindServiceByName(name).methods]
    while open_types:
        shape = open_types.pop()
        if shape.full_name in known or shape.GetOptions().map_entry:
            continue
        known.add(shape.full_name)
        validator.collect_violations(GetMessageClass(shape)())
        open_types += [field.message_type for field in shape.fields if field.message_type is not None]


def _too_many(message: Message, lists: tuple[_List, ...]) -> list[FieldViolation]:
    for one in lists:
        value = getattr(message, one.field)
        if one.most is None:
            items = [value] if message.HasField(one.field) else []
        elif len(value) > one.most:
            return [FieldViolation(one.field, f"holds {len(value)} items, and may hold {one.most}")]
        else:
            items = value
        if one.inner:
            for item in items:
                if violations := _too_many(item, one.inner):
                    return violations
    return []
