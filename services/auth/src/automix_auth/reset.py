"""Lets an operator set a new password without the old one."""

from automix_common.database.pool import Connection
from automix_common.rpc.errors import FailedPrecondition, FieldViolation, InvalidArgument

from automix_auth.emails import account_key, parse_email
from automix_auth.hashing import hash_password
from automix_auth.repository import Accounts, PersonalTokens, RefreshTokens, forgive_everywhere

SHORTEST_CHARACTERS = 8
LONGEST_BYTES = 1024
"""The same as in auth.proto, whose rules hold for what comes by RPC."""


async def set_forgotten_password(connection: Connection, email: str, password: str, *, cost: int) -> None:
    """Sets the password, ends every sign-in, revokes every personal token and forgives wrong passwords.

    Needs a transaction.

    Raises InvalidArgument (INVALID_EMAIL, INVALID_PASSWORD) and FailedPrecondition (NO_SUCH_ACCOUNT).
    """
    if len(password) < SHORTEST_CHARACTERS or len(password.encode()) > LONGEST_BYTES:
        rule = f"must have {SHORTEST_CHARACTERS} characters or more and at most {LONGEST_BYTES} bytes"
        raise InvalidArgument("INVALID_PASSWORD", f"the password {rule}", violations=[FieldViolation("password", rule)])
    accounts = Accounts(connection)
    account = await accounts.by_email(parse_email(email))
    if account is None or not await accounts.set_password(account, hash_password(password, cost)):
        raise FailedPrecondition("NO_SUCH_ACCOUNT", f"there is no account with the email {email}")
    await RefreshTokens(connection).revoke_all(account.id, "password_changed")
    await PersonalTokens(connection).revoke_all(account.id)
    await forgive_everywhere(connection, account_key(account.email))
