"""Every RPC of the platform has an HTTP binding, and no two share one."""

import re
from collections.abc import Iterator

import pytest
from automix.auth.v1 import auth_pb2
from automix.media.v1 import media_pb2
from automix.mixer.v1 import mixer_pb2, webhooks_pb2
from automix.projects.v1 import projects_pb2
from google.api import annotations_pb2
from google.api.http_pb2 import HttpRule
from google.protobuf.descriptor import MethodDescriptor

FILES = (
    auth_pb2.DESCRIPTOR,
    projects_pb2.DESCRIPTOR,
    media_pb2.DESCRIPTOR,
    mixer_pb2.DESCRIPTOR,
    webhooks_pb2.DESCRIPTOR,
)


def methods() -> Iterator[MethodDescriptor]:
    for file in FILES:
        for service in file.services_by_name.values():
            yield from service.methods


def rule(method: MethodDescriptor) -> HttpRule:
    found: HttpRule = method.GetOptions().Extensions[annotations_pb2.http]
    return found


METHODS = pytest.mark.parametrize("method", tuple(methods()), ids=lambda method: method.full_name)


@METHODS
def test_an_rpc_has_a_binding(method: MethodDescriptor) -> None:
    assert rule(method).WhichOneof("pattern") is not None, f"{method.full_name} lacks option (google.api.http)"


@METHODS
def test_a_path_names_fields_of_its_request(method: MethodDescriptor) -> None:
    path = getattr(rule(method), rule(method).WhichOneof("pattern"))
    assert re.fullmatch(r"/v1(/[a-zA-Z]+|/\{[a-z_]+\})+(:[a-zA-Z]+)?", path)
    assert set(re.findall(r"\{(\w+)\}", path)) <= {field.name for field in method.input_type.fields}


@METHODS
def test_what_changes_nothing_is_read_by_get(method: MethodDescriptor) -> None:
    reads = method.name.startswith(("Get", "List", "Watch", "Download"))
    assert (rule(method).WhichOneof("pattern") == "get") == reads


def test_no_two_rpcs_share_a_binding() -> None:
    shapes = [
        (pattern, re.sub(r"\{\w+\}", "{}", getattr(rule(method), pattern)))
        for method in methods()
        for pattern in [rule(method).WhichOneof("pattern")]
    ]
    assert len(shapes) == len(set(shapes))
