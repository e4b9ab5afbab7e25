"""WebhooksService: translates, authorises, calls."""

import secrets
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from uuid import UUID

from automix.mixer.v1 import webhooks_pb2 as pb
from automix.mixer.v1 import webhooks_pb2_grpc
from automix_common.database.pool import Database
from automix_common.process.ids import new_id
from automix_common.rpc.context import current_user
from automix_common.rpc.edge import Context
from automix_common.rpc.errors import mine, not_yours
from automix_common.rpc.paging import page_limit, page_messages, page_of, page_start
from psycopg.errors import UniqueViolation

from automix_mixer.webhooks.addresses import check_url
from automix_mixer.webhooks.domain import (
    EVENTS,
    PREVIOUS_KEPT,
    SECRET_BYTES,
    Delivery,
    Webhook,
    delivery_waits,
    require_webhook_room,
    shown,
    webhook_exists,
    webhook_is_disabled,
)
from automix_mixer.webhooks.repository import Webhooks

EVENT_NAMES: Mapping["pb.WebhookEvent.ValueType", str] = {
    pb.WEBHOOK_EVENT_JOB_SUCCEEDED: "job.succeeded",
    pb.WEBHOOK_EVENT_JOB_FAILED: "job.failed",
    pb.WEBHOOK_EVENT_JOB_CANCELLED: "job.cancelled",
}
EVENT_NUMBERS = {name: number for number, name in EVENT_NAMES.items()}
DISABLED = {
    None: pb.WEBHOOK_DISABLED_REASON_UNSPECIFIED,
    "owner": pb.WEBHOOK_DISABLED_REASON_OWNER,
    "failing": pb.WEBHOOK_DISABLED_REASON_FAILING,
    "gone": pb.WEBHOOK_DISABLED_REASON_GONE,
}
STATES = {
    "waiting": pb.DELIVERY_STATE_WAITING,
    "delivered": pb.DELIVERY_STATE_DELIVERED,
    "failed": pb.DELIVERY_STATE_FAILED,
}


class WebhooksServicer(webhooks_pb2_grpc.WebhooksServiceServicer):
    """The webhooks of the caller."""

    def __init__(self, database: Database, *, quota: int, private: bool) -> None:
        """`private`: http and addresses of private networks are allowed."""
        self._database = database
        self._quota = quota
        self._private = private

    async def CreateWebhook(self, request: pb.CreateWebhookRequest, context: Context) -> pb.CreateWebhookResponse:
        """Registers an address."""
        check_url(request.url, private=self._private)
        secret = secrets.token_bytes(SECRET_BYTES)
        async with self._database.transaction() as connection:
            webhooks = Webhooks(connection, current_user().user_id)
            require_webhook_room(await webhooks.count_exclusively(), self._quota)
            webhook = await webhooks.add(new_id(), request.url, _events(request.events), secret)
            if webhook is None:
                raise webhook_exists()
        return pb.CreateWebhookResponse(webhook=to_webhook(webhook), secret=shown(secret))

    async def GetWebhook(self, request: pb.GetWebhookRequest, context: Context) -> pb.GetWebhookResponse:
        """Reads one webhook."""
        async with self._database.read() as connection:
            found = await Webhooks(connection, current_user().user_id).get(UUID(request.webhook_id))
        return pb.GetWebhookResponse(webhook=to_webhook(found))

    async def ListWebhooks(self, request: pb.ListWebhooksRequest, context: Context) -> pb.ListWebhooksResponse:
        """Reads a page of webhooks."""
        before, limit = page_start(request.page_token), page_limit(request.page_size)
        async with self._database.read() as connection:
            rows = await Webhooks(connection, current_user().user_id).page(before, limit)
        page, token = page_of(rows, limit)
        return pb.ListWebhooksResponse(webhooks=await page_messages(to_webhook, page), next_page_token=token)

    async def UpdateWebhook(self, request: pb.UpdateWebhookRequest, context: Context) -> pb.UpdateWebhookResponse:
        """Sets what the mask names."""
        named, webhook_id = set(request.update_mask.paths), UUID(request.webhook_id)
        if "url" in named:
            check_url(request.url, private=self._private)
        try:
            async with self._database.transaction() as connection:
                webhooks = Webhooks(connection, current_user().user_id)
                updated = await webhooks.update(
                    webhook_id,
                    url=request.url if "url" in named else None,
                    events=_events(request.events) if "events" in named else None,
                )
                if "enabled" in named:
                    updated = await (webhooks.enable if request.enabled else webhooks.disable)(webhook_id)
        except UniqueViolation:
            raise webhook_exists() from None
        return pb.UpdateWebhookResponse(webhook=to_webhook(updated))

    async def DeleteWebhook(self, request: pb.DeleteWebhookRequest, context: Context) -> pb.DeleteWebhookResponse:
        """Deletes a webhook."""
        async with self._database.transaction() as connection:
            if not await Webhooks(connection, current_user().user_id).delete(UUID(request.webhook_id)):
                raise not_yours("webhook")
        return pb.DeleteWebhookResponse()

    async def RotateWebhookSecret(
        self, request: pb.RotateWebhookSecretRequest, context: Context
    ) -> pb.RotateWebhookSecretResponse:
        """Makes a new secret."""
        secret = secrets.token_bytes(SECRET_BYTES)
        async with self._database.transaction() as connection:
            mine(await Webhooks(connection, current_user().user_id).rotate(UUID(request.webhook_id), secret), "webhook")
        response = pb.RotateWebhookSecretResponse(secret=shown(secret))
        response.previous_until.FromDatetime(datetime.now(UTC) + PREVIOUS_KEPT)
        return response

    async def ListDeliveries(self, request: pb.ListDeliveriesRequest, context: Context) -> pb.ListDeliveriesResponse:
        """Reads a page of a webhook's deliveries."""
        before, limit = page_start(request.page_token), page_limit(request.page_size)
        webhook_id = UUID(request.webhook_id)
        async with self._database.read() as connection:
            webhooks = Webhooks(connection, current_user().user_id)
            mine(await webhooks.get(webhook_id), "webhook")
            rows = await webhooks.deliveries(webhook_id, before, limit)
        page, token = page_of(rows, limit)
        return pb.ListDeliveriesResponse(deliveries=await page_messages(to_delivery, page), next_page_token=token)

    async def RepeatDelivery(self, request: pb.RepeatDeliveryRequest, context: Context) -> pb.RepeatDeliveryResponse:
        """Has a delivery sent once more."""
        async with self._database.transaction() as connection:
            webhooks = Webhooks(connection, current_user().user_id)
            held = mine(await webhooks.hold_delivery(UUID(request.delivery_id)), "delivery")
            webhook = mine(await webhooks.get(held.webhook_id), "delivery")
            if webhook.disabled_because is not None:
                raise webhook_is_disabled()
            if held.state == "waiting":
                raise delivery_waits()
            repeated = mine(await webhooks.repeat(held.id), "delivery")
        return pb.RepeatDeliveryResponse(delivery=to_delivery(repeated))


def _events(asked: "Iterable[pb.WebhookEvent.ValueType]") -> list[str]:
    """Their names; all of them when none is asked for."""
    return [EVENT_NAMES[event] for event in asked] or list(EVENTS)


def to_webhook(webhook: Webhook | None) -> pb.Webhook:
    """The webhook on the wire; raises PermissionDenied when there is none."""
    webhook = mine(webhook, "webhook")
    message = pb.Webhook(
        id=str(webhook.id),
        url=webhook.url,
        events=[EVENT_NUMBERS[event] for event in webhook.events],
        enabled=webhook.disabled_because is None,
        disabled_reason=DISABLED[webhook.disabled_because],
    )
    message.created_at.FromDatetime(webhook.created_at)
    if webhook.failing_since is not None:
        message.failing_since.FromDatetime(webhook.failing_since)
    return message


def to_delivery(delivery: Delivery) -> pb.Delivery:
    """The delivery on the wire."""
    message = pb.Delivery(
        id=str(delivery.id),
        webhook_id=str(delivery.webhook_id),
        event=EVENT_NUMBERS[delivery.event],
        job_id=str(delivery.job_id),
        body=delivery.body,
        state=STATES[delivery.state],
        attempts=delivery.attempts,
        last_status=delivery.last_status,
        last_error=delivery.last_error,
    )
    message.created_at.FromDatetime(delivery.created_at)
    if delivery.attempted_at is not None:
        message.attempted_at.FromDatetime(delivery.attempted_at)
    if delivery.due_at is not None:
        message.due_at.FromDatetime(delivery.due_at)
    return message
