"""Creates that may be repeated: the first answer is stored with its effect and returned again."""

import hashlib
from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import UUID

from google.protobuf.message import Message

from automix_common.database.pool import Connection
from automix_common.rpc.errors import FieldViolation, InvalidArgument

Answer = TypeVar("Answer", bound=Message)


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
    await connection.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(%s, 1))", (f"{user_id} {rpc} {UUID(request_id)}",)
    )
    earlier = await earlier_answer(connection, user_id, request, request_id, answer_type)
    if earlier is not None:
        return earlier
    answer = await create()
    await connection.execute(
        "INSERT INTO request_answers (user_id, rpc, request_id, request_hash, answer) VALUES (%s, %s, %s, %s, %s)",
        (user_id, rpc, request_id, _digest(request), answer.SerializeToString()),
    )
    return answer


async def earlier_answer(
    connection: Connection, user_id: UUID, request: Message, request_id: str, answer_type: type[Answer]
) -> Answer | None:
    """What an earlier call with this request_id was answered, None when there was none.

    For a create that asks its peers before it opens its transaction: what they say may have changed since the first
    call. Raises InvalidArgument (REQUEST_ID_REUSED) when the id was used with another body.
    """
    if not request_id:
        return None
    cursor = await connection.execute(
        "SELECT request_hash, answer FROM request_answers WHERE user_id = %s AND rpc = %s AND request_id = %s",
        (user_id, request.DESCRIPTOR.full_name, request_id),
    )
    stored = await cursor.fetchone()
    if stored is None:
        return None
    if stored[0] != _digest(request):
        raise InvalidArgument(
            "REQUEST_ID_REUSED",
            "this request_id was used with another request: choose a new UUID",
            violations=[FieldViolation("request_id", "used with another request")],
        )
    return answer_type.FromString(stored[1])


def _digest(request: Message) -> bytes:
    """Of everything but the id, which may be written in upper or lower case."""
    body = type(request)()
    body.CopyFrom(request)
    body.ClearField("request_id")
    return hashlib.sha256(body.SerializeToString(deterministic=True)).digest()
