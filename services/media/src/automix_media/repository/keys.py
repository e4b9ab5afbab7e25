"""Which objects under `incoming/` and `assets/` belong to somebody."""

from collections.abc import Sequence
from uuid import UUID

from automix_common.database.pool import Connection

from automix_media.domain import asset_key, is_part_key, post_key
from automix_media.statements import upkeep as statements


async def kept_keys(connection: Connection, keys: Sequence[str]) -> set[str]:
    """Which of these objects a row names, or may come to name by a form, a writer or a verifier that is at work."""
    ids = [UUID(hex=part) for part in {key.split("/")[1] for key in keys if key.count("/")} if _is_id(part)]
    named: set[str] = set()
    # This reads first who is at work: what they commit meanwhile is then found as a row.
    for upload_id, posted, verifier, writer in await statements.AT_WORK.all(connection, ids=ids):
        if posted:
            named.add(post_key(upload_id))
        if verifier:
            named.add(asset_key(verifier))
        if writer:
            named.update(key for key in keys if is_part_key(key, upload_id, writer))
    named.update(await statements.NAMED_KEYS.all(connection, keys=list(keys)))
    return named & set(keys)


def _is_id(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
