"""Webhooks: addresses that are told of jobs that have ended."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import TypeAlias

from automix.mixer.v1 import webhooks_pb2, webhooks_pb2_grpc
from google.protobuf.field_mask_pb2 import FieldMask

from automix_client.pages import pages
from automix_client.session import Session

SUCCEEDED = webhooks_pb2.WEBHOOK_EVENT_JOB_SUCCEEDED
FAILED = webhooks_pb2.WEBHOOK_EVENT_JOB_FAILED
CANCELLED = webhooks_pb2.WEBHOOK_EVENT_JOB_CANCELLED

Event: TypeAlias = webhooks_pb2.WebhookEvent.ValueType


class Webhooks:
    """The caller's webhooks."""

    def __init__(self, stub: webhooks_pb2_grpc.WebhooksServiceAsyncStub, session: Session) -> None:
        self._stub = stub
        self._session = session

    async def create(self, url: str, events: Iterable[Event] = ()) -> webhooks_pb2.CreateWebhookResponse:
        """Registers an https address, told of everything unless `events` say of what; its `secret` is shown this once.

        Raises InvalidInputError (WEBHOOK_URL), RefusedError (WEBHOOK_EXISTS), QuotaError (WEBHOOK_QUOTA).
        """
        request = webhooks_pb2.CreateWebhookRequest(url=url, events=events)
        return await self._session.call(self._stub.CreateWebhook, request, idempotent=False)

    async def get(self, webhook_id: str) -> webhooks_pb2.Webhook:
        """One webhook."""
        request = webhooks_pb2.GetWebhookRequest(webhook_id=webhook_id)
        return (await self._session.call(self._stub.GetWebhook, request, idempotent=True)).webhook

    def list(self) -> AsyncIterator[webhooks_pb2.Webhook]:
        """All of them, newest first."""
        request = webhooks_pb2.ListWebhooksRequest()
        return pages(self._session, self._stub.ListWebhooks, request, lambda answer: answer.webhooks)

    async def update(
        self,
        webhook_id: str,
        *,
        url: str | None = None,
        events: Iterable[Event] | None = None,
        enabled: bool | None = None,
    ) -> webhooks_pb2.Webhook:
        """Sets what is given."""
        given = {"url": url, "events": events, "enabled": enabled}
        request = webhooks_pb2.UpdateWebhookRequest(
            webhook_id=webhook_id,
            url=url or "",
            events=events or (),
            enabled=bool(enabled),
            update_mask=FieldMask(paths=[name for name, value in given.items() if value is not None]),
        )
        return (await self._session.call(self._stub.UpdateWebhook, request, idempotent=True)).webhook

    async def delete(self, webhook_id: str) -> None:
        """Deletes one with its deliveries."""
        request = webhooks_pb2.DeleteWebhookRequest(webhook_id=webhook_id)
        await self._session.call(self._stub.DeleteWebhook, request, idempotent=False)

    async def rotate_secret(self, webhook_id: str) -> webhooks_pb2.RotateWebhookSecretResponse:
        """A new secret; the one before signs beside it for a day."""
        request = webhooks_pb2.RotateWebhookSecretRequest(webhook_id=webhook_id)
        return await self._session.call(self._stub.RotateWebhookSecret, request, idempotent=False)

    def deliveries(self, webhook_id: str) -> AsyncIterator[webhooks_pb2.Delivery]:
        """What it was told and is to be told, newest first."""
        request = webhooks_pb2.ListDeliveriesRequest(webhook_id=webhook_id)
        return pages(self._session, self._stub.ListDeliveries, request, lambda answer: answer.deliveries)

    async def repeat(self, delivery_id: str) -> webhooks_pb2.Delivery:
        """Has a delivery that has ended sent once more. Raises RefusedError (DELIVERY_WAITING, WEBHOOK_DISABLED)."""
        request = webhooks_pb2.RepeatDeliveryRequest(delivery_id=delivery_id)
        return (await self._session.call(self._stub.RepeatDelivery, request, idempotent=False)).delivery
