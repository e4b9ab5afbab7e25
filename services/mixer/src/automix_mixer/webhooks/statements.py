"""Every statement about webhooks: a user's are scoped to their owner, a sender's to its attempt."""

from uuid import UUID

import sqlalchemy as sa
from automix_common.database.statements import Command, Query, Scalar, interval
from sqlalchemy import bindparam
from sqlalchemy.dialects.postgresql import insert

from automix_mixer.webhooks.domain import Delivery, Sending, Webhook
from automix_mixer.webhooks.tables import WAITING, webhook_deliveries, webhooks

CLOCK = sa.func.clock_timestamp(type_=webhooks.c.created_at.type)
OWNED = webhooks.c.owner_id == bindparam("owner")
THIS = sa.and_(webhooks.c.id == bindparam("webhook"), OWNED)
WEBHOOK = (
    webhooks.c.id,
    webhooks.c.url,
    webhooks.c.events,
    webhooks.c.created_at,
    webhooks.c.disabled_because,
    webhooks.c.failing_since,
)
DELIVERY = (
    webhook_deliveries.c.id,
    webhook_deliveries.c.webhook_id,
    webhook_deliveries.c.event,
    webhook_deliveries.c.job_id,
    webhook_deliveries.c.body,
    webhook_deliveries.c.state,
    webhook_deliveries.c.attempts,
    webhook_deliveries.c.created_at,
    webhook_deliveries.c.attempted_at,
    webhook_deliveries.c.due_at,
    webhook_deliveries.c.last_status,
    webhook_deliveries.c.last_error,
)
DELIVERY_OWNED = webhook_deliveries.c.owner_id == bindparam("owner")

# As their owner asks

COUNT = Scalar(int, sa.select(sa.func.count()).select_from(webhooks).where(OWNED))
ADD = Query(
    Webhook,
    insert(webhooks)
    .values(
        id=bindparam("webhook"),
        owner_id=bindparam("owner"),
        url=bindparam("url"),
        events=bindparam("events"),
        secret=bindparam("secret"),
    )
    .on_conflict_do_nothing(constraint="webhooks_one_address")
    .returning(*WEBHOOK),
)
GET = Query(Webhook, sa.select(*WEBHOOK).where(THIS))
PAGE = Query(
    Webhook,
    sa.select(*WEBHOOK)
    .where(OWNED, webhooks.c.id < bindparam("before"))
    .order_by(webhooks.c.id.desc())
    .limit(bindparam("limit")),
)
UPDATE = Query(
    Webhook,
    webhooks.update()
    .where(THIS)
    .values(
        url=sa.func.coalesce(bindparam("to_url", type_=sa.Text), webhooks.c.url),
        events=sa.func.coalesce(bindparam("to_events", type_=webhooks.c.events.type), webhooks.c.events),
    )
    .returning(*WEBHOOK),
)
ENABLE = Query(
    Webhook,
    webhooks.update()
    .where(THIS)
    .values(disabled_at=None, disabled_because=None, failing_since=None)
    .returning(*WEBHOOK),
)
DISABLED = {
    "disabled_at": sa.func.coalesce(webhooks.c.disabled_at, CLOCK),
    "disabled_because": sa.func.coalesce(webhooks.c.disabled_because, bindparam("because", type_=sa.Text)),
}
DISABLE = Query(Webhook, webhooks.update().where(THIS).values(**DISABLED).returning(*WEBHOOK))
GIVE_UP_WAITING = Command(
    webhook_deliveries.update()
    .where(webhook_deliveries.c.webhook_id == bindparam("webhook"), WAITING)
    .values(state="failed", due_at=None, ended_at=CLOCK, last_error="its webhook was disabled")
)
DELETE = Command(webhooks.delete().where(THIS))
ROTATE = Query(
    Webhook,
    webhooks.update()
    .where(THIS)
    .values(
        secret=bindparam("fresh"),
        previous_secret=webhooks.c.secret,
        previous_until=CLOCK + interval("kept"),
    )
    .returning(*WEBHOOK),
)
DELIVERIES = Query(
    Delivery,
    sa.select(*DELIVERY)
    .where(
        webhook_deliveries.c.webhook_id == bindparam("webhook"),
        DELIVERY_OWNED,
        webhook_deliveries.c.id < bindparam("before"),
    )
    .order_by(webhook_deliveries.c.id.desc())
    .limit(bindparam("limit")),
)
HOLD_DELIVERY = Query(
    Delivery,
    sa.select(*DELIVERY).where(webhook_deliveries.c.id == bindparam("delivery"), DELIVERY_OWNED).with_for_update(),
)
REPEAT = Query(
    Delivery,
    webhook_deliveries.update()
    .where(webhook_deliveries.c.id == bindparam("delivery"), DELIVERY_OWNED)
    .values(state="waiting", attempts=0, due_at=CLOCK, ended_at=None, last_status=None, last_error="")
    .returning(*DELIVERY),
)

# As senders work

LANE = Scalar(
    UUID,
    """
    SELECT id FROM webhooks
    WHERE id = ANY (ARRAY(
            SELECT DISTINCT webhook_id FROM webhook_deliveries
            WHERE state = 'waiting' AND due_at <= statement_timestamp()
        ))
        AND id <> ALL (%(passed)s::uuid[])
        AND disabled_at IS NULL AND (busy_until IS NULL OR busy_until < clock_timestamp())
    -- Owners take turns: one whose servers are all slow must not hold every attempt there is.
    ORDER BY (
        SELECT count(*) FROM webhooks AS busy
        WHERE busy.owner_id = webhooks.owner_id AND busy.busy_until >= clock_timestamp()
    )
    LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
    """,
)
TAKE = Query(
    Sending,
    """
    WITH first AS (
        SELECT id FROM webhook_deliveries
        WHERE webhook_id = %(webhook)s AND state = 'waiting' AND due_at <= statement_timestamp()
        -- The lock asks again of the row itself: its attempt may have ended since this statement began.
        ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED
    ), taken AS (
        UPDATE webhook_deliveries SET attempts = attempts + 1, attempted_at = clock_timestamp()
        FROM first WHERE webhook_deliveries.id = first.id
        RETURNING webhook_deliveries.*
    )
    UPDATE webhooks SET busy_until = clock_timestamp() + %(lease)s::interval
    FROM taken WHERE webhooks.id = taken.webhook_id
    RETURNING taken.id, taken.webhook_id, taken.attempts, taken.body, webhooks.url, webhooks.secret,
        CASE WHEN webhooks.previous_until > clock_timestamp() THEN webhooks.previous_secret END AS previous_secret,
        clock_timestamp() AS now
    """,
)
ATTEMPT = sa.and_(
    webhook_deliveries.c.id == bindparam("delivery"), webhook_deliveries.c.attempts == bindparam("attempt"), WAITING
)
RESULT = {"last_status": bindparam("status", type_=sa.Integer), "last_error": bindparam("error", type_=sa.Text)}
DELIVERED = Command(
    webhook_deliveries.update().where(ATTEMPT).values(state="delivered", due_at=None, ended_at=CLOCK, **RESULT)
)
AGAIN = Command(webhook_deliveries.update().where(ATTEMPT).values(due_at=CLOCK + interval("delay"), **RESULT))
GIVE_UP = Command(
    webhook_deliveries.update().where(ATTEMPT).values(state="failed", due_at=None, ended_at=CLOCK, **RESULT)
)
FREE_AFTER_SUCCESS = Command(
    webhooks.update().where(webhooks.c.id == bindparam("webhook")).values(busy_until=None, failing_since=None)
)
FREE_AFTER_FAILURE = Scalar(
    bool,
    webhooks.update()
    .where(webhooks.c.id == bindparam("webhook"))
    .values(busy_until=None, failing_since=sa.func.coalesce(webhooks.c.failing_since, CLOCK))
    .returning((webhooks.c.failing_since < CLOCK - interval("longest")).label("too_long")),
)
SHUT = Command(webhooks.update().where(webhooks.c.id == bindparam("webhook")).values(**DISABLED))
FORGET = Command(
    """
    DELETE FROM webhook_deliveries WHERE id = ANY (ARRAY(
        SELECT id FROM webhook_deliveries WHERE ended_at < now() - %(kept)s::interval
        ORDER BY ended_at LIMIT 5000 FOR UPDATE SKIP LOCKED
    ))
    """
)
BURY = Command(webhooks.delete().where(OWNED))
