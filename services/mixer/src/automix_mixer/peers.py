"""What a job hangs on, asked of its owners with the caller's own token: the project, and the audio in it."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

from automix.media.v1 import media_pb2, media_pb2_grpc
from automix.mixer.v1 import mixer_pb2 as pb
from automix.projects.v1 import projects_pb2, projects_pb2_grpc
from automix_common.rpc.client import call_peer
from automix_common.rpc.errors import FieldViolation, InvalidArgument

from automix_mixer.domain import JobInput, JobLimits, require_active, require_mixable, require_tracks

PAGE = 200
ROLES = {
    pb.INPUT_ROLE_VOCALS: "vocals",
    pb.INPUT_ROLE_BEAT: "beat",
    pb.INPUT_ROLE_REFERENCE: "reference",
}
ASSET_ROLES = {
    media_pb2.ASSET_ROLE_VOCALS: "vocals",
    media_pb2.ASSET_ROLE_BEAT: "beat",
    media_pb2.ASSET_ROLE_REFERENCE: "reference",
}


class Peers:
    """The projects and media services."""

    def __init__(
        self,
        projects: "projects_pb2_grpc.ProjectsServiceAsyncStub",
        media: "media_pb2_grpc.MediaServiceAsyncStub",
        limits: JobLimits,
    ) -> None:
        self._projects = projects
        self._media = media
        self._limits = limits

    async def require_project(self, project_id: str) -> projects_pb2.Project:
        """The caller's project. Raises PermissionDenied (NOT_YOURS)."""
        answer = await call_peer(self._projects.GetProject, projects_pb2.GetProjectRequest(project_id=project_id))
        return answer.project

    async def require_active_project(self, project_id: str) -> projects_pb2.Project:
        """The caller's project. Raises PermissionDenied (NOT_YOURS), FailedPrecondition (PROJECT_COMPLETED)."""
        project = await self.require_project(project_id)
        require_active(completed=project.completed)
        return project

    async def inputs(self, project_id: str, asked: Sequence[pb.JobInput]) -> list[JobInput]:
        """The named assets, or every asset of the project, as a job freezes them.

        Raises InvalidArgument (INPUT_NOT_IN_PROJECT) and what `require_mixable` raises.
        """
        require_tracks(len(asked), self._limits)
        if asked:
            inputs = await self._named(project_id, asked)
        else:
            inputs = [_frozen(asset, ASSET_ROLES[asset.role]) for asset in await self._all(project_id)]
        require_mixable(inputs, self._limits)
        return inputs

    async def _named(self, project_id: str, asked: Sequence[pb.JobInput]) -> list[JobInput]:
        ids = sorted({track.asset_id.lower() for track in asked})
        answers = await asyncio.gather(
            *(call_peer(self._media.GetAsset, media_pb2.GetAssetRequest(asset_id=asset_id)) for asset_id in ids)
        )
        assets = {asset_id: answer.asset for asset_id, answer in zip(ids, answers, strict=True)}
        elsewhere = [
            FieldViolation(f"inputs[{place}].asset_id", "belongs to another project")
            for place, track in enumerate(asked)
            if assets[track.asset_id.lower()].project_id != project_id.lower()
        ]
        if elsewhere:
            raise InvalidArgument(
                "INPUT_NOT_IN_PROJECT", "every input must be an asset of the job's project", violations=elsewhere
            )
        return [
            _frozen(asset, ROLES.get(track.role) or ASSET_ROLES[asset.role])
            for track in asked
            for asset in [assets[track.asset_id.lower()]]
        ]

    async def _all(self, project_id: str) -> list[media_pb2.Asset]:
        """The project's assets, oldest first."""
        assets: list[media_pb2.Asset] = []
        token = ""
        while True:
            page = await call_peer(
                self._media.ListAssets,
                media_pb2.ListAssetsRequest(project_id=project_id, page_size=PAGE, page_token=token),
            )
            assets += page.assets
            require_tracks(len(assets), self._limits)
            token = page.next_page_token
            if not token:
                return assets[::-1]


def _frozen(asset: media_pb2.Asset, role: str) -> JobInput:
    return JobInput(
        asset_id=UUID(asset.id),
        role=role,
        storage_key=asset.storage_key,
        sha256=asset.sha256,
        filename=asset.filename,
        size=asset.size,
        duration=asset.duration,
    )
