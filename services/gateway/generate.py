"""Writes the OpenAPI document from the contracts: bindings, comments, field rules. With --check it only compares."""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from automix.mixer.v1.effect_presets import EFFECT_PRESETS
from automix.rules.v1 import rules_pb2
from automix_gateway.descriptors import Binding, bindings
from buf.validate import validate_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.message_factory import GetMessageClass
from protovalidate import Validator

HERE = Path(__file__).parent
TARGET = HERE / "src" / "automix_gateway" / "openapi.json"
PROTOS = HERE.parents[1] / "protos" / "generate.py"
ROOT = "#/components/"
RULES = validate_pb2.DESCRIPTOR.extensions_by_name["field"]
WHEN_SET = validate_pb2.DESCRIPTOR.enum_types_by_name["Ignore"].values_by_name["IGNORE_IF_ZERO_VALUE"].number
PUBLIC = {"SignUp", "SignIn", "RefreshToken", "SignOut", "ExchangePersonalToken", "GetJwks"}
WELL_KNOWN: dict[str, dict[str, Any]] = {
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time", "examples": ["2026-11-28T05:00:00Z"]},
    "google.protobuf.Duration": {"type": "string", "pattern": r"^\d+(\.\d{1,9})?s$", "examples": ["600s"]},
    "google.protobuf.FieldMask": {"type": "string", "examples": ["name"], "description": "names joined by commas"},
}
SCALARS: dict[int, dict[str, Any]] = {
    FieldDescriptor.TYPE_STRING: {"type": "string"},
    FieldDescriptor.TYPE_BYTES: {"type": "string", "contentEncoding": "base64"},
    FieldDescriptor.TYPE_BOOL: {"type": "boolean"},
    FieldDescriptor.TYPE_DOUBLE: {"type": "number"},
    FieldDescriptor.TYPE_FLOAT: {"type": "number"},
    FieldDescriptor.TYPE_INT32: {"type": "integer", "format": "int32"},
    FieldDescriptor.TYPE_INT64: {"type": "string", "format": "int64", "pattern": r"^-?\d+$", "examples": ["123"]},
}
EXAMPLES = {
    "email": "me@example.org",
    "password": "a long password",
    "current_password": "a long password",
    "new_password": "a longer password",
    "refresh_token": "what-an-earlier-answer-had-as-refresh-token",
    "token": "automix_pat_what-was-shown-when-it-was-made",
    "name": "My song",
    "filename": "lead.wav",
    "url": "https://example.org/hook",
}
"""Of a text by the name of its field, where no rule shows what it looks like."""
PRESET = "automix.mixer.v1.Insert.preset"
PAGE_PATTERN = "^([A-Za-z0-9_-]{22}==)?$"
"""As libs/common makes them."""
ERRORS = {
    "400": "The request breaks a rule, or its state does not allow it",
    "401": "There is no access token, or one that is not valid",
    "403": "It is not yours, or does not exist",
    "404": "There is nothing at this address",
    "409": "It exists, or somebody else is at it",
    "413": "The body is too large",
    "429": "A limit is reached; retry-after says when to try again, where waiting helps",
    "500": "Something failed on the server's side",
    "503": "A part of the platform does not answer: try again",
    "504": "The answer took too long: try again",
}


def comments() -> dict[str, str]:
    """The comment of every service, method, message, field, enum and value, by full name."""
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "image.binpb"
        subprocess.run([sys.executable, PROTOS, "--image", image], check=True, stdout=subprocess.DEVNULL)  # noqa: S603
        described = FileDescriptorSet.FromString(image.read_bytes())
    found = {}
    for file in described.file:
        for location in file.source_code_info.location:
            scope: Any = file
            name, path = file.package, list(location.path)
            while path and location.leading_comments:
                scope = getattr(scope, scope.DESCRIPTOR.fields_by_number[path.pop(0)].name)
                if not path or not hasattr(scope, "__getitem__"):
                    break
                scope = scope[path.pop(0)]
                if not hasattr(scope, "name"):
                    break
                name += f".{scope.name}"
            else:
                if location.leading_comments:
                    found[name] = joined(re.sub(r"\n ?", "\n", location.leading_comments).strip())
    return found


def joined(comment: str) -> str:
    """The comment with each paragraph and each item of a list on one line. The protos break them at a column, and not
    everything that shows Markdown takes such a break for a space.
    """
    return re.sub(r"(?<=\S)\n(?!\n|- ) *", " ", comment)


class Document:
    """The document as it grows: operations name schemas, which are added once."""

    def __init__(self) -> None:
        self.comments = comments()
        self.validator = Validator()
        self.schemas: dict[str, Any] = {}
        self.sent: set[str] = set()
        """Messages that requests hold: what they leave out has a default."""
        for binding in bindings():
            self._note_sent(binding.method.input_type)

    def _note_sent(self, message: Descriptor) -> None:
        self.sent.add(message.full_name)
        for field in message.fields:
            if field.message_type is not None and field.message_type.full_name not in WELL_KNOWN:
                self._note_sent(field.message_type)

    def operation(self, binding: Binding) -> dict[str, Any]:
        """One RPC."""
        method = binding.method
        text = self.comments.get(method.full_name, "")
        in_path = re.findall(r"\{(\w+)\}", binding.path)
        rest = [field for field in method.input_type.fields if field.name not in in_path]
        told: dict[str, Any] = {
            "operationId": method.name,
            "tags": [binding.service.name.removesuffix("Service")],
            "summary": re.split(r"(?<=[.:;])\s", text, maxsplit=1)[0].rstrip(".:;"),
            "description": text,
            "parameters": [self.parameter(method.input_type.fields_by_name[name], "path") for name in in_path],
        }
        if binding.is_upload:
            told["parameters"].append(self.parameter(method.input_type.fields_by_name["offset"], "query"))
            bytes_of_file = {"schema": {"type": "string", "format": "binary"}}
            told["requestBody"] = {"required": True, "content": {"application/octet-stream": bytes_of_file}}
        elif binding.body:
            schema = self.message(method.input_type, without=in_path)
            required = bool(schema.get("required"))
            told["requestBody"] = {"required": required, "content": {"application/json": {"schema": schema}}}
        elif not binding.is_content:
            told["parameters"] += [self.parameter(field, "query") for field in rest]
        told["responses"] = {**self.success(binding), **self.errors(public=method.name in PUBLIC)}
        if method.name in PUBLIC:
            told["security"] = []
        return told

    def success(self, binding: Binding) -> dict[str, Any]:
        """What is answered when all is well."""
        if binding.is_content:
            location = {"location": {"schema": {"type": "string", "format": "uri-reference"}}}
            return {"302": {"description": "Where the bytes are, for a short time", "headers": location}}
        kind = "text/event-stream" if binding.is_events else "application/json"
        answer = {"description": "OK", "content": {kind: {"schema": self.reference(binding.method.output_type)}}}
        return {"200": answer}

    def errors(self, *, public: bool) -> dict[str, Any]:
        """Every error that a call can have."""
        return {code: {"$ref": f"{ROOT}responses/{code}"} for code in ERRORS if not (public and code == "403")}

    def parameter(self, field: FieldDescriptor, place: str) -> dict[str, Any]:
        """A field in the path or in the query."""
        schema = self.field(field)
        text = schema.pop("description", "")
        return {"name": field.name, "in": place, "required": place == "path", "description": text, "schema": schema}

    def reference(self, message: Descriptor) -> dict[str, Any]:
        """A reference to the message's schema."""
        if message.full_name in WELL_KNOWN:
            return dict(WELL_KNOWN[message.full_name])
        if message.name not in self.schemas:
            self.schemas[message.name] = {}
            self.schemas[message.name] = self.message(message)
        return {"$ref": f"{ROOT}schemas/{message.name}"}

    def message(self, message: Descriptor, without: list[str] | None = None) -> dict[str, Any]:
        """The schema of a message, without the fields that stand elsewhere."""
        fields = [field for field in message.fields if field.name not in (without or ())]
        if message.full_name in self.sent:
            required = [field.name for field in fields if self.is_required(field)]
        else:
            required = [field.name for field in fields if not field.has_presence]
        schema: dict[str, Any] = {
            "type": "object",
            "description": self.comments.get(message.full_name, ""),
            "properties": {field.name: self.field(field) for field in fields},
        }
        if message.full_name in self.sent:
            schema["additionalProperties"] = False
        return {**schema, "required": required} if required else schema

    def is_required(self, field: FieldDescriptor) -> bool:
        """Whether a request without the field breaks a rule."""
        found = self.validator.collect_violations(GetMessageClass(field.containing_type)())
        return any([one.field_name for one in broken.proto.field.elements] == [field.name] for broken in found)

    def field(self, field: FieldDescriptor) -> dict[str, Any]:
        """The schema of a field with its comment."""
        message = field.message_type
        if message is not None and message.GetOptions().map_entry:
            value = self.value(message.fields_by_name["value"])
            schema: dict[str, Any] = {"type": "object", "additionalProperties": value}
        elif field.is_repeated:
            schema = {"type": "array", "items": self.value(field)}
            if most := field.GetOptions().Extensions[RULES].repeated.max_items:
                schema["maxItems"] = most
            if field.GetOptions().Extensions[RULES].repeated.unique:
                schema["uniqueItems"] = True
        else:
            schema = self.value(field)
        told = {**self.of_place(field), **dict(self.of_setting(field))}
        return {**schema, **told, "description": self.comments.get(f"{field.full_name}", "")}

    def of_setting(self, field: FieldDescriptor) -> Iterator[tuple[str, Any]]:
        """What is known of a setting beside its rules: what it is when absent, and what a number of it counts."""
        if not field.GetOptions().HasExtension(rules_pb2.setting):
            return
        setting = field.GetOptions().Extensions[rules_pb2.setting]
        yield "default", [] if field.is_repeated else self.default(field, setting.default)
        for name in ("unit", "group", "form"):
            if value := getattr(setting, name):
                yield f"x-{name}", value

    def default(self, field: FieldDescriptor, text: str) -> Any:
        """The default of a setting, which the contracts give as text, as a value of its field."""
        if field.enum_type is not None:
            return next(one.name for one in field.enum_type.values if one.name.endswith(f"_{text.upper()}"))
        kind = SCALARS[field.type]["type"]
        return text if kind == "string" else json.loads(text)

    def of_place(self, field: FieldDescriptor) -> dict[str, Any]:
        """What a field's place in its message says: a mask names fields beside it, a page token comes from a page."""
        if field.name == "page_token":
            return {"pattern": PAGE_PATTERN}
        (rule, *_) = field.GetOptions().Extensions[RULES].cel or (None,)
        named = re.search(r"in \[([^\]]+)\]", rule.expression) if rule and field.name == "update_mask" else None
        if named is None:
            return {}
        one = "|".join(re.findall(r"\w+", named[1]))
        return {"pattern": f"^({one})(,({one}))*$", "examples": [one.split("|")[0]]}

    def value(self, field: FieldDescriptor) -> dict[str, Any]:
        """The schema of one value."""
        if field.message_type is not None:
            return self.reference(field.message_type)
        if field.enum_type is not None:
            enum = field.enum_type
            text = "\n".join(
                f"- `{one.name}`: {self.comments.get(f'{enum.full_name}.{one.name}', '')}" for one in enum.values
            )
            self.schemas[enum.name] = {
                "type": "string",
                "description": f"{self.comments.get(enum.full_name, '')}\n\n{text}",
                "enum": [one.name for one in enum.values],
            }
            return {"$ref": f"{ROOT}schemas/{enum.name}"}
        if field.full_name == PRESET:
            return {"type": "string", "oneOf": [{"const": one.name, "description": one.text} for one in EFFECT_PRESETS]}
        return {**SCALARS[field.type], **dict(self.rules(field))}

    def rules(self, field: FieldDescriptor) -> Iterator[tuple[str, Any]]:
        """What the field's rules say in the words of JSON Schema."""
        rules = field.GetOptions().Extensions[RULES]
        if field.is_repeated:
            rules = rules.repeated.items
        if choices := [*getattr(rules.string, "in"), *getattr(rules.int32, "in")]:
            yield "enum", choices
        elif field.name in EXAMPLES:
            yield "examples", [EXAMPLES[field.name]]
        yield from self.text_rules(rules.string, least=rules.ignore != WHEN_SET)
        for numbers in (rules.double, rules.float, rules.int32):
            for rule, word in (("gte", "minimum"), ("lte", "maximum"), ("gt", "exclusiveMinimum")):
                if numbers.HasField(rule):
                    yield word, getattr(numbers, rule)

    def text_rules(self, text: Any, *, least: bool) -> Iterator[tuple[str, Any]]:
        """What the rules of a text say; without `least` it may be empty."""
        if text.uuid:
            if least:
                yield "format", "uuid"
            else:
                yield "anyOf", [{"type": "string", "format": "uuid"}, {"type": "string", "maxLength": 0}]
            yield "examples", ["01a2209b-7138-7399-b373-db8359540ccd"]
        if text.pattern:
            yield "pattern", text.pattern
        if text.min_len:
            yield "minLength", text.min_len
        if most := text.max_len or text.max_bytes or text.Extensions[rules_pb2.name]:
            yield "maxLength", most
        if text.Extensions[rules_pb2.name] and least:
            yield "minLength", 1


def document() -> dict[str, Any]:
    """The whole OpenAPI document."""
    made = Document()
    paths: dict[str, Any] = {}
    for binding in bindings():
        paths.setdefault(binding.path, {})[binding.verb.lower()] = made.operation(binding)
    services = {binding.service.full_name: binding.service for binding in bindings()}
    detail = {"type": "object", "required": ["@type"], "properties": {"@type": {"type": "string"}}}
    info = "type.googleapis.com/google.rpc.ErrorInfo"
    made.schemas["Status"] = {
        "type": "object",
        "description": "google.rpc.Status: every error has one.",
        "required": ["code", "message", "details"],
        "properties": {
            "code": {"type": "integer", "description": "google.rpc.Code"},
            "message": {"type": "string", "description": "What to do, for a person"},
            "details": {
                "type": "array",
                "items": detail,
                "description": "ErrorInfo, BadRequest, QuotaFailure, RetryInfo",
            },
        },
        "examples": [
            {
                "code": 7,
                "message": "there is no such job among yours",
                "details": [{"@type": info, "reason": "NOT_YOURS", "domain": "automix"}],
            }
        ],
    }
    body = {"application/json": {"schema": {"$ref": f"{ROOT}schemas/Status"}}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "AutoMix",
            "version": "1",
            "description": "Turns a vocal and a beat into a finished, mastered mix. See docs/http.md.",
            "license": {"name": "GPL-3.0-or-later", "identifier": "GPL-3.0-or-later"},
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}],
        "tags": [
            {"name": service.name.removesuffix("Service"), "description": made.comments.get(name, "")}
            for name, service in services.items()
        ],
        "paths": paths,
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
            "responses": {code: {"description": text, "content": body} for code, text in ERRORS.items()},
            "schemas": dict(sorted(made.schemas.items())),
        },
    }


def main() -> None:
    """Command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with what is committed, change nothing")
    text = json.dumps(document(), indent=1, ensure_ascii=False) + "\n"
    if not parser.parse_args().check:
        TARGET.write_text(text)
    elif not TARGET.exists() or TARGET.read_text() != text:
        sys.exit("openapi.json differs from the contracts: run `make openapi`")


if __name__ == "__main__":
    main()
