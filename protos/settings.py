"""Writes the settings that the protos describe as plain Python, for readers that need no protobuf.

A field with the option `automix.rules.v1.setting` is a setting. Its range comes from its validation rules, its help
from its comment: neither the engine nor the command repeats them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet

SETTING = "automix.rules.v1.setting"
RULES = "buf.validate.field"
MESSAGES, FIELDS = 4, 2
"""Numbers of these fields in descriptor.proto, of which the paths of comments are made."""

NUMBERS = {FieldDescriptorProto.TYPE_DOUBLE: float, FieldDescriptorProto.TYPE_FLOAT: float}
HEAD = '''"""{title} Generated from {proto} by protos/generate.py."""

from typing import NamedTuple


class Setting(NamedTuple):
    """One setting: what it may be, what it is when absent, and what it does.

    A number lies between `low` and `high` (both included; counted in `unit`); of `choices` it is one; of those with
    `most` over 0 there are at most so many texts, each in the `form` that `pattern` (a regular expression) spells out;
    with `longest` over 0 it is a text of so many characters; otherwise it is true or false.
    """

    name: str
    default: float | int | str | bool | tuple[str, ...]
    low: float | None
    high: float | None
    choices: tuple[str, ...] | tuple[int, ...]
    unit: str
    group: str
    text: str
    most: int = 0
    pattern: str = ""
    form: str = ""
    longest: int = 0

'''
EFFECTS = '''

class Effect(NamedTuple):
    """A kind of effect: what it does, and its parameters."""

    name: str
    text: str
    parameters: tuple[Setting, ...]


EFFECTS: tuple[Effect, ...] = (
'''


def write_settings(image: FileDescriptorSet, target: Path) -> None:
    """Writes `settings.py` beside the stubs of every proto of `image` that describes settings."""
    pool = descriptor_pool.DescriptorPool()
    for file in image.file:
        pool.Add(file)
    for file in image.file:
        tables = [table for number in range(len(file.message_type)) if (table := _table(pool, file, number))]
        if tables:
            path = target / PurePosixPath(file.name).with_name("settings.py")
            path.write_text(
                HEAD.format(title="Settings as data.", proto=PurePosixPath(file.name).name)
                + "".join(tables)
                + "".join(_kinds(file, number) for number in range(len(file.message_type)))
            )


def _kinds(file: FileDescriptorProto, number: int) -> str:
    """The kinds of an `effect`: every message that a oneof of this name may hold, with the table of its parameters."""
    message = file.message_type[number]
    oneofs = [one.name for one in message.oneof_decl]
    rows = [
        f"    Effect({field.name!r}, {_comment(file, (MESSAGES, number, FIELDS, place))!r},"
        f" {_name(field.type_name)}),\n"
        for place, field in enumerate(message.field)
        if field.type == FieldDescriptorProto.TYPE_MESSAGE
        and field.HasField("oneof_index")
        and oneofs[field.oneof_index] == "effect"
    ]
    return EFFECTS + "".join(rows) + ")\n" if rows else ""


def _name(message: str) -> str:
    """The name of the table of a message."""
    plain = message.rpartition(".")[2]
    return "".join(f"_{letter}" if letter.isupper() else letter for letter in plain).lstrip("_").upper()


def _table(pool: descriptor_pool.DescriptorPool, file: FileDescriptorProto, number: int) -> str:
    message = file.message_type[number]
    rows = [
        _row(pool, field, said, _comment(file, (MESSAGES, number, FIELDS, place)))
        for place, field in enumerate(message.field)
        if SETTING in (said := dict(_options(pool, field)))
    ]
    return f"\n{_name(message.name)}: tuple[Setting, ...] = (\n" + "".join(rows) + ")\n" if rows else ""


def _row(pool: descriptor_pool.DescriptorPool, field: FieldDescriptorProto, said: dict[str, Any], text: str) -> str:
    setting, rules = said[SETTING], dict(_rules(said.get(RULES)))
    choices: tuple[Any, ...] = tuple(value for value in rules.get("in", ()) if value != "")
    default: Any = setting.default
    many: dict[str, Any] = {}
    if field.label == FieldDescriptorProto.LABEL_REPEATED:
        default = ()
        many = {"most": rules["max_items"], "pattern": rules["items"].string.pattern, "form": setting.form}
    elif field.type == FieldDescriptorProto.TYPE_ENUM:
        values = pool.FindEnumTypeByName(field.type_name.removeprefix(".")).values
        prefix = values[0].name.removesuffix("UNSPECIFIED")
        choices = tuple(value.name.removeprefix(prefix).lower() for value in values[1:])
    elif field.type == FieldDescriptorProto.TYPE_BOOL:
        default = {"true": True, "false": False}[setting.default]
    elif field.type != FieldDescriptorProto.TYPE_STRING:
        default = NUMBERS.get(field.type, int)(setting.default)
    if "name" in rules:
        many = {"longest": rules["name"]}
    parts = {
        "name": field.name,
        "default": default,
        "low": rules.get("gte"),
        "high": rules.get("lte"),
        "choices": choices,
        "unit": setting.unit,
        "group": setting.group,
        "text": text,
        **many,
    }
    return "    Setting(\n" + "".join(f"        {name}={value!r},\n" for name, value in parts.items()) + "    ),\n"


def _options(pool: descriptor_pool.DescriptorPool, field: FieldDescriptorProto) -> Iterator[tuple[str, Any]]:
    """The field's options by name, extensions read with the descriptors of this very image."""
    kind = message_factory.GetMessageClass(pool.FindMessageTypeByName("google.protobuf.FieldOptions"))
    for option, value in kind.FromString(field.options.SerializeToString()).ListFields():
        yield option.full_name, value


def _rules(rules: Any) -> Iterator[tuple[str, Any]]:
    """The rules of the field's type, such as `gte`, flat."""
    for _, of_type in rules.ListFields() if rules is not None else ():
        if hasattr(of_type, "ListFields"):
            yield from ((rule.name, value) for rule, value in of_type.ListFields())


def _comment(file: FileDescriptorProto, path: tuple[int, ...]) -> str:
    found = next((place.leading_comments for place in file.source_code_info.location if tuple(place.path) == path), "")
    return " ".join(found.split())
