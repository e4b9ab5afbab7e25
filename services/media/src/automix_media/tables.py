"""The schema `media`: uploads, their parts and forms, and the assets that they become.

The rules that are triggers are in the migrations.
"""

import sqlalchemy as sa
from automix_audio.formats import FILE_TYPES
from automix_common.database.tables import TIME, copied, inbox, object_deletions, request_answers, tombstones
from sqlalchemy.dialects.postgresql import BYTEA, DOMAIN, ENUM, JSONB

metadata = sa.MetaData()
copied(metadata, inbox, request_answers, tombstones, object_deletions)

asset_filetype = ENUM(*FILE_TYPES, name="asset_filetype")
asset_role = ENUM("vocals", "beat", "reference", name="asset_role")
upload_method = ENUM("stream", "post", name="upload_method")
upload_state = ENUM("open", "verifying", "done", "refused", name="upload_state")
# Written out, because what a locale calls a control character differs between servers.
display_name = DOMAIN(
    "display_name",
    sa.Text,
    check=r"VALUE ~ '[^[:space:]]' AND VALUE !~ '[\u0001-\u001f\u007f-\u009f]' AND char_length(VALUE) <= 255",
)

uploads = sa.Table(
    "uploads",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True, comment="UUIDv7"),
    sa.Column(
        "project_id",
        sa.Uuid,
        nullable=False,
        comment="projects.projects.id: checked by RPC when the row is written",
    ),
    sa.Column(
        "owner_id",
        sa.Uuid,
        nullable=False,
        comment="auth.users.id: checked by the access token when the row is written",
    ),
    sa.Column("filename", display_name, nullable=False, comment="As the uploader named it; data, never a path"),
    sa.Column("role", asset_role, nullable=False, comment="What the asset is to be for"),
    sa.Column(
        "method",
        upload_method,
        nullable=False,
        comment="How bytes arrive: a gRPC stream into parts, or one HTTP form POST to storage",
    ),
    sa.Column(
        "size",
        sa.BigInteger,
        sa.CheckConstraint("size > 0"),
        nullable=False,
        comment="Declared length in bytes; the asset has exactly as many",
    ),
    sa.Column(
        "received",
        sa.BigInteger,
        nullable=False,
        server_default=sa.text("0"),
        comment="Bytes in upload_parts; kept by their trigger alone",
    ),
    sa.Column("state", upload_state, nullable=False, server_default="open", comment="How far it is"),
    sa.Column("writer", sa.Uuid, comment="The stream that may append parts; null while none does"),
    sa.Column("writer_until", TIME, comment="When that stream is given up unless it says that it lives"),
    sa.Column(
        "verifier",
        sa.Uuid,
        unique=True,
        comment="The verification under way, and the id of the asset that it would make",
    ),
    sa.Column("lease_expires_at", TIME, comment="When that verification is given up unless it says that it lives"),
    sa.Column("asset_id", sa.Uuid, unique=True, comment="The asset that it became"),
    sa.Column(
        "refusal_reason",
        sa.Text,
        sa.CheckConstraint("refusal_reason ~ '^[A-Z][A-Z0-9_]*$'"),
        comment="Why it was refused, for programs",
    ),
    sa.Column(
        "refusal_message",
        sa.Text,
        sa.CheckConstraint(r"refusal_message ~ '\S'"),
        comment="Why it was refused and what to do, for a person",
    ),
    sa.Column("created_at", TIME, nullable=False, server_default=sa.func.now(), comment="When it was opened"),
    sa.Column("expires_at", TIME, nullable=False, comment="When it is refused unless it is done by then"),
    sa.Column("ended_at", TIME, comment="When it was done or refused"),
    sa.CheckConstraint("expires_at > created_at", name="uploads_expire_later"),
    sa.CheckConstraint("received BETWEEN 0 AND size AND (method = 'stream' OR received = 0)", name="uploads_received"),
    sa.CheckConstraint(
        "state NOT IN ('verifying', 'done') OR method = 'post' OR received = size", name="uploads_complete"
    ),
    sa.CheckConstraint(
        "(writer IS NULL) = (writer_until IS NULL) AND (writer IS NULL OR (state = 'open' AND method = 'stream'))",
        name="uploads_writer",
    ),
    sa.CheckConstraint(
        "(state = 'verifying') = (verifier IS NOT NULL) AND (verifier IS NULL) = (lease_expires_at IS NULL)",
        name="uploads_lease",
    ),
    sa.CheckConstraint("(state = 'done') = (asset_id IS NOT NULL)", name="uploads_done"),
    sa.CheckConstraint(
        "(state = 'refused') = (refusal_reason IS NOT NULL) AND (refusal_reason IS NULL) = (refusal_message IS NULL)",
        name="uploads_refused",
    ),
    sa.CheckConstraint(
        "(state IN ('done', 'refused')) = (ended_at IS NOT NULL) AND ended_at >= created_at", name="uploads_ended"
    ),
    # What an asset must agree with.
    sa.UniqueConstraint("id", "asset_id", "owner_id", "project_id", "size"),
    sa.ForeignKeyConstraint(
        ["asset_id", "id"],
        ["assets.id", "assets.upload_id"],
        name="uploads_asset",
        deferrable=True,
        initially="DEFERRED",
        use_alter=True,
    ),
    comment="Files on their way in: open, verifying under a lease, then done or refused",
)
UNDER_WAY = uploads.c.state.in_(("open", "verifying"))
sa.Index("uploads_by_owner", uploads.c.owner_id, uploads.c.state, postgresql_include=["size"])
sa.Index("uploads_by_project", uploads.c.project_id)
sa.Index("uploads_expiring", uploads.c.expires_at, postgresql_where=UNDER_WAY)
sa.Index("uploads_refused_at", uploads.c.ended_at, postgresql_where=uploads.c.state == "refused")

forms = sa.Table(
    "forms",
    metadata,
    sa.Column(
        "upload_id",
        sa.Uuid,
        primary_key=True,
        comment="uploads.id, which may be over or gone: the form writes to incoming/<upload>/post",
    ),
    sa.Column("owner_id", sa.Uuid, nullable=False, comment="auth.users.id, as its upload"),
    sa.Column(
        "size",
        sa.BigInteger,
        sa.CheckConstraint("size > 0"),
        nullable=False,
        comment="Exact length in bytes of what it accepts",
    ),
    sa.Column("created_at", TIME, nullable=False, server_default=sa.func.now(), comment="When it was signed"),
    sa.Column(
        "expires_at",
        TIME,
        sa.CheckConstraint("expires_at > created_at"),
        nullable=False,
        comment="When storage stops accepting it",
    ),
    comment="Forms that storage may still accept. Each outlives its upload, and its bytes count as long as it is here",
)
sa.Index("forms_by_owner", forms.c.owner_id, postgresql_include=["size"])
sa.Index("forms_expiring", forms.c.expires_at)

upload_parts = sa.Table(
    "upload_parts",
    metadata,
    sa.Column(
        "upload_id",
        sa.Uuid,
        sa.ForeignKey(uploads.c.id, ondelete="CASCADE"),
        primary_key=True,
        comment="The upload",
    ),
    sa.Column(
        "start",
        sa.BigInteger,
        sa.CheckConstraint("start >= 0"),
        primary_key=True,
        comment="Offset of its first byte in the file",
    ),
    sa.Column("size", sa.BigInteger, sa.CheckConstraint("size > 0"), nullable=False, comment="Length in bytes"),
    sa.Column(
        "stop",
        sa.BigInteger,
        sa.Computed("start + size", persisted=True),
        nullable=False,
        comment="Offset behind its last byte",
    ),
    sa.Column(
        "previous",
        sa.BigInteger,
        sa.Computed("nullif(start, 0)", persisted=True),
        comment="Where the part before it ends; null for the first",
    ),
    sa.Column(
        "storage_key", sa.Text, nullable=False, unique=True, comment="Its object: incoming/<upload>/<start>-<writer>"
    ),
    sa.UniqueConstraint("upload_id", "stop"),
    # Each part but the first begins where another ends, and no two begin or end alike: one chain from byte 0 on.
    sa.ForeignKeyConstraint(["upload_id", "previous"], ["upload_parts.upload_id", "upload_parts.stop"]),
    sa.CheckConstraint(
        "storage_key ~ ('^incoming/' || upload_id || '/' || start || '-[0-9a-f]{32}$')", name="upload_parts_key"
    ),
    comment="Stored bytes of a streamed upload, one object each, without gap or overlap",
)

assets = sa.Table(
    "assets",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True, comment="UUIDv7, given to the verification that made it"),
    sa.Column("project_id", sa.Uuid, nullable=False, comment="projects.projects.id, as its upload"),
    sa.Column("owner_id", sa.Uuid, nullable=False, comment="auth.users.id, as its upload"),
    sa.Column("upload_id", sa.Uuid, nullable=False, unique=True, comment="The upload that it was"),
    sa.Column("filename", display_name, nullable=False, comment="As its owner names it; data, never a path"),
    sa.Column("filetype", asset_filetype, nullable=False, comment="By content"),
    sa.Column("role", asset_role, nullable=False, comment="What it is for"),
    sa.Column(
        "duration",
        sa.Double,
        sa.CheckConstraint("duration > 0 AND duration < 'Infinity'"),
        nullable=False,
        comment="In seconds, by decoding",
    ),
    sa.Column(
        "storage_key",
        sa.Text,
        nullable=False,
        unique=True,
        comment="Its object: assets/<id>, never presigned for writing",
    ),
    sa.Column("size", sa.BigInteger, sa.CheckConstraint("size > 0"), nullable=False, comment="In bytes"),
    sa.Column(
        "sha256",
        sa.Text,
        sa.CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'"),
        nullable=False,
        comment="Of the bytes, lower-case hex",
    ),
    sa.Column("sample_rate", sa.Integer, sa.CheckConstraint("sample_rate > 0"), nullable=False, comment="In Hz"),
    sa.Column(
        "channels",
        sa.Integer,
        sa.CheckConstraint("channels BETWEEN 1 AND 255"),
        nullable=False,
        comment="1 for mono, 2 for stereo, ...",
    ),
    sa.Column(
        "loudness",
        sa.Double,
        sa.CheckConstraint("loudness > '-Infinity' AND loudness < 'Infinity'"),
        comment="Integrated loudness in LUFS (BS.1770); null when nothing passes the gate",
    ),
    sa.Column(
        "waveform",
        BYTEA,
        sa.CheckConstraint("length(waveform) > 0 AND length(waveform) % 4 = 0"),
        nullable=False,
        comment="Lowest and highest sample of each slice, full scale 1.0: little-endian float16 pairs",
    ),
    sa.Column(
        "waveform_slice",
        sa.Integer,
        sa.CheckConstraint("waveform_slice > 0"),
        nullable=False,
        comment="Frames in a slice of the waveform",
    ),
    sa.Column("uploaded_at", TIME, nullable=False, server_default=sa.func.now(), comment="When it was verified"),
    sa.Column(
        "damaged_packets",
        sa.Integer,
        sa.CheckConstraint("damaged_packets >= 0"),
        nullable=False,
        server_default=sa.text("0"),
        comment="Packets of the file that do not decode and were left out",
    ),
    sa.Column(
        "gaps",
        JSONB,
        nullable=False,
        server_default=sa.text("'[]'"),
        comment="Silence that stands for what the file lacks: pairs of start and length in seconds, in order, "
        "100 at most",
    ),
    sa.UniqueConstraint("id", "upload_id"),
    sa.CheckConstraint("storage_key = 'assets/' || id", name="assets_key"),
    sa.CheckConstraint("jsonb_typeof(gaps) = 'array' AND jsonb_array_length(gaps) <= 100", name="assets_gaps"),
    # Rounded: a duration in seconds is a count of samples only to within its own precision.
    sa.CheckConstraint(
        "length(waveform) / 4 = ceil(round(duration * sample_rate) / waveform_slice)", name="assets_waveform_covers"
    ),
    # Its upload is done, as this very asset, with the same owner, project and length.
    sa.ForeignKeyConstraint(
        ["upload_id", "id", "owner_id", "project_id", "size"],
        ["uploads.id", "uploads.asset_id", "uploads.owner_id", "uploads.project_id", "uploads.size"],
        name="assets_upload",
        ondelete="CASCADE",
        deferrable=True,
        initially="DEFERRED",
    ),
    comment="Verified audio. Its bytes never change; it goes with its upload",
)
sa.Index("assets_by_project", assets.c.owner_id, assets.c.project_id, assets.c.id.desc())
sa.Index("assets_by_owner", assets.c.owner_id, postgresql_include=["size"])
