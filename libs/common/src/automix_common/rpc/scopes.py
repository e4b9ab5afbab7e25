"""What a caller's token may do, and what a call needs."""

from collections.abc import Mapping
from enum import IntEnum

from google.protobuf import descriptor_pool
from google.protobuf.descriptor_pb2 import MethodOptions

from automix_common.rpc.errors import PermissionDenied


class Scope(IntEnum):
    """Each includes the ones before it."""

    READ = 1
    """Calls without side effects."""
    WRITE = 2
    """Everything but what changes the account itself."""
    ACCOUNT = 3
    """Everything: somebody has signed in."""


CLAIMS: Mapping[str, Scope] = {"read": Scope.READ, "write": Scope.WRITE}
"""What the claim `scope` of an access token says; one without the claim comes from a sign-in."""

_NEEDS = {
    Scope.WRITE: "this token may only read: use one that may write",
    Scope.ACCOUNT: "a personal token may not change the account: sign in",
}


def needed_scope(path: str, account: frozenset[str]) -> Scope:
    """What the method of this `:path` needs: as its contract says with `idempotency_level`, and ACCOUNT for those in
    `account`."""
    if path in account:
        return Scope.ACCOUNT
    try:
        method = descriptor_pool.Default().FindMethodByName(path.removeprefix("/").replace("/", "."))
    except KeyError:
        return Scope.WRITE
    reads = method.GetOptions().idempotency_level == MethodOptions.NO_SIDE_EFFECTS
    return Scope.READ if reads else Scope.WRITE


def require_scope(held: Scope, needed: Scope) -> None:
    """Raises PermissionDenied (TOKEN_SCOPE) when the token may do less than the call needs."""
    if held < needed:
        raise PermissionDenied("TOKEN_SCOPE", _NEEDS[needed], metadata={"needed": needed.name.lower()})
