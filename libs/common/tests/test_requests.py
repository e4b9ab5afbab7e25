"""What a request may hold is decided before anything is spent on it."""

import contextlib
import time

import pytest
from automix.auth.v1 import auth_pb2
from automix.media.v1 import media_pb2
from automix.mixer.v1 import mixer_pb2
from automix.projects.v1 import projects_pb2
from automix_common.rpc.errors import InvalidArgument
from automix_common.rpc.requests import SPARE_BYTES, Requests, largest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from protovalidate import Validator

VALIDATOR = Validator()
ANY = "018f0000-0000-7000-8000-000000000000"
SHAPES = {
    method.full_name: method.input_type
    for contract in (auth_pb2, media_pb2, mixer_pb2, projects_pb2)
    for service in contract.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}


def requests(shape: Descriptor) -> Requests:
    return Requests(GetMessageClass(shape).FromString, VALIDATOR)


def crowded(shape: Descriptor, bytes_each: int) -> bytes:
    """A message whose every field is given again and again, empty or with a byte, up to so many bytes a field."""
    encoded = b""
    for field in shape.fields:
        tag = field.number << 3
        if field.cpp_type in {FieldDescriptor.CPPTYPE_MESSAGE, FieldDescriptor.CPPTYPE_STRING}:
            once = _varint(tag | 2) + b"\0"
        elif field.cpp_type == FieldDescriptor.CPPTYPE_DOUBLE:
            once = _varint(tag | 1) + bytes(8)
        elif field.cpp_type == FieldDescriptor.CPPTYPE_FLOAT:
            once = _varint(tag | 5) + bytes(4)
        else:
            once = _varint(tag) + b"\1"
        encoded += once * (bytes_each // len(once))
    return encoded


def _varint(number: int) -> bytes:
    return bytes([number]) if number < 128 else bytes([number & 127 | 128, number >> 7])


def processor_seconds(shape: Descriptor, encoded: bytes) -> float:
    reader = requests(shape)
    started = time.thread_time()
    with contextlib.suppress(InvalidArgument):
        reader.read(encoded)
    return time.thread_time() - started


@pytest.mark.parametrize("name", SHAPES)
def test_no_call_takes_more_than_its_rules_could_accept(name: str) -> None:
    shape = SHAPES[name]
    with pytest.raises(InvalidArgument) as refused:
        requests(shape).read(bytes(largest(shape) + SPARE_BYTES + 1))
    assert refused.value.reason == "REQUEST_TOO_LARGE"


@pytest.mark.parametrize("name", SHAPES)
def test_a_crowded_message_costs_no_more_than_an_honest_one_could(name: str) -> None:
    shape = SHAPES[name]
    for size in (1024, SPARE_BYTES, largest(shape), 2 * 1024 * 1024):
        # Far less than 50 ms: the whole budget that a call may hold an event loop for.
        assert processor_seconds(shape, crowded(shape, size // max(1, len(shape.fields)))) < 0.05


def test_the_longest_message_that_the_rules_accept_is_accepted() -> None:
    job = mixer_pb2.CreateJobRequest(
        project_id=ANY,
        inputs=[
            mixer_pb2.JobInput(asset_id=ANY[:-3] + f"{number:03}", role=mixer_pb2.INPUT_ROLE_BEAT)
            for number in range(128)
        ],
        plan_json="x" * 1024 * 1024,
        request_id=ANY,
    )
    project = projects_pb2.CreateProjectRequest(name="\U0001f3a4" * 200, request_id=ANY)
    block = media_pb2.UploadBytesRequest(upload_id=ANY, offset=2**62, data=bytes(1024 * 1024))
    for request in (job, project, block):
        assert requests(request.DESCRIPTOR).read(request.SerializeToString()) == request


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (mixer_pb2.CreateJobRequest(inputs=[mixer_pb2.JobInput()] * 129), "inputs"),
        (projects_pb2.UpdateProjectRequest(update_mask={"paths": ["name"] * 101}), "paths"),
    ],
)
def test_items_are_counted_before_any_rule_is_looked_at(request_: Message, field: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        requests(request_.DESCRIPTOR).read(request_.SerializeToString())
    assert [violation.field for violation in refused.value.violations] == [field]
