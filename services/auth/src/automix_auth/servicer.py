"""AuthService: translates, authorises, calls."""

import base64
from collections.abc import Mapping, Sequence
from uuid import UUID

from automix.auth.v1 import auth_pb2 as pb
from automix.auth.v1 import auth_pb2_grpc
from automix.events.v1 import events_pb2
from automix_common.database.pool import Database
from automix_common.events.outbox import add_event
from automix_common.process.ids import new_id
from automix_common.rpc.context import current_call, current_user
from automix_common.rpc.edge import Context
from automix_common.rpc.errors import InvalidArgument
from automix_common.rpc.identity import account_deleted
from automix_common.rpc.paging import page_limit, page_messages, page_of, page_start
from automix_platform.events import USER_DELETED

from automix_auth.addresses import Network, caller_address, throttled_network
from automix_auth.credentials import Attempt, Credentials
from automix_auth.domain import (
    Account,
    PersonalToken,
    TokenPair,
    email_taken,
    invalid_credentials,
    wrong_password,
)
from automix_auth.emails import parse_email
from automix_auth.keys import Published
from automix_auth.personal import LIFETIME, Personal
from automix_auth.repository import Accounts, PersonalTokens, RefreshTokens
from automix_auth.sessions import Sessions

SCOPES: Mapping["pb.TokenScope.ValueType", str] = {pb.TOKEN_SCOPE_READ: "read", pb.TOKEN_SCOPE_WRITE: "write"}


class AuthServicer(auth_pb2_grpc.AuthServiceServicer):
    """Accounts and their tokens."""

    def __init__(
        self,
        database: Database,
        credentials: Credentials,
        sessions: Sessions,
        personal: Personal,
        published: Published,
        trusted_proxies: Sequence[Network],
    ) -> None:
        self._database = database
        self._credentials = credentials
        self._sessions = sessions
        self._personal = personal
        self._published = published
        self._trusted_proxies = trusted_proxies

    async def SignUp(self, request: pb.SignUpRequest, context: Context) -> pb.SignUpResponse:
        """Creates an account and signs it in."""
        email = parse_email(request.email)
        # The hash is made before anybody looks whether the email has an account, so that to find out costs as much as
        # to sign up.
        password_hash = await self._credentials.new_hash(request.password, self._network(context))
        async with self._database.transaction() as connection:
            account = await Accounts(connection).add(new_id(), email, password_hash)
            if account is None:
                raise email_taken()
            tokens = await self._sessions.begin(connection, account.id)
        return pb.SignUpResponse(user=to_user(account), tokens=to_tokens(tokens))

    async def SignIn(self, request: pb.SignInRequest, context: Context) -> pb.SignInResponse:
        """Exchanges an email and a password for tokens."""
        attempt = Attempt(request.email, request.password, self._network(context))
        try:
            account = await self._by_email(parse_email(request.email))
        except InvalidArgument:  # nobody has such an email, which must look like any other that nobody has
            account = None
        async with self._credentials.proven(attempt, account, invalid_credentials()) as turn:
            if account is None:
                raise invalid_credentials()
            async with self._database.transaction() as connection:
                if not await Accounts(connection).hold(account):
                    raise invalid_credentials()
                await self._credentials.forgive(connection, attempt)
                tokens = await self._sessions.begin(connection, account.id)
            await self._credentials.renew_hash(turn, account, request.password)
        return pb.SignInResponse(user=to_user(account), tokens=to_tokens(tokens))

    async def RefreshToken(self, request: pb.RefreshTokenRequest, context: Context) -> pb.RefreshTokenResponse:
        """Exchanges a refresh token."""
        return pb.RefreshTokenResponse(tokens=to_tokens(await self._sessions.exchange(request.refresh_token)))

    async def SignOut(self, request: pb.SignOutRequest, context: Context) -> pb.SignOutResponse:
        """Ends a sign-in."""
        await self._sessions.end(request.refresh_token)
        return pb.SignOutResponse()

    async def GetMe(self, request: pb.GetMeRequest, context: Context) -> pb.GetMeResponse:
        """The account of the caller."""
        return pb.GetMeResponse(user=to_user(await self._caller()))

    async def ChangePassword(self, request: pb.ChangePasswordRequest, context: Context) -> pb.ChangePasswordResponse:
        """Sets a new password and ends all other sign-ins and every personal token."""
        account = await self._caller()
        attempt = Attempt(account.email, request.current_password, self._network(context))
        async with self._credentials.proven(attempt, account, wrong_password()) as turn:
            password_hash = await turn.hash(request.new_password)
            async with self._database.transaction() as connection:
                if not await Accounts(connection).set_password(account, password_hash):
                    raise wrong_password()
                await RefreshTokens(connection).revoke_all(account.id, "password_changed")
                await PersonalTokens(connection).revoke_all(account.id)
                await self._credentials.forgive(connection, attempt)
                tokens = await self._sessions.begin(connection, account.id)
        return pb.ChangePasswordResponse(tokens=to_tokens(tokens))

    async def DeleteAccount(self, request: pb.DeleteAccountRequest, context: Context) -> pb.DeleteAccountResponse:
        """Deletes the account and tells the others."""
        account = await self._caller()
        attempt = Attempt(account.email, request.password, self._network(context))
        async with (
            self._credentials.proven(attempt, account, wrong_password()),
            self._database.transaction() as connection,
        ):
            if not await Accounts(connection).delete(account):
                raise wrong_password()
            await self._credentials.forgive(connection, attempt)
            deleted = events_pb2.Event(user_deleted=events_pb2.UserDeleted(user_id=str(account.id)))
            await add_event(connection, USER_DELETED, account.id, deleted)
        return pb.DeleteAccountResponse()

    async def CreatePersonalToken(
        self, request: pb.CreatePersonalTokenRequest, context: Context
    ) -> pb.CreatePersonalTokenResponse:
        """Makes a personal token for a caller who knows the password."""
        account = await self._caller()
        attempt = Attempt(account.email, request.password, self._network(context))
        scope = SCOPES[request.scope or pb.TOKEN_SCOPE_READ]
        lifetime = request.lifetime.ToTimedelta() if request.HasField("lifetime") else LIFETIME
        async with (
            self._credentials.proven(attempt, account, wrong_password()),
            self._database.transaction() as connection,
        ):
            if not await Accounts(connection).hold(account):
                raise wrong_password()
            await self._credentials.forgive(connection, attempt)
            made, secret = await self._personal.make(connection, account.id, request.name, scope, lifetime)
        return pb.CreatePersonalTokenResponse(personal_token=to_personal_token(made), token=secret)

    async def ListPersonalTokens(
        self, request: pb.ListPersonalTokensRequest, context: Context
    ) -> pb.ListPersonalTokensResponse:
        """Reads a page of personal tokens."""
        before, limit = page_start(request.page_token), page_limit(request.page_size)
        rows = await self._personal.page((await self._caller()).id, before, limit)
        page, token = page_of(rows, limit)
        return pb.ListPersonalTokensResponse(
            personal_tokens=await page_messages(to_personal_token, page), next_page_token=token
        )

    async def RevokePersonalToken(
        self, request: pb.RevokePersonalTokenRequest, context: Context
    ) -> pb.RevokePersonalTokenResponse:
        """Ends a personal token."""
        await self._personal.revoke((await self._caller()).id, UUID(request.token_id))
        return pb.RevokePersonalTokenResponse()

    async def ExchangePersonalToken(
        self, request: pb.ExchangePersonalTokenRequest, context: Context
    ) -> pb.ExchangePersonalTokenResponse:
        """Exchanges a personal token."""
        access_token, expires_at = await self._personal.exchange(request.token)
        response = pb.ExchangePersonalTokenResponse(access_token=access_token)
        response.access_expires_at.FromDatetime(expires_at)
        return response

    async def GetJwks(self, request: pb.GetJwksRequest, context: Context) -> pb.GetJwksResponse:
        """The public keys."""
        keys = [
            pb.Jwk(kid=str(key.kid), x=base64.urlsafe_b64encode(key.public_key).rstrip(b"=").decode())
            for key in await self._published.keys()
        ]
        return pb.GetJwksResponse(keys=keys, max_age_seconds=self._published.cache_seconds)

    async def _by_email(self, email: str) -> Account | None:
        async with self._database.read() as connection:
            return await Accounts(connection).by_email(email)

    async def _caller(self) -> Account:
        async with self._database.read() as connection:
            account = await Accounts(connection).by_id(current_user().user_id)
        if account is None:
            raise account_deleted()
        return account

    def _network(self, context: Context) -> Network:
        metadata = context.invocation_metadata() or ()
        forwarded = [str(value) for key, value in metadata if key == "x-forwarded-for"]
        return throttled_network(caller_address(current_call().peer, forwarded, self._trusted_proxies))


def to_user(account: Account) -> pb.User:
    """The account on the wire."""
    user = pb.User(id=str(account.id), email=account.email)
    user.created_at.FromDatetime(account.created_at)
    return user


def to_personal_token(token: PersonalToken) -> pb.PersonalToken:
    """The personal token on the wire."""
    scope = next(number for number, name in SCOPES.items() if name == token.scope)
    message = pb.PersonalToken(id=str(token.id), name=token.name, scope=scope)
    message.created_at.FromDatetime(token.created_at)
    message.expires_at.FromDatetime(token.expires_at)
    if token.last_used_at is not None:
        message.last_used_at.FromDatetime(token.last_used_at)
    return message


def to_tokens(pair: TokenPair) -> pb.Tokens:
    """The tokens on the wire."""
    tokens = pb.Tokens(access_token=pair.access_token, refresh_token=pair.refresh_token)
    tokens.access_expires_at.FromDatetime(pair.access_expires_at)
    tokens.refresh_expires_at.FromDatetime(pair.refresh_expires_at)
    return tokens
