"""The contracts without the SDK: stubs, a deadline for each call, the bearer header, and an error's reason.

AUTOMIX_AUTH_ENDPOINT=host:port AUTOMIX_PROJECTS_ENDPOINT=host:port AUTOMIX_PASSWORD=... python examples/raw_grpc.py
"""

import os
import uuid

import grpc
from automix.auth.v1 import auth_pb2, auth_pb2_grpc
from automix.projects.v1 import projects_pb2, projects_pb2_grpc
from google.rpc import error_details_pb2, status_pb2

DEADLINE_S = 5.0


def reason_of(error: grpc.RpcError) -> str:
    """The UPPER_SNAKE reason (google.rpc.ErrorInfo) that every error of AutoMix carries."""
    info = error_details_pb2.ErrorInfo()
    for key, value in error.trailing_metadata():
        if key == "grpc-status-details-bin":
            for detail in status_pb2.Status.FromString(value).details:
                detail.Unpack(info)
    return info.reason


def main() -> None:
    """Signs somebody new up, makes a project, and asks for one that is not there."""
    auth = auth_pb2_grpc.AuthServiceStub(grpc.insecure_channel(os.environ["AUTOMIX_AUTH_ENDPOINT"]))
    projects = projects_pb2_grpc.ProjectsServiceStub(grpc.insecure_channel(os.environ["AUTOMIX_PROJECTS_ENDPOINT"]))
    signed_up = auth.SignUp(
        auth_pb2.SignUpRequest(email=f"{uuid.uuid4().hex}@example.org", password=os.environ["AUTOMIX_PASSWORD"]),
        timeout=DEADLINE_S,
    )
    bearer = (("authorization", f"Bearer {signed_up.tokens.access_token}"),)
    # The same request_id again gets the same project: a create may be repeated when its answer was lost.
    request = projects_pb2.CreateProjectRequest(name="First song", request_id=str(uuid.uuid4()))
    made = projects.CreateProject(request, metadata=bearer, timeout=DEADLINE_S).project
    again = projects.CreateProject(request, metadata=bearer, timeout=DEADLINE_S).project
    print(made.id, made.id == again.id)
    try:
        missing = projects_pb2.GetProjectRequest(project_id=str(uuid.uuid4()))
        projects.GetProject(missing, metadata=bearer, timeout=DEADLINE_S)
    except grpc.RpcError as error:
        print(error.code().name, reason_of(error))


if __name__ == "__main__":
    main()
