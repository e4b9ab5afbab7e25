"""The table of processes agrees with itself and with the code that it names."""

import subprocess
import sys
from importlib import import_module
from importlib.metadata import distribution
from importlib.util import find_spec

import pytest
from automix_platform.access import CONSUMERS, DATABASE_ROLES, NATS_USERS, OPS, PROVISIONER, S3_KEYS
from automix_platform.environment import PREFIX, Source, variables
from automix_platform.processes import PROCESSES, SCHEMAS, Process, named

EVERY = pytest.mark.parametrize("process", PROCESSES, ids=lambda process: process.name)


def test_the_table_needs_nothing_but_the_standard_library() -> None:
    program = (
        "import sys; before = set(sys.modules); import automix_platform.access, automix_platform.environment;"
        "print(*{name.split('.')[0] for name in set(sys.modules) - before} - sys.stdlib_module_names)"
    )
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["automix_platform"]


def test_names_and_ports_are_unique() -> None:
    names = [process.name for process in PROCESSES]
    ports = [process.port for process in PROCESSES if process.port is not None]
    assert len(set(names)) == len(names)
    assert len(set(ports)) == len(ports)
    assert len({schema.name for schema in SCHEMAS}) == len(SCHEMAS)
    assert len({durable.name for durable in CONSUMERS}) == len(CONSUMERS)


@EVERY
def test_what_a_process_calls_listens(process: Process) -> None:
    assert process.name not in process.calls
    for peer in process.calls:
        assert named(peer).port is not None


@EVERY
def test_the_code_that_a_process_names_is_there(process: Process) -> None:
    assert find_spec(f"{process.module}.__main__")
    installed = distribution(process.distribution)
    assert process.module.split(".")[0] == installed.name.replace("-", "_")


@EVERY
def test_a_process_is_told_settings_that_it_reads(process: Process) -> None:
    module, _, kind = process.settings.partition(":")
    fields = getattr(import_module(module), kind).model_fields
    # One without a port may have no use for a folder for temporary files.
    told = [variable for variable in variables(process) if variable.source is not Source.SCRATCH]
    assert {variable.name.removeprefix(PREFIX).lower() for variable in told} <= set(fields)


@EVERY
def test_every_setting_of_a_process_says_what_it_is(process: Process) -> None:
    module, _, kind = process.settings.partition(":")
    fields = getattr(import_module(module), kind).model_fields
    assert [name for name, field in fields.items() if not field.description] == []


@EVERY
def test_a_process_has_the_accounts_that_it_uses_and_no_others(process: Process) -> None:
    assert (process.messaging is not None) == (process.name in {user.name for user in NATS_USERS})
    assert (process.objects is not None) == (process.name in {key.name for key in S3_KEYS})
    if process.schema is not None:
        assert process.schema.name in {role.name for role in DATABASE_ROLES}
    of_others = {variable.of for variable in variables(process) if variable.source.secret}
    assert of_others <= {process.name, process.schema.name if process.schema else process.name}


def test_only_the_operator_has_accounts_beside_those_of_processes() -> None:
    known = {process.name for process in PROCESSES} | {schema.name for schema in SCHEMAS}
    accounts = {account.name for accounts in (DATABASE_ROLES, NATS_USERS, S3_KEYS) for account in accounts}
    assert accounts - known == {OPS}
    assert PROVISIONER in known
