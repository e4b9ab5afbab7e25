"""Every statement of the schema."""

from datetime import datetime, timedelta

import sqlalchemy as sa
from automix_common.database.statements import Command, Query, Scalar, interval
from sqlalchemy import bindparam
from sqlalchemy.dialects.postgresql import insert

from automix_auth.domain import Account, FoundToken, KeyRow, PersonalToken, RefreshToken, SigningKey
from automix_auth.tables import (
    personal_tokens,
    refresh_tokens,
    sign_in_failures,
    signing_keys,
    token_families,
    users,
)

CLOCK = sa.func.clock_timestamp(type_=users.c.created_at.type)
NOW = sa.func.now()

# Accounts

ACCOUNT = (users.c.id, users.c.email, users.c.created_at, users.c.password_hash, users.c.password_changed_at)
AS_READ = sa.and_(users.c.id == bindparam("user"), users.c.password_changed_at == bindparam("changed"))

ACCOUNT_BY_EMAIL = Query(Account, sa.select(*ACCOUNT).where(users.c.email == bindparam("email")))
ACCOUNT_BY_ID = Query(Account, sa.select(*ACCOUNT).where(users.c.id == bindparam("user")))
ADD_ACCOUNT = Query(
    Account,
    insert(users)
    .values(id=bindparam("user"), email=bindparam("email"), password_hash=bindparam("hash"))
    .on_conflict_do_nothing(index_elements=[users.c.email])
    .returning(*ACCOUNT),
)
HOLD_ACCOUNT = Scalar(int, sa.select(sa.literal(1)).where(AS_READ).with_for_update(read=True, of=users))
SET_PASSWORD = Command(users.update().where(AS_READ).values(password_hash=bindparam("hash"), password_changed_at=CLOCK))
REHASH = Command(
    users.update()
    .where(users.c.id == bindparam("user"), users.c.password_hash == bindparam("old"))
    .values(password_hash=bindparam("hash"))
)
DELETE_ACCOUNT = Command(users.delete().where(AS_READ))

# Wrong passwords

WINDOW = interval("window")
OF_ACCOUNT = sign_in_failures.c.account == bindparam("account")
OF_ATTEMPT = sa.and_(OF_ACCOUNT, sign_in_failures.c.network == bindparam("network"))
CURRENT = sign_in_failures.c.since + WINDOW > CLOCK

WAIT = Scalar(
    timedelta,
    sa.select(sign_in_failures.c.since + WINDOW - CLOCK).where(
        OF_ATTEMPT, sign_in_failures.c.failures >= bindparam("most"), CURRENT
    ),
)
COUNT_FAILURE = Command(
    insert(sign_in_failures)
    .values(account=bindparam("account"), network=bindparam("network"), failures=1)
    .on_conflict_do_update(
        index_elements=[sign_in_failures.c.account, sign_in_failures.c.network],
        set_={
            "failures": sa.case((CURRENT, sign_in_failures.c.failures + 1), else_=1),
            "since": sa.case((CURRENT, sign_in_failures.c.since), else_=CLOCK),
        },
    )
)
FORGIVE = Command(sign_in_failures.delete().where(OF_ATTEMPT))
FORGIVE_EVERYWHERE = Command(sign_in_failures.delete().where(OF_ACCOUNT))
FORGET_FAILURES = Command(sign_in_failures.delete().where(sign_in_failures.c.since < NOW - WINDOW))

# Sign-ins and their tokens

TOKEN = refresh_tokens.c.token_hash == bindparam("token")

START_FAMILY = Command(token_families.insert().values(id=bindparam("family"), user_id=bindparam("user")))
ADD_TOKEN = Scalar(
    datetime,
    refresh_tokens.insert()
    .values(
        token_hash=bindparam("token"),
        family_id=bindparam("family"),
        expires_at=NOW + interval("lifetime"),
    )
    .returning(refresh_tokens.c.expires_at),
)
HOLD_FAMILY = Scalar(
    int,
    sa.select(sa.literal(1))
    .where(token_families.c.id == sa.select(refresh_tokens.c.family_id).where(TOKEN).scalar_subquery())
    .with_for_update(key_share=True, of=token_families),
)
READ_TOKEN = Query(
    RefreshToken,
    sa.select(
        token_families.c.user_id,
        refresh_tokens.c.family_id,
        refresh_tokens.c.expires_at,
        refresh_tokens.c.rotated_at,
        token_families.c.revoked_at.is_not(None).label("family_revoked"),
        CLOCK.label("now"),
    )
    .join_from(refresh_tokens, token_families)
    .where(TOKEN),
)
SPEND_TOKEN = Command(refresh_tokens.update().where(TOKEN).values(rotated_at=CLOCK))

REVOKE = token_families.update().values(revoked_at=CLOCK, revoked_because=bindparam("because"))
REVOKE_FAMILY = Command(REVOKE.where(token_families.c.id == bindparam("family"), token_families.c.revoked_at.is_(None)))
REVOKE_ALL = Command(REVOKE.where(token_families.c.user_id == bindparam("user"), token_families.c.revoked_at.is_(None)))
FORGET_TOKENS = Command(
    """
    WITH expired AS (DELETE FROM refresh_tokens WHERE expires_at < now() RETURNING family_id)
    DELETE FROM token_families WHERE id IN (SELECT family_id FROM expired)
        AND NOT EXISTS (SELECT FROM refresh_tokens WHERE family_id = token_families.id AND expires_at >= now())
    """
)

# Personal tokens

PERSONAL = (
    personal_tokens.c.id,
    personal_tokens.c.name,
    personal_tokens.c.scope,
    personal_tokens.c.created_at,
    personal_tokens.c.expires_at,
    personal_tokens.c.last_used_at,
)
PERSONAL_OF_USER = personal_tokens.c.user_id == bindparam("user")
PERSONAL_HASH = personal_tokens.c.token_hash == bindparam("token")
LIVE = personal_tokens.c.expires_at > CLOCK
USED_ANEW = sa.or_(
    personal_tokens.c.last_used_at.is_(None), personal_tokens.c.last_used_at < CLOCK - sa.text("interval '1 min'")
)

COUNT_PERSONAL = Scalar(int, sa.select(sa.func.count()).select_from(personal_tokens).where(PERSONAL_OF_USER, LIVE))
CLEAR_EXPIRED_NAME = Command(
    personal_tokens.delete().where(PERSONAL_OF_USER, personal_tokens.c.name == bindparam("name"), sa.not_(LIVE))
)
ADD_PERSONAL = Query(
    PersonalToken,
    insert(personal_tokens)
    .values(
        id=bindparam("id"),
        user_id=bindparam("user"),
        name=bindparam("name"),
        token_hash=bindparam("token"),
        scope=bindparam("scope"),
        expires_at=NOW + interval("lifetime"),
    )
    .on_conflict_do_nothing(constraint="personal_tokens_one_name")
    .returning(*PERSONAL),
)
PAGE_PERSONAL = Query(
    PersonalToken,
    sa.select(*PERSONAL)
    .where(PERSONAL_OF_USER, personal_tokens.c.id < bindparam("before"))
    .order_by(personal_tokens.c.id.desc())
    .limit(bindparam("limit")),
)
REVOKE_PERSONAL = Command(personal_tokens.delete().where(PERSONAL_OF_USER, personal_tokens.c.id == bindparam("id")))
REVOKE_ALL_PERSONAL = Command(personal_tokens.delete().where(PERSONAL_OF_USER))
FIND_PERSONAL = Query(
    FoundToken,
    sa.select(
        personal_tokens.c.user_id,
        personal_tokens.c.scope,
        personal_tokens.c.expires_at,
        CLOCK.label("now"),
        USED_ANEW.label("is_used_anew"),
    ).where(PERSONAL_HASH),
)
NOTE_USE = Command(personal_tokens.update().where(PERSONAL_HASH, USED_ANEW).values(last_used_at=CLOCK))
FORGET_PERSONAL = Command(personal_tokens.delete().where(personal_tokens.c.expires_at < NOW - interval("kept")))

# Signing keys

SIGNS = sa.func.tstzrange(signing_keys.c.active_from, signing_keys.c.retired_at)

CURRENT_KEY = Query(
    SigningKey,
    sa.select(signing_keys.c.kid, signing_keys.c.private_key).where(
        SIGNS.op("@>")(CLOCK), signing_keys.c.private_key.is_not(None)
    ),
)
ALL_KEYS = Query(
    KeyRow,
    sa.select(
        signing_keys.c.kid,
        signing_keys.c.public_key,
        signing_keys.c.published_at,
        signing_keys.c.active_from,
        signing_keys.c.retired_at,
        sa.case(
            (signing_keys.c.retired_at <= CLOCK, "retired"),
            (signing_keys.c.active_from <= CLOCK, "active"),
            else_="next",
        ).label("state"),
    ).order_by(signing_keys.c.active_from),
)
TIME = Scalar(datetime, sa.select(CLOCK))
RETIRE_KEY = Command(
    signing_keys.update().where(signing_keys.c.retired_at.is_(None)).values(retired_at=bindparam("moment"))
)
ADD_KEY = Command(
    signing_keys.insert().values(
        kid=bindparam("key"),
        public_key=bindparam("public"),
        private_key=bindparam("private"),
        published_at=bindparam("published"),
        active_from=bindparam("active"),
    )
)
DELETE_KEYS = Command(signing_keys.delete())
DESTROY_PRIVATE_KEYS = Command(
    signing_keys.update()
    .where(signing_keys.c.private_key.is_not(None), signing_keys.c.retired_at < NOW)
    .values(private_key=None)
)
FORGET_KEYS = Command(signing_keys.delete().where(signing_keys.c.retired_at + interval("kept") < NOW))
