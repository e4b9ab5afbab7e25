"""MixerService, the RPCs about presets: translates, authorises, calls."""

from uuid import UUID

from automix.mixer.v1 import mixer_pb2 as pb
from automix.mixer.v1 import mixer_pb2_grpc
from automix_common.database.pool import Database
from automix_common.process.ids import new_id
from automix_common.rpc.context import current_user
from automix_common.rpc.edge import Context
from automix_common.rpc.errors import FieldViolation, ResourceExhausted, not_yours
from automix_common.rpc.paging import page_limit, page_messages, page_of, page_start

from automix_mixer.mix_settings import given, to_contract
from automix_mixer.presets.repository import Presets
from automix_mixer.presets.statements import Preset

MOST_PRESETS = 100


class PresetsServicer(mixer_pb2_grpc.MixerServiceServicer):
    """The presets of the caller."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def SavePreset(self, request: pb.SavePresetRequest, context: Context) -> pb.SavePresetResponse:
        """Keeps settings under a name."""
        settings = given(request.settings)
        async with self._database.transaction() as connection:
            presets = Presets(connection, current_user().user_id)
            others = await presets.others_exclusively(request.name)
            if others >= MOST_PRESETS:
                raise ResourceExhausted(
                    "PRESET_QUOTA",
                    f"you have {others} presets, which is the most allowed: delete one first",
                    violations=[FieldViolation("presets", f"{others} of {MOST_PRESETS} used")],
                )
            saved = await presets.save(new_id(), request.name, settings)
        return pb.SavePresetResponse(preset=_message(saved))

    async def ListPresets(self, request: pb.ListPresetsRequest, context: Context) -> pb.ListPresetsResponse:
        """Reads a page of presets."""
        before, limit = page_start(request.page_token), page_limit(request.page_size)
        async with self._database.read() as connection:
            rows = await Presets(connection, current_user().user_id).page(before, limit)
        page, token = page_of(rows, limit)
        return pb.ListPresetsResponse(presets=await page_messages(_message, page), next_page_token=token)

    async def DeletePreset(self, request: pb.DeletePresetRequest, context: Context) -> pb.DeletePresetResponse:
        """Forgets a preset."""
        async with self._database.transaction() as connection:
            if not await Presets(connection, current_user().user_id).delete(UUID(request.preset_id)):
                raise not_yours("preset")
        return pb.DeletePresetResponse()


def _message(preset: Preset) -> pb.Preset:
    message = pb.Preset(id=str(preset.id), name=preset.name, settings=to_contract(preset.settings))
    message.updated_at.FromDatetime(preset.updated_at)
    return message
