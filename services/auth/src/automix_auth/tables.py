"""The schema `auth`: accounts, refresh tokens, signing keys and failed sign-ins.

The rules that are triggers are in the migrations.
"""

import sqlalchemy as sa
from automix_common.database.tables import TIME, copied, outbox, relay_state
from sqlalchemy.dialects.postgresql import BYTEA, CIDR, ExcludeConstraint

metadata = sa.MetaData()
copied(metadata, outbox, relay_state)

users = sa.Table(
    "users",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True, comment="UUIDv7"),
    sa.Column(
        "email",
        sa.Text,
        nullable=False,
        unique=True,
        comment="As it is compared: NFC, case folded, in lower case",
    ),
    sa.Column(
        "password_hash",
        sa.Text,
        sa.CheckConstraint(r"password_hash ~ '^\$2b\$[0-9]{2}\$[./A-Za-z0-9]{53}$'"),
        nullable=False,
        comment="bcrypt of base64(SHA-384(password))",
    ),
    sa.Column("created_at", TIME, nullable=False, server_default=sa.func.now(), comment="When the account was created"),
    sa.Column(
        "password_changed_at",
        TIME,
        sa.CheckConstraint("password_changed_at >= created_at"),
        nullable=False,
        server_default=sa.func.now(),
        comment="When the password was last set",
    ),
    sa.CheckConstraint(
        r"email ~ '^[^@[:space:][:cntrl:]]+@[^@[:space:][:cntrl:]]+\.[^@[:space:][:cntrl:]]+$'"
        " AND char_length(email) <= 254",
        name="email_form",
    ),
    # Simple folding maps character by character, the same on every server: the collation is PostgreSQL's own.
    sa.CheckConstraint(
        "email IS NFC NORMALIZED"
        " AND email = lower(casefold(email COLLATE pg_catalog.pg_c_utf8) COLLATE pg_catalog.pg_c_utf8)",
        name="email_folded",
    ),
    comment="Accounts",
)

token_families = sa.Table(
    "token_families",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True, comment="UUIDv7"),
    sa.Column(
        "user_id", sa.Uuid, sa.ForeignKey(users.c.id, ondelete="CASCADE"), nullable=False, comment="Who signed in"
    ),
    sa.Column("created_at", TIME, nullable=False, server_default=sa.func.now(), comment="When they signed in"),
    sa.Column(
        "revoked_at",
        TIME,
        sa.CheckConstraint("revoked_at >= created_at"),
        comment="When its tokens stopped being accepted; null while they are",
    ),
    sa.Column(
        "revoked_because",
        sa.Text,
        sa.CheckConstraint("revoked_because IN ('signed_out', 'reused', 'password_changed')"),
        comment="signed_out, reused (a spent token came back) or password_changed",
    ),
    sa.CheckConstraint("(revoked_at IS NULL) = (revoked_because IS NULL)"),
    comment="Sign-ins: every refresh token descends from one of them and dies with it",
)
sa.Index("token_families_by_user", token_families.c.user_id)

refresh_tokens = sa.Table(
    "refresh_tokens",
    metadata,
    sa.Column(
        "token_hash",
        BYTEA,
        sa.CheckConstraint("length(token_hash) = 32"),
        primary_key=True,
        comment="SHA-256 of the token, which nobody but its client knows",
    ),
    sa.Column(
        "family_id",
        sa.Uuid,
        sa.ForeignKey(token_families.c.id, ondelete="CASCADE"),
        nullable=False,
        comment="The sign-in it descends from",
    ),
    sa.Column("created_at", TIME, nullable=False, server_default=sa.func.now(), comment="When it was issued"),
    sa.Column(
        "expires_at",
        TIME,
        sa.CheckConstraint("expires_at > created_at"),
        nullable=False,
        comment="When it stops being accepted",
    ),
    sa.Column(
        "rotated_at",
        TIME,
        sa.CheckConstraint("rotated_at >= created_at"),
        comment="When it was first exchanged; null while it is unspent",
    ),
    comment="Refresh tokens, live and spent, until they expire",
)
sa.Index("refresh_tokens_by_family", refresh_tokens.c.family_id)
sa.Index("refresh_tokens_expiry", refresh_tokens.c.expires_at)

personal_tokens = sa.Table(
    "personal_tokens",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True, comment="UUIDv7"),
    sa.Column(
        "user_id",
        sa.Uuid,
        sa.ForeignKey(users.c.id, ondelete="CASCADE"),
        nullable=False,
        comment="In whose name it calls",
    ),
    sa.Column(
        "name",
        sa.Text,
        sa.CheckConstraint(r"name ~ '\S' AND name !~ '[[:cntrl:]]' AND char_length(name) <= 100"),
        nullable=False,
        comment="As its owner calls it",
    ),
    sa.Column(
        "token_hash",
        BYTEA,
        sa.CheckConstraint("length(token_hash) = 32"),
        nullable=False,
        unique=True,
        comment="SHA-256 of the token, which nobody but its owner knows",
    ),
    sa.Column(
        "scope",
        sa.Text,
        sa.CheckConstraint("scope IN ('read', 'write')"),
        nullable=False,
        comment="read (calls without side effects) or write (everything but what changes the account)",
    ),
    sa.Column("created_at", TIME, nullable=False, server_default=sa.func.now(), comment="When it was made"),
    sa.Column(
        "expires_at",
        TIME,
        sa.CheckConstraint("expires_at > created_at AND expires_at <= created_at + interval '366 days'"),
        nullable=False,
        comment="When it stops being accepted",
    ),
    sa.Column(
        "last_used_at",
        TIME,
        sa.CheckConstraint("last_used_at >= created_at"),
        comment="When it was last exchanged, to the minute; null while it never was",
    ),
    sa.UniqueConstraint("user_id", "name", name="personal_tokens_one_name"),
    comment="Personal access tokens of programs, until they are revoked, or 30 days after they expire",
)
sa.Index("personal_tokens_by_user", personal_tokens.c.user_id, personal_tokens.c.id.desc())
sa.Index("personal_tokens_expiry", personal_tokens.c.expires_at)

signing_keys = sa.Table(
    "signing_keys",
    metadata,
    sa.Column("kid", sa.Uuid, primary_key=True, comment="UUIDv7, the kid of a token's header"),
    sa.Column(
        "public_key",
        BYTEA,
        sa.CheckConstraint("length(public_key) = 32"),
        nullable=False,
        unique=True,
        comment="Raw public key (RFC 8032)",
    ),
    sa.Column(
        "private_key",
        BYTEA,
        sa.CheckConstraint("length(private_key) = 32"),
        comment="Raw private key; destroyed once the key has retired",
    ),
    sa.Column(
        "published_at", TIME, nullable=False, server_default=sa.func.now(), comment="Since when GetJwks returns it"
    ),
    sa.Column(
        "active_from",
        TIME,
        sa.CheckConstraint("active_from >= published_at"),
        nullable=False,
        comment="When it begins to sign: one cache lifetime after it was published",
    ),
    sa.Column(
        "retired_at",
        TIME,
        sa.CheckConstraint("retired_at > active_from"),
        comment="When its successor begins to sign; null while it has none",
    ),
    sa.CheckConstraint("private_key IS NOT NULL OR retired_at IS NOT NULL", name="private_until_retired"),
    ExcludeConstraint(
        (sa.text("tstzrange(active_from, retired_at)"), "&&"),
        name="one_key_signs",
        using="gist",
    ),
    comment="Ed25519 keys of access tokens: next until active_from, signing until retired_at, accepted for a while"
    " longer",
)

sign_in_failures = sa.Table(
    "sign_in_failures",
    metadata,
    sa.Column(
        "account",
        BYTEA,
        sa.CheckConstraint("length(account) = 32"),
        primary_key=True,
        comment="SHA-256 of the email, or of what counts for all of an address",
    ),
    sa.Column(
        "network",
        CIDR,
        sa.CheckConstraint("masklen(network) = CASE family(network) WHEN 4 THEN 32 ELSE 64 END"),
        primary_key=True,
        comment="IPv4 address or IPv6 /64 that the calls came from",
    ),
    sa.Column(
        "failures",
        sa.Integer,
        sa.CheckConstraint("failures > 0"),
        nullable=False,
        comment="Wrong passwords since the window began",
    ),
    sa.Column("since", TIME, nullable=False, server_default=sa.func.now(), comment="When the window began"),
    comment="Wrong passwords by account and address, counted for one window",
)
sa.Index("sign_in_failures_since", sign_in_failures.c.since)
