"""What a request may hold is decided before anything is spent on it."""

import contextlib
import time

import pytest
from automix.media.v1 import media_pb2
from automix.mixer.v1 import mixer_pb2
from automix.projects.v1 import projects_pb2
from automix_common.rpc.errors import InvalidArgument
from automix_common.rpc.requests import SPARE_BYTES, Requests, compile_rules, largest, most_fields
from automix_common.rpc.wire import holds_more_fields
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import given
from hypothesis import strategies as st
from kit.crowded import enormous, full
from kit.rpcs import methods
from protovalidate import Validator

VALIDATOR = Validator()
compile_rules(VALIDATOR, {method.containing_service.full_name for _, method in methods()})
ANY = "018f0000-0000-7000-8000-000000000000"
SHAPES = {method.full_name: method.input_type for _, method in methods()}


def requests(shape: Descriptor) -> Requests:
    return Requests(GetMessageClass(shape).FromString, VALIDATOR)


def processor_seconds(reader: Requests, encoded: bytes) -> float:
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
    reader = requests(shape)
    for encoded in enormous(shape, largest(shape) + SPARE_BYTES):
        # Far less than 50 ms: the whole budget that a call may hold an event loop for.
        assert processor_seconds(reader, encoded) < 0.05


@pytest.mark.parametrize("name", SHAPES)
def test_nothing_within_the_rules_is_too_large(name: str) -> None:
    encoded = full(SHAPES[name]).SerializeToString()
    assert len(encoded) <= largest(SHAPES[name])


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


@pytest.mark.parametrize("name", SHAPES)
def test_values_are_counted_before_they_are_decoded(name: str) -> None:
    shape = SHAPES[name]
    honest = full(shape)
    assert not holds_more_fields(honest.SerializeToString(), shape, most_fields(shape))


@given(st.lists(st.integers(1, 60)))
def test_counting_sees_what_decoding_sees(sizes: list[int]) -> None:
    """Of the messages in a message, and of the values in those."""
    job = mixer_pb2.CreateJobRequest(
        project_id=ANY, inputs=[mixer_pb2.JobInput(asset_id="a" * size, role=size % 3) for size in sizes]
    )
    fields = len(job.ListFields()) - bool(sizes) + sum(1 + len(one.ListFields()) for one in job.inputs)
    encoded = job.SerializeToString()
    assert holds_more_fields(encoded, job.DESCRIPTOR, fields - 1)
    assert not holds_more_fields(encoded, job.DESCRIPTOR, fields)


@given(st.binary(max_size=200))
def test_counting_what_is_no_message_ends(encoded: bytes) -> None:
    assert not holds_more_fields(encoded, mixer_pb2.CreateJobRequest.DESCRIPTOR, len(encoded))


def test_choices_are_named_without_the_empty_one() -> None:
    asked = mixer_pb2.CreateJobRequest(project_id=ANY, settings=mixer_pb2.MixSettings(style="polka"))
    with pytest.raises(InvalidArgument) as refused:
        requests(asked.DESCRIPTOR).read(asked.SerializeToString())
    words = {one.field: one.description for one in refused.value.violations}
    assert words["settings.style"].startswith("must be in list [auto, ")
