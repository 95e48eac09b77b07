"""The statements about removals, and of what the ingestion room keeps for a source."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from runtime.database import Transaction
from runtime.ids import CreatorId, SourceId, new_id


@dataclass(frozen=True, slots=True)
class Removal:
    """What is to be removed, and how many things of each kind have been. Without a source: the whole creator."""

    id: UUID
    creator_id: CreatorId
    source_id: SourceId | None
    counts: dict[str, int]
    requested_at: datetime
    finished_at: datetime | None


async def request(tx: Transaction, creator_id: CreatorId, source_id: SourceId | None, now: datetime) -> UUID:
    """Begin a removal; the one of the same thing that is under way, if there is."""
    await tx.execute(
        "INSERT INTO ingestion.removals (id, creator_id, source_id, requested_at) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT DO NOTHING",
        (new_id(), creator_id, source_id, now),
    )
    return await tx.fetch_value(
        "SELECT id FROM ingestion.removals WHERE creator_id = %s AND source_id IS NOT DISTINCT FROM %s"
        " AND finished_at IS NULL",
        (creator_id, source_id),
    )


async def find(tx: Transaction, id: UUID) -> Removal | None:
    """One removal."""
    return await tx.fetch_one(
        Removal,
        "SELECT id, creator_id, source_id, counts, requested_at, finished_at FROM ingestion.removals"
        " WHERE id = %s",
        (id,),
    )


async def is_leaving(tx: Transaction, creator_id: CreatorId, source_id: SourceId) -> bool:
    """Whether the source or its creator is being removed."""
    return await tx.fetch_value(
        "SELECT EXISTS (SELECT FROM ingestion.removals WHERE finished_at IS NULL AND creator_id = %s"
        " AND (source_id IS NULL OR source_id = %s))",
        (creator_id, source_id),
    )


async def note(tx: Transaction, id: UUID, counts: Mapping[str, int]) -> None:
    """Add to what has been removed, in the transaction that removes it."""
    for kind, count in counts.items():
        await tx.execute(
            "UPDATE ingestion.removals SET counts = jsonb_set(counts, ARRAY[%(kind)s],"
            " to_jsonb(coalesce((counts->>%(kind)s)::bigint, 0) + %(count)s::bigint)) WHERE id = %(id)s",
            {"id": id, "kind": kind, "count": count},
        )


async def finish(tx: Transaction, id: UUID, now: datetime) -> None:
    """Mark a removal as done."""
    await tx.execute("UPDATE ingestion.removals SET finished_at = %s WHERE id = %s", (now, id))


async def delete_uploads(tx: Transaction, source_id: SourceId, holder: UUID, now: datetime) -> int:
    """Forget what was uploaded for a source; its contents are left in run-out holds of `holder`, to be removed."""
    await tx.execute(
        "INSERT INTO ingestion.holds (holder, sha256, until)"
        " SELECT DISTINCT %s::uuid, file.value->>'sha256', %s::timestamptz"
        " FROM ingestion.uploads u, jsonb_each(u.files) AS file WHERE u.source_id = %s"
        " ON CONFLICT DO NOTHING",
        (holder, now, source_id),
    )
    return await tx.execute("DELETE FROM ingestion.uploads WHERE source_id = %s", (source_id,))


async def delete_archives(tx: Transaction, creator_id: CreatorId, holder: UUID, now: datetime) -> int:
    """Forget the archives that were sent for a creator; as `delete_uploads`."""
    await tx.execute(
        "INSERT INTO ingestion.holds (holder, sha256, until)"
        " SELECT DISTINCT %s::uuid, file->>'sha256', %s::timestamptz"
        " FROM ingestion.archives a, jsonb_array_elements(a.files) AS file WHERE a.creator_id = %s"
        " ON CONFLICT DO NOTHING",
        (holder, now, creator_id),
    )
    return await tx.execute("DELETE FROM ingestion.archives WHERE creator_id = %s", (creator_id,))
