"""Lists that arrive page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, Protocol, TypeVar

import grpc

from automix_client.session import Session


class Page(Protocol):
    """The answer of any of the list calls."""

    @property
    def next_page_token(self) -> str:
        """Empty on the last page."""


Answer = TypeVar("Answer", bound=Page)
Item = TypeVar("Item")


async def pages(
    session: Session,
    method: grpc.aio.UnaryUnaryMultiCallable[Any, Answer],
    request: Any,
    items: Callable[[Answer], Iterable[Item]],
) -> AsyncIterator[Item]:
    """Every item of a list; `request` asks for its first page."""
    while True:
        answer = await session.call(method, request, idempotent=True)
        for item in items(answer):
            yield item
        if not answer.next_page_token:
            return
        request.page_token = answer.next_page_token
