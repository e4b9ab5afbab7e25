"""A request to every RPC, by what it is about: nobody, the caller, or things that somebody owns."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from automix.auth.v1 import auth_pb2 as auth
from automix.media.v1 import media_pb2 as media
from automix.mixer.v1 import mixer_pb2 as mixer
from automix.mixer.v1 import webhooks_pb2 as webhooks
from automix.projects.v1 import projects_pb2 as projects
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from kit.people import Possessions
from kit.rpcs import methods


@dataclass(frozen=True)
class Public:
    """Answers without an access token."""

    request: Message


@dataclass(frozen=True)
class Own:
    """Takes no id: it concerns the caller alone."""

    request: Message


@dataclass(frozen=True)
class Named:
    """Concerns what the request names."""

    requests: Callable[[Possessions], Sequence[Message]]


Row = Public | Own | Named


def named(build: Callable[[Possessions], Message]) -> Named:
    return Named(lambda ids: [build(ids)])


TABLE: Mapping[str, Row] = {
    "AuthService.SignUp": Public(auth.SignUpRequest(email="nobody", password="12345678")),
    "AuthService.SignIn": Public(auth.SignInRequest(email="nobody@example.org", password="12345678")),
    "AuthService.RefreshToken": Public(auth.RefreshTokenRequest(refresh_token="unknown")),
    "AuthService.SignOut": Public(auth.SignOutRequest(refresh_token="unknown")),
    "AuthService.GetJwks": Public(auth.GetJwksRequest()),
    "AuthService.GetMe": Own(auth.GetMeRequest()),
    "AuthService.ChangePassword": Own(auth.ChangePasswordRequest(current_password="x", new_password="12345678")),
    "AuthService.DeleteAccount": Own(auth.DeleteAccountRequest(password="x")),
    "AuthService.CreatePersonalToken": Own(auth.CreatePersonalTokenRequest(password="x", name="Mine")),
    "AuthService.ListPersonalTokens": Own(auth.ListPersonalTokensRequest()),
    "AuthService.RevokePersonalToken": named(lambda ids: auth.RevokePersonalTokenRequest(token_id=ids.token_id)),
    "AuthService.ExchangePersonalToken": Public(auth.ExchangePersonalTokenRequest(token="unknown")),
    "ProjectsService.CreateProject": Own(projects.CreateProjectRequest(name="Mine")),
    "ProjectsService.ListProjects": Own(projects.ListProjectsRequest()),
    "ProjectsService.GetProject": named(lambda ids: projects.GetProjectRequest(project_id=ids.project_id)),
    "ProjectsService.UpdateProject": named(
        lambda ids: projects.UpdateProjectRequest(
            project_id=ids.project_id, name="Taken", update_mask=FieldMask(paths=["name"])
        )
    ),
    "ProjectsService.DeleteProject": named(lambda ids: projects.DeleteProjectRequest(project_id=ids.project_id)),
    "MediaService.CreateUpload": named(
        lambda ids: media.CreateUploadRequest(
            project_id=ids.project_id, filename="x.wav", role=media.ASSET_ROLE_BEAT, size=1
        )
    ),
    "MediaService.UploadBytes": named(lambda ids: media.UploadBytesRequest(upload_id=ids.upload_id, data=b"x")),
    "MediaService.GetUpload": named(lambda ids: media.GetUploadRequest(upload_id=ids.upload_id)),
    "MediaService.CompleteUpload": named(lambda ids: media.CompleteUploadRequest(upload_id=ids.upload_id)),
    "MediaService.AbortUpload": named(lambda ids: media.AbortUploadRequest(upload_id=ids.upload_id)),
    "MediaService.GetAsset": named(lambda ids: media.GetAssetRequest(asset_id=ids.asset_id)),
    "MediaService.ListAssets": named(lambda ids: media.ListAssetsRequest(project_id=ids.project_id)),
    "MediaService.UpdateAsset": named(
        lambda ids: media.UpdateAssetRequest(
            asset_id=ids.asset_id, filename="taken.wav", update_mask=FieldMask(paths=["filename"])
        )
    ),
    "MediaService.DeleteAsset": named(lambda ids: media.DeleteAssetRequest(asset_id=ids.asset_id)),
    "MediaService.DownloadAsset": named(lambda ids: media.DownloadAssetRequest(asset_id=ids.asset_id)),
    "MediaService.CreateDownloadUrl": named(lambda ids: media.CreateDownloadUrlRequest(asset_id=ids.asset_id)),
    "MediaService.GetWaveform": named(lambda ids: media.GetWaveformRequest(asset_id=ids.asset_id)),
    "MixerService.CreateJob": named(lambda ids: mixer.CreateJobRequest(project_id=ids.project_id)),
    "MixerService.GetJob": named(lambda ids: mixer.GetJobRequest(job_id=ids.job_id)),
    "MixerService.ListJobs": named(lambda ids: mixer.ListJobsRequest(project_id=ids.project_id)),
    "MixerService.CancelJob": named(lambda ids: mixer.CancelJobRequest(job_id=ids.job_id)),
    "MixerService.RetryJob": named(lambda ids: mixer.RetryJobRequest(job_id=ids.job_id)),
    "MixerService.WatchJob": named(lambda ids: mixer.WatchJobRequest(job_id=ids.job_id)),
    "MixerService.GetRender": named(lambda ids: mixer.GetRenderRequest(render_id=ids.render_id)),
    "MixerService.ListRenders": named(lambda ids: mixer.ListRendersRequest(project_id=ids.project_id)),
    "MixerService.DownloadRender": named(lambda ids: mixer.DownloadRenderRequest(render_id=ids.render_id)),
    "MixerService.CreateRenderDownloadUrl": named(
        lambda ids: mixer.CreateRenderDownloadUrlRequest(render_id=ids.render_id)
    ),
    "MixerService.GetRenderReport": named(lambda ids: mixer.GetRenderReportRequest(render_id=ids.render_id)),
    "MixerService.DeleteRender": named(lambda ids: mixer.DeleteRenderRequest(render_id=ids.render_id)),
    "MixerService.SavePreset": Own(mixer.SavePresetRequest(name="Taken", settings=mixer.MixSettings(stems=True))),
    "MixerService.ListPresets": Own(mixer.ListPresetsRequest()),
    "MixerService.DeletePreset": named(lambda ids: mixer.DeletePresetRequest(preset_id=ids.preset_id)),
    "MixerService.DownloadRenderFile": named(lambda ids: mixer.DownloadRenderFileRequest(file_id=ids.file_id)),
    "MixerService.CreateRenderFileDownloadUrl": named(
        lambda ids: mixer.CreateRenderFileDownloadUrlRequest(file_id=ids.file_id)
    ),
    "WebhooksService.CreateWebhook": Own(webhooks.CreateWebhookRequest(url="https://10.0.0.1/")),
    "WebhooksService.ListWebhooks": Own(webhooks.ListWebhooksRequest()),
    "WebhooksService.GetWebhook": named(lambda ids: webhooks.GetWebhookRequest(webhook_id=ids.webhook_id)),
    "WebhooksService.UpdateWebhook": named(
        lambda ids: webhooks.UpdateWebhookRequest(
            webhook_id=ids.webhook_id, enabled=False, update_mask=FieldMask(paths=["enabled"])
        )
    ),
    "WebhooksService.DeleteWebhook": named(lambda ids: webhooks.DeleteWebhookRequest(webhook_id=ids.webhook_id)),
    "WebhooksService.RotateWebhookSecret": named(
        lambda ids: webhooks.RotateWebhookSecretRequest(webhook_id=ids.webhook_id)
    ),
    "WebhooksService.ListDeliveries": named(lambda ids: webhooks.ListDeliveriesRequest(webhook_id=ids.webhook_id)),
    "WebhooksService.RepeatDelivery": named(lambda ids: webhooks.RepeatDeliveryRequest(delivery_id=ids.delivery_id)),
}

RPCS = [(f"{method.containing_service.name}.{method.name}", service, method) for service, method in methods()]
NAMES = [name for name, _, _ in RPCS]


def requests_of(row: Row, ids: Possessions) -> Sequence[Message]:
    return row.requests(ids) if isinstance(row, Named) else [row.request]
