"""The services of the platform as their descriptors tell them: which process answers, and under which HTTP binding."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from automix.auth.v1 import auth_pb2
from automix.media.v1 import media_pb2
from automix.mixer.v1 import mixer_pb2, webhooks_pb2
from automix.projects.v1 import projects_pb2
from google.api import annotations_pb2
from google.protobuf.descriptor import FileDescriptor, MethodDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from google.rpc import error_details_pb2, status_pb2

FILES = {
    "auth": (auth_pb2.DESCRIPTOR,),
    "projects": (projects_pb2.DESCRIPTOR,),
    "media": (media_pb2.DESCRIPTOR,),
    "mixer": (mixer_pb2.DESCRIPTOR, webhooks_pb2.DESCRIPTOR),
}
"""The contracts that each process answers."""


@dataclass(frozen=True)
class Binding:
    """An RPC and the HTTP request that carries it. `body` is `*`, a field, or empty."""

    process: str
    method: MethodDescriptor
    verb: str
    path: str
    body: str

    @property
    def service(self) -> ServiceDescriptor:
        """The gRPC service of the RPC."""
        return self.method.containing_service

    @property
    def grpc_path(self) -> str:
        """The `:path` of the RPC itself."""
        return f"/{self.service.full_name}/{self.method.name}"

    @property
    def is_upload(self) -> bool:
        """Whether the request's body is a file's bytes."""
        return bool(self.method.client_streaming)

    @property
    def is_content(self) -> bool:
        """Whether the answer is a file's bytes."""
        return bool(self.method.server_streaming) and "data" in self.method.output_type.fields_by_name

    @property
    def is_events(self) -> bool:
        """Whether the answer is a stream of events."""
        return bool(self.method.server_streaming) and not self.is_content


def services() -> Iterator[tuple[str, ServiceDescriptor]]:
    """Every gRPC service with the process that answers it."""
    for process, files in FILES.items():
        for file in files:
            for service in file.services_by_name.values():
                yield process, service


def bindings() -> Iterator[Binding]:
    """Every RPC of the platform. Raises LookupError for one without an HTTP binding."""
    for process, service in services():
        for method in service.methods:
            rule = method.GetOptions().Extensions[annotations_pb2.http]
            pattern = rule.WhichOneof("pattern")
            if pattern is None:
                raise LookupError(f"{method.full_name} has no HTTP binding")
            yield Binding(process, method, pattern.upper(), getattr(rule, pattern), rule.body)


def descriptor_set() -> FileDescriptorSet:
    """Every contract with all that it imports, and the details of errors, which no contract imports."""
    found: dict[str, FileDescriptor] = {}

    def add(file: FileDescriptor) -> None:
        if file.name not in found:
            for dependency in file.dependencies:
                add(dependency)
            found[file.name] = file

    for file in (*chain.from_iterable(FILES.values()), status_pb2.DESCRIPTOR, error_details_pb2.DESCRIPTOR):
        add(file)
    return FileDescriptorSet(file=[FileDescriptorProto.FromString(file.serialized_pb) for file in found.values()])
