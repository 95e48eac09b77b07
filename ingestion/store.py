"""The statements of the ingestion room: what was uploaded for which source."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from runtime.database import Transaction, as_json
from runtime.files import StoredFile
from runtime.ids import CreatorId, SourceId, new_id

# A job takes up what waits; it is done when published, failed when it never will be.
UploadState = Literal["waiting", "taken", "done", "failed"]


@dataclass(frozen=True, slots=True)
class Upload:
    """One submission of a source: the files by name, kept in the file store."""

    id: UUID
    creator_id: CreatorId
    source_id: SourceId
    content_hash: str
    state: UploadState
    files: dict[str, StoredFile]


@dataclass(frozen=True, slots=True)
class _UploadRow:
    id: UUID
    creator_id: UUID
    source_id: UUID
    content_hash: str
    state: UploadState
    files: dict[str, dict[str, Any]]

    def upload(self) -> Upload:
        return Upload(
            self.id,
            CreatorId(self.creator_id),
            SourceId(self.source_id),
            self.content_hash,
            self.state,
            {name: StoredFile(file["sha256"], file["size"]) for name, file in self.files.items()},
        )


async def add_upload(
    tx: Transaction,
    *,
    creator_id: CreatorId,
    source_id: SourceId,
    content_hash: str,
    files: dict[str, StoredFile],
    now: datetime,
) -> None:
    """Record a submission; the newest one of a source is what its next job works on."""
    await tx.execute(
        "INSERT INTO ingestion.uploads (id, creator_id, source_id, content_hash, files, created_at)"
        " VALUES (%s, %s, %s, %s, %s, %s)",
        (
            new_id(),
            creator_id,
            source_id,
            content_hash,
            as_json({name: {"sha256": file.sha256, "size": file.size} for name, file in files.items()}),
            now,
        ),
    )


async def newest_upload(tx: Transaction, source_id: SourceId) -> Upload | None:
    """What was submitted last for the source."""
    row = await tx.fetch_one(
        _UploadRow,
        "SELECT id, creator_id, source_id, content_hash, state, files FROM ingestion.uploads"
        " WHERE source_id = %s ORDER BY id DESC LIMIT 1",
        (source_id,),
    )
    return None if row is None else row.upload()


async def take_up(tx: Transaction, upload: Upload) -> None:
    """Mark a submission as taken up by a job; earlier ones that still wait are superseded by it."""
    await tx.execute(
        "UPDATE ingestion.uploads SET state = CASE WHEN id = %(id)s THEN 'taken' ELSE 'done' END"
        " WHERE source_id = %(source)s AND id <= %(id)s AND state IN ('waiting', 'taken')",
        {"id": upload.id, "source": upload.source_id},
    )


async def mark_taken(tx: Transaction, source_id: SourceId, state: UploadState) -> bool:
    """Say what became of the submission that a job had taken up; False when there is none."""
    marked = await tx.execute(
        "UPDATE ingestion.uploads SET state = %s WHERE source_id = %s AND state = 'taken'", (state, source_id)
    )
    return marked > 0


async def give_up_pending(tx: Transaction, source_id: SourceId) -> bool:
    """Do nothing more about submissions that wait or are worked on; False when there are none."""
    given_up = await tx.execute(
        "UPDATE ingestion.uploads SET state = 'failed' WHERE source_id = %s AND state IN ('waiting', 'taken')",
        (source_id,),
    )
    return given_up > 0


async def revive_newest(tx: Transaction, source_id: SourceId) -> None:
    """Have the newest submission, if nothing came of it, wait to be taken up again."""
    await tx.execute(
        "UPDATE ingestion.uploads u SET state = 'waiting' WHERE u.source_id = %s AND u.state = 'failed'"
        " AND u.id = (SELECT id FROM ingestion.uploads WHERE source_id = u.source_id ORDER BY id DESC LIMIT 1)",
        (source_id,),
    )
