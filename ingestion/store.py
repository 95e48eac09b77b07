"""The statements of the ingestion room: what was uploaded for which source."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from ingestion.origins.types import Address
from runtime.database import Transaction, as_json
from runtime.files import StoredFile
from runtime.ids import CreatorId, FeedId, SourceId, new_id

_ADDRESS = tuple(field.name for field in fields(Address))

# A job takes up what waits; it is done when published, failed when it never will be.
UploadState = Literal["waiting", "taken", "done", "failed"]


@dataclass(frozen=True, slots=True)
class Upload:
    """One submission of a source: the files by name, kept in the file store.

    With an `address` they are fetched from there; until then there are none, and no content hash. `feed_id` is the
    feed that asked for it. `trail` are the addresses that led to this one, `watch` whether a collection that it turns
    out to be is watched, if a person said so.
    """

    id: UUID
    creator_id: CreatorId
    source_id: SourceId
    content_hash: str
    state: UploadState
    files: dict[str, StoredFile]
    address: Address | None = None
    feed_id: FeedId | None = None
    trail: tuple[str, ...] = ()
    watch: bool | None = None


@dataclass(frozen=True, slots=True)
class _UploadRow:
    id: UUID
    creator_id: UUID
    source_id: UUID
    content_hash: str
    state: UploadState
    files: dict[str, dict[str, Any]]
    address: dict[str, Any] | None
    feed_id: UUID | None

    def upload(self) -> Upload:
        asked = self.address or {}
        return Upload(
            self.id,
            CreatorId(self.creator_id),
            SourceId(self.source_id),
            self.content_hash,
            self.state,
            {name: StoredFile(file["sha256"], file["size"]) for name, file in self.files.items()},
            Address(**{name: asked[name] for name in _ADDRESS}) if asked else None,
            None if self.feed_id is None else FeedId(self.feed_id),
            tuple(asked.get("trail", ())),
            asked.get("watch"),
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
            _files_json(files),
            now,
        ),
    )


async def add_fetch(
    tx: Transaction,
    *,
    creator_id: CreatorId,
    source_id: SourceId,
    address: Address,
    feed_id: FeedId | None,
    now: datetime,
    trail: Sequence[str] = (),
    watch: bool | None = None,
) -> None:
    """Record a submission whose files are still to be fetched."""
    asked = {**asdict(address), "trail": list(trail), "watch": watch}
    await tx.execute(
        "INSERT INTO ingestion.uploads (id, creator_id, source_id, content_hash, files, address, feed_id, created_at)"
        " VALUES (%s, %s, %s, '', '{}', %s, %s, %s)",
        (new_id(), creator_id, source_id, as_json(asked), feed_id, now),
    )


async def claim_fetch(tx: Transaction, upload_id: UUID) -> None:
    """Note that a person asked for it too."""
    await tx.execute("UPDATE ingestion.uploads SET feed_id = NULL WHERE id = %s", (upload_id,))


async def note_wait(tx: Transaction, upload_id: UUID) -> None:
    """Note that nobody works on a submission for hours, until it is taken up again."""
    await tx.execute(
        """UPDATE ingestion.uploads SET address = address || '{"waits": true}' WHERE id = %s""", (upload_id,)
    )


async def record_fetch(
    tx: Transaction, upload_id: UUID, *, content_hash: str, files: dict[str, StoredFile]
) -> None:
    """Keep what was fetched, so that it need not be again."""
    await tx.execute(
        "UPDATE ingestion.uploads SET content_hash = %s, files = %s WHERE id = %s",
        (content_hash, _files_json(files), upload_id),
    )


def _files_json(files: dict[str, StoredFile]) -> object:
    return as_json({name: {"sha256": file.sha256, "size": file.size} for name, file in files.items()})


async def newest_upload(tx: Transaction, source_id: SourceId) -> Upload | None:
    """What was submitted last for the source."""
    row = await tx.fetch_one(
        _UploadRow,
        "SELECT id, creator_id, source_id, content_hash, state, files, address, feed_id FROM ingestion.uploads"
        " WHERE source_id = %s ORDER BY id DESC LIMIT 1",
        (source_id,),
    )
    return None if row is None else row.upload()


async def take_up(tx: Transaction, upload: Upload) -> None:
    """Mark a submission as taken up by a job; earlier ones that still wait are superseded by it."""
    await tx.execute(
        "UPDATE ingestion.uploads SET state = CASE WHEN id = %(id)s THEN 'taken' ELSE 'done' END, address = address - 'waits'"
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
