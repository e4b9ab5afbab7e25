"""Presets of an account: settings of a mix under a name of the user's own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Literal

import grpc
from automix.mixer.v1 import mixer_pb2, mixer_pb2_grpc

from automix_client.errors import ErrorDetails, NotYoursError
from automix_client.mix_settings import mix_settings
from automix_client.pages import pages
from automix_client.session import Session
from automix_client.settings import ConfigurationError

LONGEST_NAME = 64
OF_ONE_SONG: tuple[Literal["format", "title", "preview"], ...] = ("format", "title", "preview")
"""Settings that belong to one mix and not to how mixes are to sound: a preset does not keep them."""


def check_name(name: str) -> None:
    """Raises ConfigurationError for what cannot be a preset's name."""
    if not name.strip() or name != name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
        raise ConfigurationError(f"a preset's name is a text of at most {LONGEST_NAME} characters that can be printed")


def kept(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that a preset keeps, out of all of these."""
    return {name: value for name, value in settings.items() if name not in OF_ONE_SONG}


def joined(preset: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """A preset with what is given beside it: that wins, and its effects come behind those of the preset."""
    inserts = [*(preset.get("inserts") or ()), *(given.get("inserts") or ())]
    return {**preset, **given, **({"inserts": inserts} if inserts else {})}


class Presets:
    """The presets of the account."""

    def __init__(self, mixer: mixer_pb2_grpc.MixerServiceAsyncStub, session: Session) -> None:
        self._mixer = mixer
        self._session = session

    async def save(self, name: str, settings: mixer_pb2.MixSettings | Mapping[str, Any]) -> mixer_pb2.Preset:
        """Keeps settings under a name, but for those of one song; what had this name before is replaced."""
        check_name(name)
        message = mixer_pb2.MixSettings()
        message.CopyFrom(mix_settings(settings) if isinstance(settings, Mapping) else settings)
        for field in OF_ONE_SONG:
            message.ClearField(field)
        request = mixer_pb2.SavePresetRequest(name=name, settings=message)
        return (await self._session.call(self._mixer.SavePreset, request, idempotent=True)).preset

    def list(self) -> AsyncIterator[mixer_pb2.Preset]:
        """All of them, newest first."""
        return pages(self._session, self._mixer.ListPresets, mixer_pb2.ListPresetsRequest(), lambda one: one.presets)

    async def named(self, name: str) -> mixer_pb2.Preset:
        """The preset of this name. Raises NotYoursError where there is none."""
        known = {preset.name: preset async for preset in self.list()}
        if name not in known:
            have = f"there are {', '.join(sorted(known))}" if known else "none has been saved"
            raise NotYoursError(
                f"no preset of yours is called {name!r}: {have}",
                code=grpc.StatusCode.NOT_FOUND,
                details=ErrorDetails(reason="NO_SUCH_PRESET"),
            )
        return known[name]

    async def delete(self, preset_id: str) -> None:
        """Forgets a preset. Raises NotYoursError where it is none of the account's."""
        request = mixer_pb2.DeletePresetRequest(preset_id=preset_id)
        await self._session.call(self._mixer.DeletePreset, request, idempotent=False)


def joined_messages(preset: mixer_pb2.MixSettings, given: mixer_pb2.MixSettings) -> mixer_pb2.MixSettings:
    """As `joined`, of messages."""
    made = mixer_pb2.MixSettings()
    made.CopyFrom(preset)
    if given.masters:
        made.ClearField("masters")
    if given.versions:
        made.ClearField("versions")
    made.MergeFrom(given)
    return made
