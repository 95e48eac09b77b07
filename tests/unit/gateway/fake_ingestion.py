"""An ingestion room that takes everything, and says what it was given."""

import hashlib
from collections.abc import AsyncIterable
from dataclasses import dataclass, field
from uuid import UUID

from creators import Access, Creator
from ingestion import Accepted, Submission
from runtime.errors import UnderstudyError
from runtime.files import StoredFile, disk_full
from runtime.ids import FeedId, JobId, SourceId, new_id


@dataclass
class FakeContents:
    """Keeps contents by their hash; what is let go is forgotten unless it was submitted."""

    kept: dict[str, bytes] = field(default_factory=dict)
    limits: list[int | None] = field(default_factory=list)
    let_go_of: list[UUID] = field(default_factory=list)
    full: bool = False

    async def keep(
        self, holder: UUID, content: AsyncIterable[bytes], *, limit: int | None = None
    ) -> StoredFile:
        if self.full:
            raise disk_full()
        data = b"".join([chunk async for chunk in content])
        sha256 = hashlib.sha256(data).hexdigest()
        self.kept[sha256] = data
        self.limits.append(limit)
        return StoredFile(sha256, len(data))

    async def let_go(self, holder: UUID) -> None:
        self.let_go_of.append(holder)


@dataclass
class FakeIngestion:
    unchanged: bool = False
    archive: bool = False
    items: list[dict[str, StoredFile]] = field(default_factory=list)

    async def submit_kept(self, to: Creator, kept: dict[str, StoredFile], holder: UUID) -> Submission:
        self.items.append(dict(kept))
        if self.unchanged:
            return Submission(SourceId(new_id()), None, "unchanged")
        return Submission(None if self.archive else SourceId(new_id()), JobId(new_id()), "queued")


@dataclass
class FakeAddresses:
    """Takes every address, those with `list` in them as collections."""

    submitted: list[tuple[str, bool | None, Access | None]] = field(default_factory=list)
    refusal: UnderstudyError | None = None

    async def submit(
        self, to: Creator, text: str, *, watch: bool | None = None, access: Access | None = None
    ) -> Accepted:
        if self.refusal is not None:
            raise self.refusal
        self.submitted.append((text, watch, access))
        if "list" in text:
            return Accepted(None, FeedId(new_id()), JobId(new_id()))
        return Accepted(SourceId(new_id()), None, JobId(new_id()))
