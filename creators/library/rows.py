"""The rows of the library's tables, and what they say."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from creators.edits.wording import retimed
from creators.types import (
    Access,
    Chapter,
    Origin,
    Role,
    Segment,
    Source,
    SourceFacts,
    SourceKind,
    SourceState,
)
from runtime.ids import CreatorId, SourceId


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A row of `creators.sources`."""

    id: UUID
    creator_id: UUID
    origin: Origin
    external_id: str
    kind: SourceKind
    title: str
    url: str | None
    published_at: datetime | None
    duration_ms: int | None
    language: str | None
    chapters: list[dict[str, Any]]
    speakers: list[str]
    access: Access
    visible_from: datetime | None
    withdrawn_at: datetime | None
    generation: int | None
    content_hash: str | None
    error_code: str | None
    next_step: str | None
    created_at: datetime
    ready_at: datetime | None
    withdrawn_reason: str | None
    tags: list[str]
    archived_at: datetime | None

    def _state(self) -> SourceState:
        if self.withdrawn_at is not None:
            return "withdrawn"
        if self.generation is not None:
            return "ready"
        return "failed" if self.error_code else "pending"

    def source(self) -> Source:
        """What the row says."""
        facts = SourceFacts(
            origin=self.origin,
            external_id=self.external_id,
            kind=self.kind,
            title=self.title,
            url=self.url,
            published_at=self.published_at,
            duration_ms=self.duration_ms,
            language=self.language,
            chapters=tuple(Chapter(c["start_ms"], c["title"]) for c in self.chapters),
            speakers=tuple(self.speakers),
        )
        return Source(
            id=SourceId(self.id),
            creator_id=CreatorId(self.creator_id),
            facts=facts,
            access=self.access,
            visible_from=self.visible_from,
            state=self._state(),
            generation=self.generation,
            content_hash=self.content_hash,
            error_code=self.error_code,
            next_step=self.next_step,
            first_seen_at=self.created_at,
            ready_at=self.ready_at,
            withdrawn_reason=self.withdrawn_reason,
            tags=tuple(self.tags),
            archived=self.archived_at is not None,
        )


@dataclass(frozen=True, slots=True)
class SegmentRow:
    """A row of `creators.segments`."""

    ordinal: int
    text: str
    start_ms: int | None
    end_ms: int | None
    page: int | None
    heading: str | None
    speaker: str | None
    role: Role
    word_starts_ms: list[int] | None
    corrected: str | None

    def segment(self) -> Segment:
        """What the row says, corrected where it is."""
        starts = self.word_starts_ms
        if starts is not None and self.corrected is not None:
            starts = retimed(self.text, starts, self.corrected, self.end_ms)
        return Segment(
            ordinal=self.ordinal,
            text=self.corrected or self.text,
            start_ms=self.start_ms,
            end_ms=self.end_ms,
            page=self.page,
            heading=self.heading,
            speaker=self.speaker,
            role=self.role,
            word_starts_ms=None if starts is None else tuple(starts),
        )
