"""Creates that may be repeated: the first answer is stored with its effect and returned again."""

import hashlib
from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import UUID

from google.protobuf.message import Message

from automix_common.database import Connection
from automix_common.errors import FieldViolation, InvalidArgument

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
    digest = hashlib.sha256(request.SerializeToString(deterministic=True)).digest()
    await connection.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(%s, 1))", (f"{user_id} {rpc} {UUID(request_id)}",)
    )
    cursor = await connection.execute(
        "SELECT request_hash, answer FROM request_answers WHERE user_id = %s AND rpc = %s AND request_id = %s",
        (user_id, rpc, request_id),
    )
    stored = await cursor.fetchone()
    if stored is None:
        answer = await create()
        await connection.execute(
            "INSERT INTO request_answers (user_id, rpc, request_id, request_hash, answer) VALUES (%s, %s, %s, %s, %s)",
            (user_id, rpc, request_id, digest, answer.SerializeToString()),
        )
        return answer
    if stored[0] != digest:
        raise InvalidArgument(
            "REQUEST_ID_REUSED",
            "this request_id was used with another request: choose a new UUID",
            violations=[FieldViolation("request_id", "used with another request")],
        )
    return answer_type.FromString(stored[1])
