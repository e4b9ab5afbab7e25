"""Creates that may be repeated: the first answer is stored with its effect and returned again."""

import hashlib
from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeVar
from uuid import UUID

import sqlalchemy as sa
from google.protobuf.message import Message
from sqlalchemy import bindparam

from automix_common.database.locks import Lock, take
from automix_common.database.pool import Connection
from automix_common.database.statements import Command, Query
from automix_common.database.tables import request_answers
from automix_common.rpc.errors import FieldViolation, InvalidArgument

Answer = TypeVar("Answer", bound=Message)


class _Stored(NamedTuple):
    request_hash: bytes
    answer: bytes


_READ = Query(
    _Stored,
    sa.select(request_answers.c.request_hash, request_answers.c.answer).where(
        request_answers.c.user_id == bindparam("user"),
        request_answers.c.rpc == bindparam("rpc"),
        request_answers.c.request_id == bindparam("request"),
    ),
)
_STORE = Command(
    request_answers.insert().values(
        user_id=bindparam("user"),
        rpc=bindparam("rpc"),
        request_id=bindparam("request"),
        request_hash=bindparam("hash"),
        answer=bindparam("answer"),
    )
)


async def answer_once(
    connection: Connection,
    user_id: UUID,
    request: Message,
    request_id: str,
    answer_type: type[Answer],
    create: Callable[[], Awaitable[Answer]],
) -> Answer:
    """Runs `create` in the open transaction, or returns what an earlier call with this request_id was answered.

    Calls that come at the same time wait for each other. Raises InvalidArgument (REQUEST_ID_REUSED) when the id was
    used with another body. An empty request_id makes every call a new one.
    """
    if not request_id:
        return await create()
    rpc = request.DESCRIPTOR.full_name
    await take(connection, Lock.ANSWER, f"{user_id} {rpc} {UUID(request_id)}")
    earlier = await earlier_answer(connection, user_id, request, request_id, answer_type)
    if earlier is not None:
        return earlier
    answer = await create()
    await _STORE.run(
        connection,
        user=user_id,
        rpc=rpc,
        request=UUID(request_id),
        hash=_digest(request),
        answer=answer.SerializeToString(),
    )
    return answer


async def earlier_answer(
    connection: Connection, user_id: UUID, request: Message, request_id: str, answer_type: type[Answer]
) -> Answer | None:
    """The answer of an earlier call with this request_id, None when there was none. A create that asks its peers before
    it opens its transaction looks here first, because its peers may answer differently by now. Raises InvalidArgument
    (REQUEST_ID_REUSED) when the id was used with another body.
    """
    if not request_id:
        return None
    stored = await _READ.one(connection, user=user_id, rpc=request.DESCRIPTOR.full_name, request=UUID(request_id))
    if stored is None:
        return None
    if stored.request_hash != _digest(request):
        raise InvalidArgument(
            "REQUEST_ID_REUSED",
            "this request_id was used with another request: choose a new UUID",
            violations=[FieldViolation("request_id", "used with another request")],
        )
    return answer_type.FromString(stored.answer)


def _digest(request: Message) -> bytes:
    """SHA-256 of the request without its id, which may come in upper or lower case."""
    body = type(request)()
    body.CopyFrom(request)
    body.ClearField("request_id")
    return hashlib.sha256(body.SerializeToString(deterministic=True)).digest()
