"""Accounts and projects of the platform in memory."""

import uuid

from automix.auth.v1 import auth_pb2, auth_pb2_grpc
from automix.projects.v1 import projects_pb2, projects_pb2_grpc
from automix_common.rpc.edge import refuse
from automix_common.rpc.errors import (
    AlreadyExists,
    FieldViolation,
    InvalidArgument,
    Unauthenticated,
)

from kit.stand_in.world import Context, World


class Auth(auth_pb2_grpc.AuthServiceServicer):
    def __init__(self, world: World) -> None:
        self.world = world

    async def SignUp(self, request: auth_pb2.SignUpRequest, context: Context) -> auth_pb2.SignUpResponse:
        await self.world.enter("SignUp", context, signed_in=False)
        if len(request.password) < 8:
            violation = FieldViolation("password", "must be at least 8 characters")
            await refuse(context, InvalidArgument("INVALID_REQUEST", "password", violations=[violation]))
        if request.email in self.world.passwords:
            await refuse(context, AlreadyExists("EMAIL_TAKEN", "this email has an account"))
        self.world.passwords[request.email] = request.password
        return auth_pb2.SignUpResponse(user=self.world.user(request.email), tokens=self.world.tokens(request.email))

    async def SignIn(self, request: auth_pb2.SignInRequest, context: Context) -> auth_pb2.SignInResponse:
        await self.world.enter("SignIn", context, signed_in=False)
        if self.world.passwords.get(request.email) != request.password:
            await refuse(context, Unauthenticated("INVALID_CREDENTIALS", "wrong email or password"))
        return auth_pb2.SignInResponse(user=self.world.user(request.email), tokens=self.world.tokens(request.email))

    async def RefreshToken(
        self, request: auth_pb2.RefreshTokenRequest, context: Context
    ) -> auth_pb2.RefreshTokenResponse:
        await self.world.enter("RefreshToken", context, signed_in=False)
        email = self.world.refresh.get(request.refresh_token)
        if email is None or request.refresh_token in self.world.spent:
            await refuse(context, Unauthenticated("INVALID_REFRESH_TOKEN", "sign in again"))
        self.world.spent.add(request.refresh_token)
        return auth_pb2.RefreshTokenResponse(tokens=self.world.tokens(str(email)))

    async def SignOut(self, request: auth_pb2.SignOutRequest, context: Context) -> auth_pb2.SignOutResponse:
        await self.world.enter("SignOut", context, signed_in=False)
        self.world.spent.add(request.refresh_token)
        return auth_pb2.SignOutResponse()

    async def GetMe(self, request: auth_pb2.GetMeRequest, context: Context) -> auth_pb2.GetMeResponse:
        await self.world.enter("GetMe", context)
        return auth_pb2.GetMeResponse(user=self.world.user(self.world.caller(context)))

    async def ChangePassword(
        self, request: auth_pb2.ChangePasswordRequest, context: Context
    ) -> auth_pb2.ChangePasswordResponse:
        await self.world.enter("ChangePassword", context)
        if request.current_password not in self.world.passwords.values():
            await refuse(context, Unauthenticated("INVALID_CREDENTIALS", "wrong password"))
        return auth_pb2.ChangePasswordResponse(tokens=self.world.tokens("somebody@example.org"))

    async def DeleteAccount(
        self, request: auth_pb2.DeleteAccountRequest, context: Context
    ) -> auth_pb2.DeleteAccountResponse:
        await self.world.enter("DeleteAccount", context)
        return auth_pb2.DeleteAccountResponse()

    async def CreatePersonalToken(
        self, request: auth_pb2.CreatePersonalTokenRequest, context: Context
    ) -> auth_pb2.CreatePersonalTokenResponse:
        await self.world.enter("CreatePersonalToken", context)
        made = auth_pb2.PersonalToken(id=str(uuid.uuid4()), name=request.name, scope=request.scope)
        self.world.personal_tokens[made.id] = made
        return auth_pb2.CreatePersonalTokenResponse(personal_token=made, token=f"automix_pat_{made.id}")

    async def ListPersonalTokens(
        self, request: auth_pb2.ListPersonalTokensRequest, context: Context
    ) -> auth_pb2.ListPersonalTokensResponse:
        await self.world.enter("ListPersonalTokens", context)
        return auth_pb2.ListPersonalTokensResponse(personal_tokens=self.world.personal_tokens.values())

    async def RevokePersonalToken(
        self, request: auth_pb2.RevokePersonalTokenRequest, context: Context
    ) -> auth_pb2.RevokePersonalTokenResponse:
        await self.world.enter("RevokePersonalToken", context)
        token = await self.world.mine(self.world.personal_tokens, request.token_id, "token", context)
        del self.world.personal_tokens[token.id]
        return auth_pb2.RevokePersonalTokenResponse()

    async def GetJwks(self, request: auth_pb2.GetJwksRequest, context: Context) -> auth_pb2.GetJwksResponse:
        return auth_pb2.GetJwksResponse()


class Projects(projects_pb2_grpc.ProjectsServiceServicer):
    def __init__(self, world: World) -> None:
        self.world = world

    async def CreateProject(
        self, request: projects_pb2.CreateProjectRequest, context: Context
    ) -> projects_pb2.CreateProjectResponse:
        await self.world.enter("CreateProject", context)
        project = await self.world.once(request, context)
        if project is None:
            project = projects_pb2.Project(id=str(uuid.uuid4()), name=request.name)
            project.created_at.GetCurrentTime()
            self.world.projects[project.id] = project
            self.world.answers[request.request_id] = (request, project)
        await self.world.leave("CreateProject", context)
        return projects_pb2.CreateProjectResponse(project=project)

    async def GetProject(
        self, request: projects_pb2.GetProjectRequest, context: Context
    ) -> projects_pb2.GetProjectResponse:
        await self.world.enter("GetProject", context)
        project = await self.world.mine(self.world.projects, request.project_id, "project", context)
        return projects_pb2.GetProjectResponse(project=project)

    async def ListProjects(
        self, request: projects_pb2.ListProjectsRequest, context: Context
    ) -> projects_pb2.ListProjectsResponse:
        await self.world.enter("ListProjects", context)
        every = list(self.world.projects.values())
        first = int(request.page_token or 0)
        return projects_pb2.ListProjectsResponse(
            projects=every[first : first + 2], next_page_token=str(first + 2) if first + 2 < len(every) else ""
        )

    async def UpdateProject(
        self, request: projects_pb2.UpdateProjectRequest, context: Context
    ) -> projects_pb2.UpdateProjectResponse:
        await self.world.enter("UpdateProject", context)
        project = await self.world.mine(self.world.projects, request.project_id, "project", context)
        for path in request.update_mask.paths:
            setattr(project, path, getattr(request, path))
        return projects_pb2.UpdateProjectResponse(project=project)

    async def DeleteProject(
        self, request: projects_pb2.DeleteProjectRequest, context: Context
    ) -> projects_pb2.DeleteProjectResponse:
        await self.world.enter("DeleteProject", context)
        await self.world.mine(self.world.projects, request.project_id, "project", context)
        del self.world.projects[request.project_id]
        await self.world.leave("DeleteProject", context)
        return projects_pb2.DeleteProjectResponse()
