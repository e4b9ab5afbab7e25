"""Requests as large as their rules accept, and far larger, made from descriptors alone."""

from collections.abc import Iterator

from automix_common.rpc.requests import SPARE_BYTES, items_at_most, largest, text_at_most
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

MESSAGE_BYTES = 4 * 1024 * 1024 - 4096
"""What gRPC lets through, less its own few bytes."""
DEEPEST = 3
_FIXED = {FieldDescriptor.CPPTYPE_DOUBLE: (1, 8), FieldDescriptor.CPPTYPE_FLOAT: (5, 4)}
_LONG = {FieldDescriptor.CPPTYPE_MESSAGE, FieldDescriptor.CPPTYPE_STRING}


def crowded(shape: Descriptor, bytes_each: int) -> bytes:
    """A message whose every field is given again and again, empty or with a byte, up to so many bytes a field."""
    encoded = b""
    for field in shape.fields:
        once = _empty(field)
        encoded += once * (bytes_each // len(once))
    return encoded


def lengthy(field: FieldDescriptor, size: int) -> bytes:
    """A message that holds nothing but one value of a string, bytes or message field, of so many bytes."""
    return _varint(field.number << 3 | 2) + _varint(size) + b"a" * size


def full(shape: Descriptor, depth: int = 0) -> Message:
    """Every list as long and every text as long as the rules accept; what else the rules ask for is not heeded."""
    message = GetMessageClass(shape)()
    for field in shape.fields:
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            continue
        times = items_at_most(field) if field.is_repeated else 1
        if field.message_type is not None:
            if depth == DEEPEST:
                continue
            one = full(field.message_type, depth + 1)
            if field.is_repeated:
                getattr(message, field.name).extend([one] * times)
            else:
                getattr(message, field.name).CopyFrom(one)
        elif field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
            text = "a" * text_at_most(field)
            value = text.encode() if field.type == FieldDescriptor.TYPE_BYTES else text
            if field.is_repeated:
                getattr(message, field.name).extend([value] * times)
            else:
                setattr(message, field.name, value)
    return message


def enormous(shape: Descriptor, most: int = MESSAGE_BYTES) -> Iterator[bytes]:
    """Encoded messages: at the accepted maxima, at the most bytes that are decoded, and of `most` bytes."""
    yield full(shape).SerializeToString()[:most]
    fields = max(1, len(shape.fields))
    sizes = sorted(
        {min(size, most) for size in (1024, SPARE_BYTES, largest(shape), largest(shape) + SPARE_BYTES, most)}
    )
    for size in sizes:
        yield crowded(shape, size // fields)
    for field in shape.fields:
        if field.cpp_type in _LONG:
            yield from (lengthy(field, size - 16) for size in sizes[-2:])
        if field.is_repeated:
            once = _empty(field)
            yield from (once * (size // len(once)) for size in sizes[1:])


def _empty(field: FieldDescriptor) -> bytes:
    tag = field.number << 3
    if field.cpp_type in _LONG:
        return _varint(tag | 2) + b"\0"
    if field.cpp_type in _FIXED:
        wire, size = _FIXED[field.cpp_type]
        return _varint(tag | wire) + bytes(size)
    return _varint(tag) + b"\1"


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 127:
        encoded.append(number & 127 | 128)
        number >>= 7
    return bytes([*encoded, number])
