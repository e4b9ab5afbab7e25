"""The contracts name every reason that a client can see."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from automix_audio.errors import Reason
from automix_common.rpc.errors import ServiceError

ROOT = Path(__file__).parents[2]
COMMON = ROOT / "libs" / "common" / "src" / "automix_common"
# What is raised with a reason for a client, here and by those who tell it to clients.
ERRORS = {error.__name__ for error in ServiceError.__subclasses__()} | {
    "ChildError",
    "EngineError",
    "JobError",
    "Refused",
    "UploadRefused",
}
UPPER_SNAKE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")

EVERY_CALL = {"rpc/edge", "rpc/identity", "rpc/requests", "database/pool"}
# What a service uses of libs/common, and the module whose reasons it then answers with.
USED = {
    "answer_once": "database/idempotency",
    "page_start": "rpc/paging",
    "Downloads": "objects/downloads",
    "aclosing": "rpc/sending",
    "S3Store": "objects/storage",
}
USED_REASONS = {"not_yours": {"NOT_YOURS"}, "mine": {"NOT_YOURS"}, "call_peer": {"PEER_UNAVAILABLE", "PEER_FAILED"}}
# Answered by the commands of operators, what the contract's types rule out before the engine is asked, and what is said
# of files on a user's own machine.
NEVER_SEEN = {
    "IMPULSE_UNUSABLE",
    "INVALID_PASSWORD",
    "NO_SUCH_ACCOUNT",
    "PLUGIN_NOT_FOUND",
    "PLUGIN_UNUSABLE",
    "ROTATION_UNDER_WAY",
    "TRACK_OPTION_OUT_OF_RANGE",
    "UNKNOWN_ROLE",
    "UNKNOWN_TRACK_OPTION",
    "WEIGHT_OUT_OF_RANGE",
}


def sources(folder: Path) -> Iterator[ast.AST]:
    return (ast.parse(path.read_text()) for path in folder.rglob("*.py") if "migrations" not in path.parts)


def reasons(tree: ast.AST) -> Iterator[str]:
    """First arguments of errors, first of pairs of a reason and its words, and what is called `reason`."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name), args=[first, *_]) if name in ERRORS:
                assert not isinstance(first, ast.JoinedStr), f"{ast.unparse(node)}: a reason is written out"
            case ast.Dict(keys=[ast.Constant(value="reason"), *_], values=[first, *_]):
                pass
            case ast.Assign(targets=[ast.Name(id="reason")], value=first):
                pass
            case ast.Tuple(elts=[first, ast.Constant(value=str()) | ast.JoinedStr()]):
                pass
            case _:
                continue
        if isinstance(first, ast.Constant) and UPPER_SNAKE.fullmatch(str(first.value)):
            yield str(first.value)


def raised(service: str) -> set[str]:
    trees = list(sources(ROOT / "services" / service / "src"))
    names = {node.id for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Name)}
    modules = EVERY_CALL | {module for name, module in USED.items() if name in names}
    shared = [ast.parse((COMMON / f"{module}.py").read_text()) for module in modules]
    found = {reason for tree in (*trees, *shared) for reason in reasons(tree)}
    found |= {reason for name, told in USED_REASONS.items() if name in names for reason in told}
    if service in ("media", "mixer"):
        found |= {reason.value for reason in Reason}
    return found - NEVER_SEEN


def named(service: str) -> set[str]:
    contracts = sorted((ROOT / "protos" / "automix" / service / "v1").glob("*.proto"))
    text = "\n".join(contract.read_text() for contract in contracts)
    comments = " ".join(line.partition("//")[2] for line in text.splitlines())
    return set(re.findall(r"\b[A-Z][A-Z0-9_]{3,}\b", comments))


@pytest.mark.parametrize(
    ("service", "some"),
    [
        ("auth", {"INVALID_CREDENTIALS", "HASHING_BUSY", "TOKEN_EXPIRED"}),
        ("projects", {"PROJECT_QUOTA", "REQUEST_ID_REUSED", "NOT_YOURS"}),
        ("media", {"STREAM_IDLE", "ABORTED", "VERIFIER_CRASHED", "NON_FINITE", "STORAGE_UNAVAILABLE"}),
        ("mixer", {"RENDER_CRASHED", "WORKER_LOST", "PLAN_INVALID", "INPUT_DELETED", "TOO_LONG", "SETTINGS_INVALID"}),
    ],
)
def test_every_reason_that_a_service_answers_with_is_in_its_contract(service: str, some: set[str]) -> None:
    assert some <= raised(service)
    assert sorted(raised(service) - named(service)) == []
