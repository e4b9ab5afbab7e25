"""Writes the reference pages from what they describe; with --check, fails when the committed ones differ.

The data model comes from what PostgreSQL says of each schema after its migrations: tables, columns, types, comments,
keys, checks and triggers. The settings come from the classes that read them, the processes and their grants from
libs/platform. Nothing of these is written by hand.
"""

import argparse
import inspect
import sys
import tempfile
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

import psycopg
from automix.mixer.v1.effect_presets import EFFECT_PRESETS, Step
from automix.mixer.v1.settings import EFFECTS, MIX_SETTINGS, Setting
from automix_common.database.migrations import upgrade
from automix_common.process.settings import ProcessSettings
from automix_local import EmbeddedServers
from automix_platform.access import CONSUMERS, DATABASE_ROLES, NATS_USERS, S3_KEYS
from automix_platform.environment import PREFIX, variables
from automix_platform.processes import PROCESSES, SCHEMAS, Process
from psycopg.rows import namedtuple_row
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

FOLDER = Path(__file__).parent
EMBEDDED = (
    "The embedded stack takes the numbers and the log level from its own environment when it starts, as in "
    "`AUTOMIX_MAX_PROJECTS=5000 automix up`. Addresses, files and credentials it sets itself."
)

MIX_SETTINGS_HEAD = """# The settings of a mix

Made from `protos/automix/mixer/v1/mixer.proto` by `make docs`. The same names, ranges and defaults hold in
`MixSettings`, in the engine's `Settings` and in `automix mix` and `automix render`, where the option for
`reverb_amount` is `--reverb-amount`. A value outside its range is refused.

| setting | may be | default | what it does |
|---|---|---|---|
"""

EFFECTS_HEAD = """# Effects and presets

Made from `protos/automix/mixer/v1` by `make docs`. `--insert STRIP:EFFECT` puts one on a strip of a mix, as in
`--insert "lead:chorus(rate_hz=1.2,mix=0.3)"` or `--insert lead:telephone`; over the API they are `settings.inserts`.
Every effect also has `channels`: both, left, right, mid or side. What they are shown to do: [mixing.md](mixing.md).

| effect | what it does | parameters: range; default |
|---|---|---|
"""
PRESETS_HEAD = """
| preset | what it is | made of, in this order |
|---|---|---|
"""

TABLES = """
SELECT c.oid, c.relname AS name, obj_description(c.oid) AS comment
FROM pg_class c WHERE c.relnamespace = %s::regnamespace AND c.relkind IN ('r', 'p') AND c.relname <> 'alembic_version'
ORDER BY c.relname
"""
COLUMNS = """
SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS required,
       pg_get_expr(d.adbin, d.adrelid) AS default, col_description(a.attrelid, a.attnum) AS comment,
       k.kinds LIKE '%%p%%' AS primary_key, k.kinds LIKE '%%f%%' AS foreign_key
FROM pg_attribute a
LEFT JOIN LATERAL (
    SELECT string_agg(contype::text, '') AS kinds FROM pg_constraint
    WHERE conrelid = a.attrelid AND a.attnum = ANY (conkey)
) k ON true
LEFT JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (a.attrelid, a.attnum)
WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
CONSTRAINTS = """
SELECT conname AS name, contype::text AS kind, pg_get_constraintdef(oid) AS definition,
       confrelid::regclass::text AS target,
       (SELECT bool_and(attnotnull) FROM pg_attribute WHERE attrelid = conrelid AND attnum = ANY (conkey)) AS required
FROM pg_constraint WHERE conrelid = %s AND contype <> 'n' ORDER BY contype, conname
"""
INDEXES = """
SELECT pg_get_indexdef(i.indexrelid) AS definition FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid = %s AND NOT i.indisprimary
  AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('u', 'x'))
ORDER BY c.relname
"""
TRIGGERS = """
SELECT pg_get_triggerdef(oid) AS definition FROM pg_trigger WHERE tgrelid = %s AND NOT tgisinternal ORDER BY tgname
"""
ENUMS = """
SELECT t.typname AS name, string_agg(e.enumlabel, ', ' ORDER BY e.enumsortorder) AS labels
FROM pg_type t JOIN pg_enum e ON e.enumtypid = t.oid WHERE t.typnamespace = %s::regnamespace GROUP BY 1 ORDER BY 1
"""


def ask(connection: psycopg.Connection[Any], query: str, subject: object) -> list[Any]:
    """Rows of a catalogue query about one schema or table."""
    return connection.cursor(row_factory=namedtuple_row).execute(query, (subject,)).fetchall()


def page(connection: psycopg.Connection[Any], schema: str) -> str:
    """The Markdown page of one schema."""
    tables = ask(connection, TABLES, schema)
    lines = [
        f"# Schema `{schema}`",
        "",
        "Generated from the live schema by `make docs`.",
        "",
        "```mermaid",
        "erDiagram",
    ]
    lines += [
        f"    {key.target.split('.')[-1]} {'||' if key.required else '|o'}--o{{ {table.name} : has"
        for table in tables
        for key in ask(connection, CONSTRAINTS, table.oid)
        if key.kind == "f"
    ]
    for table in tables:
        lines.append(f"    {table.name} {{")
        for column in ask(connection, COLUMNS, table.oid):
            marks = ", ".join(mark for mark, holds in (("PK", column.primary_key), ("FK", column.foreign_key)) if holds)
            lines.append(f"        {column.type.split('.')[-1].replace(' ', '_')} {column.name} {marks}".rstrip())
        lines.append("    }")
    lines += ["```", ""]
    enums = ask(connection, ENUMS, schema)
    if enums:
        lines += ["## Enums", "", *(f"- `{enum.name}`: {enum.labels}" for enum in enums), ""]
    for table in tables:
        lines += describe(connection, table)
    return "\n".join(lines).rstrip() + "\n"


def describe(connection: psycopg.Connection[Any], table: Any) -> Iterable[str]:
    """The section of one table."""
    lines = [
        f"## `{table.name}`",
        "",
        f"{table.comment}.",
        "",
        "| column | type | null | default | meaning |",
        "|---|---|---|---|---|",
    ]
    for column in ask(connection, COLUMNS, table.oid):
        default = f"`{column.default}`" if column.default else ""
        null = "" if column.required else "yes"
        lines.append(
            f"| {column.name} | {column.type.split('.')[-1]} | {null} | {cell(default)} | {cell(column.comment)} |"
        )
    rules = [f"- {cell(rule.name)}: `{cell(rule.definition)}`" for rule in ask(connection, CONSTRAINTS, table.oid)]
    rules += [
        f"- `{cell(rule.definition)}`" for query in (INDEXES, TRIGGERS) for rule in ask(connection, query, table.oid)
    ]
    return [*lines, "", *rules, ""]


def cell(text: str) -> str:
    """Text that a table cell can hold on one line."""
    return " ".join(text.split()).replace("|", "\\|")


def default_of(field: FieldInfo) -> str:
    """A default as it would be written in the environment."""
    if field.default_factory is not None:
        return "of the machine"
    value = field.default
    return "" if value in (None, ()) or isinstance(value, SecretStr) else f"`{value}`"


def settings_class(process: Process) -> type[BaseSettings]:
    """What a process reads its environment with."""
    module, _, name = process.settings.partition(":")
    found: type[BaseSettings] = getattr(import_module(module), name)
    return found


def settings_page() -> str:
    """Every setting with its default: a section for each class, with the processes that read it."""
    readers: dict[type[BaseSettings], list[str]] = {}
    for process in PROCESSES:
        for kind in reversed(settings_class(process).__mro__):
            if issubclass(kind, ProcessSettings) and kind.__annotations__:
                readers.setdefault(kind, []).append(process.name)
    lines = ["# Settings", "", "Generated from the code by `make docs`. Each is an environment variable.", "", EMBEDDED]
    for kind, names in sorted(readers.items(), key=lambda entry: -len(entry[1])):
        read_by = "every process" if len(names) == len(PROCESSES) else ", ".join(names)
        lines += ["", f"## {(inspect.getdoc(kind) or '').rstrip('.')}", "", f"Read by {read_by}.", ""]
        lines += ["| variable | default | meaning |", "|---|---|---|"]
        for name in kind.__annotations__:
            if name not in kind.model_fields:
                continue
            field = kind.model_fields[name]
            default = "required" if field.is_required() else default_of(field)
            lines.append(f"| `{PREFIX}{name.upper()}` | {cell(default)} | {cell(field.description or '')} |")
    return "\n".join(lines) + "\n"


def mix_settings_page() -> str:
    """Every setting of a mix, from the contract."""
    return MIX_SETTINGS_HEAD + "".join(
        f"| `{one.name}` | {_allowed(one)} | {_default(one)} | {one.text} |\n" for one in MIX_SETTINGS
    )


def effects_page() -> str:
    """Every effect with its parameters, and every preset with what it is made of."""
    made = EFFECTS_HEAD
    for effect in EFFECTS:
        own = (one for one in effect.parameters if one.name != "channels")
        parameters = "<br>".join(f"`{one.name}`: {_allowed(one)}; {_default(one)}" for one in own)
        made += f"| `{effect.name}` | {effect.text} | {parameters} |\n"
    made += PRESETS_HEAD
    for preset in EFFECT_PRESETS:
        made += f"| `{preset.name}` | {preset.text} | {'<br>'.join(_step(step) for step in preset.steps)} |\n"
    return made


def _step(step: Step) -> str:
    """As `--insert` takes it."""
    values = {name: f"{value:g}" if isinstance(value, float) else value for name, value in step.parameters.items()}
    return f"`{step.kind}({', '.join(f'{name}={value}' for name, value in values.items())})`"


def _allowed(one: Setting) -> str:
    if one.longest:
        return f"a text of up to {one.longest} characters"
    if one.most:
        return f"up to {one.most} of {one.form}"
    if one.low is not None:
        return f"{one.low:g} to {one.high:g} {one.unit}".rstrip()
    return f"{', '.join(map(str, one.choices))} {one.unit}".rstrip() if one.choices else "true, false"


def _default(one: Setting) -> str:
    if one.most:
        return "none"
    if isinstance(one.default, bool):
        return str(one.default).lower()
    return f"{one.default:g}" if isinstance(one.default, float) else str(one.default)


def code(words: Iterable[str]) -> str:
    """Words for a cell, as code."""
    return cell(", ".join(f"`{word}`" if word else "all" for word in words))


def privileges_page() -> str:
    """Every process with what it may reach, and what it must be told."""
    lines = [
        "# Processes and least privilege",
        "",
        "Generated from `libs/platform` by `make docs`. The embedded stack is provisioned from the same table; managed",
        "servers should be given the same.",
        "",
        "## Processes",
        "",
        "| process | does | command | port | scales | schema | calls |",
        "|---|---|---|---|---|---|---|",
    ]
    for process in PROCESSES:
        command = " ".join(("python -m", process.module, *process.arguments))
        port = f"{process.port} ({process.protocol.value})" if process.port else ""
        schema = process.schema.name if process.schema else ""
        scales = process.scale.value
        calls = ", ".join(process.calls)
        lines.append(f"| {process.name} | {process.does} | `{command}` | {port} | {scales} | {schema} | {calls} |")
    lines += ["", "## PostgreSQL", "", "| role | connections | owns | may read |", "|---|---|---|---|"]
    for role in DATABASE_ROLES:
        owns, reads = ("", "every schema") if role.reader else (f"schema `{role.name}`", "its own schema")
        lines.append(f"| {role.name} | {role.connection_limit} | {owns} | {reads} |")
    lines += ["", "## NATS", "", "| user | may publish to | may subscribe to |", "|---|---|---|"]
    lines += [
        f"| {user.name} | {code(user.publish_subjects)} | {code(user.subscribe_subjects)} |" for user in NATS_USERS
    ]
    lines += ["", "| durable consumer | of | hears | delivered again after |", "|---|---|---|---|"]
    lines += [
        f"| `{durable.name}` | {durable.user} | `{durable.subject}` | {durable.ack_wait_seconds:g} s |"
        for durable in CONSUMERS
    ]
    lines += ["", "## S3", "", "| key | reads | writes | deletes | lists |", "|---|---|---|---|---|"]
    for key in S3_KEYS:
        objects = key.objects
        cells = (code(prefixes) for prefixes in (objects.read, objects.write, objects.delete, objects.list))
        lines.append(f"| {key.name} | {' | '.join(cells)} |")
    lines += ["", "## What each process must be told", "", "| process | variable | is | secret |", "|---|---|---|---|"]
    for process in PROCESSES:
        for variable in variables(process):
            origin = f"`{variable.value}`" if variable.value else f"{variable.source.value} {variable.of}".strip()
            lines.append(
                f"| {process.name} | `{variable.name}` | {origin} | {'yes' if variable.source.secret else ''} |"
            )
    return "\n".join(lines) + "\n"


def tables_of_the_code() -> dict[str, str]:
    """The pages that need no server, by file name."""
    return {
        "settings.md": settings_page(),
        "mix-settings.md": mix_settings_page(),
        "effects.md": effects_page(),
        "processes.md": privileges_page(),
    }


def pages() -> dict[str, str]:
    """Every page by file name, from a fresh PostgreSQL with every migration applied."""
    with tempfile.TemporaryDirectory() as folder, EmbeddedServers.start(Path(folder) / "state") as servers:
        made = {}
        for schema in SCHEMAS:
            upgrade(schema.package, servers.database_url(schema.name))
            with psycopg.connect(servers.database_url(schema.name)) as connection:
                made[f"data-model/{schema.name}.md"] = page(connection, schema.name)
        return made | tables_of_the_code()


def main() -> None:
    """Command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with the committed pages, change nothing")
    parser.add_argument("--without-servers", action="store_true", help="leave out what needs a database")
    arguments = parser.parse_args()
    made = tables_of_the_code() if arguments.without_servers else pages()
    stale = [name for name, text in made.items() if not (FOLDER / name).exists() or (FOLDER / name).read_text() != text]
    if arguments.check and stale:
        sys.exit("pages differ from what they describe, run `make docs`: " + ", ".join(stale))
    for name in stale:
        (FOLDER / name).parent.mkdir(exist_ok=True)
        (FOLDER / name).write_text(made[name])


if __name__ == "__main__":
    main()
