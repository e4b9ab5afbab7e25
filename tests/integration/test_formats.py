"""Names and endings of formats agree between contracts, schemas, engine and SDK, which cannot all import one table."""

import pytest
from automix.media.v1 import media_pb2
from automix.mixer.v1 import mixer_pb2
from automix_audio.formats import ENDINGS, FILE_TYPES, MEDIA_TYPES
from automix_audio.tags import LARGEST_COVER
from automix_client.cli import covers
from automix_client.mix_settings import FORMATS as OF_SDK
from automix_client.mix_settings import OF_ENDING, ending_of
from automix_mixer import content_types
from automix_mixer.engine.outputs import FORMATS as OF_ENGINE
from automix_mixer.engine.outputs import ending
from automix_mixer.tables import render_filetype


def test_the_engine_writes_the_formats_of_the_contract() -> None:
    assert set(OF_ENGINE) == set(OF_SDK)
    assert {f"RENDER_FORMAT_{name.upper()}" for name in OF_ENGINE} == set(mixer_pb2.RenderFormat.keys()) - {
        "RENDER_FORMAT_UNSPECIFIED"
    }


@pytest.mark.parametrize("name", OF_ENGINE)
def test_sdk_and_engine_give_a_format_the_same_ending(name: str) -> None:
    assert ending_of(name) == ending(name)


def test_the_sdk_knows_every_ending() -> None:
    assert set(OF_ENDING) == {f".{one}" for one in ENDINGS.values()}


def test_assets_have_the_types_of_the_contract() -> None:
    told = {f"ASSET_FILETYPE_{name.upper()}" for name in FILE_TYPES}
    assert told | {"ASSET_FILETYPE_UNSPECIFIED"} == set(media_pb2.AssetFiletype.keys())


def test_renders_have_the_types_of_the_contract() -> None:
    assert set(render_filetype.enums) == set(content_types.FILETYPES)


@pytest.mark.parametrize(("kind", "kept"), [("wav", "wav"), ("flac", "flac"), ("mp3", "mp3"), ("opus", "other")])
def test_a_render_is_what_its_ending_says(kind: str, kept: str) -> None:
    assert content_types.filetype(f"renders/job/mix.{kind}") == kept


@pytest.mark.parametrize("end", ENDINGS.values())
def test_every_file_that_is_written_has_a_media_type(end: str) -> None:
    assert content_types.content_type(f"mix.{end}") == MEDIA_TYPES[end]


def test_the_command_takes_every_cover_that_a_file_can_carry() -> None:
    assert covers.LARGEST_BYTES == LARGEST_COVER
