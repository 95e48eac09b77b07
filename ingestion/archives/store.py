"""The statements about archives: their parts, and what has become of their items so far."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from runtime.database import Transaction, as_json
from runtime.errors import NotFound
from runtime.files import StoredFile
from runtime.ids import CreatorId, JobId, new_id

ItemState = Literal["queued", "unchanged", "failed"]


@dataclass(frozen=True, slots=True)
class KeptArchive:
    """An archive that was sent: its parts in the file store, by name, in order."""

    id: UUID
    creator_id: CreatorId
    files: dict[str, StoredFile]


@dataclass(frozen=True, slots=True)
class ItemOutcome:
    """What became of one item; `ordinal` is its place among the items, the same each time the archive is read."""

    ordinal: int
    name: str
    state: ItemState
    source_id: UUID | None = None
    submitted_job_id: UUID | None = None
    error_code: str | None = None
    error_detail: str | None = None
    next_step: str | None = None


@dataclass(frozen=True, slots=True)
class _ArchiveRow:
    id: UUID
    creator_id: UUID
    files: list[dict[str, Any]]

    def archive(self) -> KeptArchive:
        files = {part["name"]: StoredFile(part["sha256"], part["size"]) for part in self.files}
        return KeptArchive(self.id, CreatorId(self.creator_id), files)


async def keep_archive(
    tx: Transaction, creator_id: CreatorId, content_hash: str, files: Mapping[str, StoredFile], now: datetime
) -> UUID:
    """Record an archive, or find the same one; its id."""
    parts = [{"name": name, "sha256": file.sha256, "size": file.size} for name, file in files.items()]
    return await tx.fetch_value(
        "INSERT INTO ingestion.archives (id, creator_id, content_hash, files, created_at)"
        " VALUES (%s, %s, %s, %s, %s)"
        " ON CONFLICT (creator_id, content_hash) DO UPDATE SET files = excluded.files RETURNING id",
        (new_id(), creator_id, content_hash, as_json(parts), now),
    )


async def forget(tx: Transaction, archive_id: UUID, holder: UUID, now: datetime) -> bool:
    """Forget an archive; its contents are left in run-out holds of `holder`. False for one that is being sent again now."""
    found = await tx.fetch_values(
        "SELECT id FROM ingestion.archives WHERE id = %s FOR UPDATE SKIP LOCKED", (archive_id,)
    )
    await tx.execute(
        "INSERT INTO ingestion.holds (holder, sha256, until)"
        " SELECT DISTINCT %s::uuid, file->>'sha256', %s::timestamptz"
        " FROM ingestion.archives a, jsonb_array_elements(a.files) AS file WHERE a.id = ANY(%s)"
        " ON CONFLICT DO NOTHING",
        (holder, now, found),
    )
    return bool(await tx.execute("DELETE FROM ingestion.archives WHERE id = ANY(%s)", (found,)))


async def archive(tx: Transaction, archive_id: UUID) -> KeptArchive:
    """One archive. Raises NotFound `archive_not_found`."""
    row = await tx.fetch_one(
        _ArchiveRow, "SELECT id, creator_id, files FROM ingestion.archives WHERE id = %s", (archive_id,)
    )
    if row is None:
        raise NotFound("archive_not_found", "This archive was removed.", next_step="Send it again.")
    return row.archive()


async def outcomes(tx: Transaction, job_id: JobId) -> list[ItemOutcome]:
    """What the job has done so far, in the order of the items."""
    return await tx.fetch_all(
        ItemOutcome,
        "SELECT ordinal, name, state, source_id, submitted_job_id, error_code, error_detail, next_step"
        " FROM ingestion.archive_items WHERE job_id = %s ORDER BY ordinal",
        (job_id,),
    )


async def add_outcomes(tx: Transaction, archive_id: UUID, job_id: JobId, done: Sequence[ItemOutcome]) -> None:
    """Record what became of items; what was recorded before stays."""
    await tx.execute_many(
        "INSERT INTO ingestion.archive_items (job_id, ordinal, archive_id, name, state, source_id,"
        " submitted_job_id, error_code, error_detail, next_step)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (job_id, ordinal) DO NOTHING",
        [
            (
                job_id,
                item.ordinal,
                archive_id,
                item.name,
                item.state,
                item.source_id,
                item.submitted_job_id,
                item.error_code,
                item.error_detail,
                item.next_step,
            )
            for item in done
        ],
    )
