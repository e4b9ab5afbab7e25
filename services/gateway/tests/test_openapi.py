"""The OpenAPI document follows the contracts."""

import json
import subprocess
import sys
from collections.abc import Iterator
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from automix.mixer.v1.mixer_pb2 import Insert
from automix.mixer.v1.settings import EFFECTS, MIX_SETTINGS, Setting
from automix_gateway import documentation
from automix_gateway.descriptors import bindings

KINDS = Insert.DESCRIPTOR.fields_by_name
SETTINGS: dict[str, tuple[Setting, ...]] = {
    "MixSettings": MIX_SETTINGS,
    **{KINDS[effect.name].message_type.name: effect.parameters for effect in EFFECTS},
}
"""The settings of each message that has any."""


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((files("automix_gateway") / "openapi.json").read_text())
    return found


def test_it_is_what_the_contracts_say_now() -> None:
    generate = Path(__file__).parent.parent / "generate.py"
    done = subprocess.run([sys.executable, generate, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_rpc_is_in_it_with_its_errors(document: dict[str, Any]) -> None:
    for binding in bindings():
        operation = document["paths"][binding.path][binding.verb.lower()]
        assert operation["operationId"] == binding.method.name
        assert operation["summary"]
        assert {"400", "401", "429", "503"} <= set(operation["responses"])


def test_every_text_that_a_body_needs_has_an_example(document: dict[str, Any]) -> None:
    bodies = [
        operation["requestBody"]["content"]["application/json"]["schema"]
        for path in document["paths"].values()
        for operation in path.values()
        if "application/json" in operation.get("requestBody", {}).get("content", {})
    ]
    needed = [body["properties"][name] for body in bodies for name in body.get("required", ())]
    texts = [field for field in needed if field.get("type") == "string"]
    assert texts
    assert all(field["examples"] for field in texts)


def test_field_rules_are_in_it(document: dict[str, Any]) -> None:
    body = document["paths"]["/v1/projects"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body["required"] == ["name"]
    assert (body["properties"]["name"]["minLength"], body["properties"]["name"]["maxLength"]) == (1, 200)
    assert body["properties"]["request_id"]["anyOf"][0] == {"type": "string", "format": "uuid"}
    assert document["paths"]["/v1/auth:signIn"]["post"]["security"] == []
    # Also what a rule of its own asks for, and nothing of what stands in the place of others.
    sign_up = document["paths"]["/v1/auth:signUp"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert sign_up["required"] == ["email", "password"]
    assert "preset" not in document["components"]["schemas"]["Insert"].get("required", ())


def test_settings_are_in_it_with_what_they_are_when_absent(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    for message, known in SETTINGS.items():
        for setting in known:
            field = schemas[message]["properties"][setting.name]
            default = field["default"]
            if "$ref" in field:
                default = default.rpartition("_")[2].lower()
            assert (tuple(default) if isinstance(default, list) else default) == setting.default, setting.name
            assert (field.get("minimum"), field.get("maximum")) == (setting.low, setting.high), setting.name
            assert field.get("x-unit", "") == setting.unit, setting.name
            if setting.choices and "enum" in field:
                assert {*field["enum"]} - {""} == {*setting.choices}, setting.name


def test_descriptions_are_paragraphs_and_lists_without_the_contracts_line_breaks(document: dict[str, Any]) -> None:
    def descriptions(part: Any) -> Iterator[str]:
        if isinstance(part, dict):
            yield from (value for name, value in part.items() if name == "description" and isinstance(value, str))
        for value in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
            yield from descriptions(value)

    found = [*descriptions(document)]
    assert any("\n\n" in text for text in found)
    for text in found:
        for paragraph in text.split("\n\n"):
            assert all(line.startswith("- ") for line in paragraph.split("\n")) or "\n" not in paragraph, text


async def test_the_page_shows_them_as_paragraphs_lists_and_code(document: dict[str, Any]) -> None:
    route = next(route for route in documentation.routes() if route.path == "/docs")
    page = bytes((await route.endpoint(None)).body).decode()
    role = document["components"]["schemas"]["AssetRole"]["description"]
    assert role.startswith("What an asset is for.\n\n- `ASSET_ROLE_UNSPECIFIED`: Not said.\n- ")
    assert "<p>What an asset is for.</p><ul><li><code>ASSET_ROLE_UNSPECIFIED</code>: Not said.</li><li>" in page
    told = document["paths"]["/v1/auth:signUp"]["post"]["description"].split("\n\n")
    assert "".join(f"<p>{escape(paragraph)}</p>" for paragraph in told) in page
    assert "`" not in page


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    def references(part: Any) -> set[str]:
        if isinstance(part, dict):
            own = {part["$ref"]} if "$ref" in part else set()
            return own.union(*(references(value) for value in part.values()))
        return set().union(*(references(value) for value in part)) if isinstance(part, list) else set()

    for reference in references(document):
        found: Any = document
        for name in reference.removeprefix("#/").split("/"):
            found = found[name]
        assert found
