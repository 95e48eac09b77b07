"""The statements of the overlay.

A correction is keyed by what it replaces, and every generation of a source takes it up where it still says that. What a
generation says is settled when it is written, so that passages and quotes of one generation always agree; whether
that is what the creator wants is asked with `outdated`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from creators.edits.types import Correction, SpokenSegment, TextChange
from runtime.clock import Clock
from runtime.database import Transaction
from runtime.ids import CreatorId, SourceId


@dataclass(frozen=True, slots=True)
class _CorrectionRow:
    source_id: UUID
    external_id: str
    title: str
    key: str
    original: str
    text: str
    state: Literal["applied", "pending", "not_applied"]
    segments: int
    start_ms: int | None
    created_at: datetime
    updated_at: datetime

    def correction(self) -> Correction:
        return Correction(
            source_id=SourceId(self.source_id),
            external_id=self.external_id,
            title=self.title,
            key=self.key,
            original=self.original,
            text=self.text,
            state=self.state,
            segments=self.segments,
            start_ms=self.start_ms,
            created_at=self.created_at,
            updated_at=self.updated_at,
        )


@dataclass(frozen=True, slots=True)
class _TextRow:
    source_id: UUID
    original: str
    correction: str | None
    segments: int
    start_ms: int | None

    def change(self) -> TextChange:
        return TextChange(
            source_id=SourceId(self.source_id),
            original=self.original,
            before=self.correction,
            after=self.correction,
            segments=self.segments,
            start_ms=self.start_ms,
        )


class SegmentEdits:
    """The corrections of segments."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def apply(self, tx: Transaction, source_id: SourceId, generation: int) -> int:
        """Have a generation, of which the segments were just written, say what was corrected; in how many segments."""
        return await tx.execute(
            "UPDATE creators.segments g SET corrected = e.text FROM creators.segment_edits e"
            " WHERE g.source_id = %s AND g.generation = %s AND e.source_id = g.source_id"
            " AND e.spoken_hash = g.spoken_hash",
            (source_id, generation),
        )

    async def copy_published(self, tx: Transaction, source_id: SourceId, generation: int) -> None:
        """Write the segments of the published generation, as they were heard, as those of `generation`."""
        await tx.execute(
            "DELETE FROM creators.segments WHERE source_id = %s AND generation = %s", (source_id, generation)
        )
        await tx.execute(
            "INSERT INTO creators.segments (source_id, generation, ordinal, start_ms, end_ms, page, heading, speaker,"
            " role, text, word_starts_ms)"
            " SELECT g.source_id, %s, g.ordinal, g.start_ms, g.end_ms, g.page, g.heading, g.speaker, g.role, g.text,"
            " g.word_starts_ms FROM creators.segments g"
            " JOIN creators.sources s ON s.id = g.source_id AND s.generation = g.generation WHERE s.id = %s",
            (generation, source_id),
        )

    async def outdated(self, tx: Transaction, source_id: SourceId) -> bool:
        """Whether what is published differs from what the creator wants said."""
        return await tx.fetch_value(
            "SELECT EXISTS (SELECT FROM creators.sources s"
            " JOIN creators.segments g ON g.source_id = s.id AND g.generation = s.generation"
            " LEFT JOIN creators.segment_edits e ON e.source_id = g.source_id AND e.spoken_hash = g.spoken_hash"
            " WHERE s.id = %s AND g.corrected IS DISTINCT FROM e.text)",
            (source_id,),
        )

    async def segments(
        self,
        tx: Transaction,
        source_id: SourceId,
        *,
        after: int = -1,
        limit: int,
        at_ms: int | None = None,
        only_corrected: bool = False,
    ) -> list[SpokenSegment]:
        """Published segments in order behind the ordinal `after`; only those that are spoken at `at_ms`, or that are
        or were corrected, if asked for."""
        return await tx.fetch_all(
            SpokenSegment,
            "SELECT g.ordinal, encode(g.spoken_hash, 'hex') AS key, g.start_ms, g.end_ms, g.page, g.heading,"
            " g.speaker, g.role, coalesce(g.corrected, g.text) AS text, g.text AS original, e.text AS correction"
            " FROM creators.sources s"
            " JOIN creators.segments g ON g.source_id = s.id AND g.generation = s.generation"
            " LEFT JOIN creators.segment_edits e ON e.source_id = g.source_id AND e.spoken_hash = g.spoken_hash"
            " WHERE s.id = %(source)s AND g.ordinal > %(after)s"
            " AND (%(at)s::bigint IS NULL OR %(at)s BETWEEN g.start_ms AND g.end_ms)"
            " AND (NOT %(corrected)s OR num_nonnulls(g.corrected, e.text) > 0)"
            " ORDER BY g.ordinal LIMIT %(limit)s",
            {
                "source": source_id,
                "after": after,
                "at": at_ms,
                "corrected": only_corrected,
                "limit": limit,
            },
        )

    async def corrections(
        self,
        tx: Transaction,
        creator_id: CreatorId,
        *,
        source_id: SourceId | None = None,
        after: tuple[SourceId, str] | None = None,
        limit: int,
    ) -> list[Correction]:
        """A creator's corrections, or those of one source, by source and key, behind the one that `after` names."""
        rows = await tx.fetch_all(
            _CorrectionRow,
            "SELECT e.source_id, s.external_id, s.title, encode(e.spoken_hash, 'hex') AS key, e.original, e.text,"
            " CASE WHEN p.segments = 0 THEN 'not_applied' WHEN p.applied THEN 'applied' ELSE 'pending' END AS state,"
            " p.segments, p.start_ms, e.created_at, e.updated_at"
            " FROM creators.segment_edits e JOIN creators.sources s ON s.id = e.source_id"
            " CROSS JOIN LATERAL (SELECT count(*)::int AS segments, min(g.start_ms) AS start_ms,"
            "  bool_and(g.corrected IS NOT DISTINCT FROM e.text) AS applied FROM creators.segments g"
            "  WHERE g.source_id = s.id AND g.generation = s.generation AND g.spoken_hash = e.spoken_hash) p"
            " WHERE e.creator_id = %(creator)s AND (%(source)s::uuid IS NULL OR e.source_id = %(source)s)"
            " AND (%(after)s::uuid IS NULL OR (e.source_id, e.spoken_hash) > (%(after)s, decode(%(key)s, 'hex')))"
            " ORDER BY e.source_id, e.spoken_hash LIMIT %(limit)s",
            {
                "creator": creator_id,
                "source": source_id,
                "after": None if after is None else after[0],
                "key": None if after is None else after[1],
                "limit": limit,
            },
        )
        return [row.correction() for row in rows]

    async def one(self, tx: Transaction, source_id: SourceId, key: str) -> TextChange | None:
        """What a source says under a key, and what it is corrected to, unchanged; None when it never said it."""
        row = await tx.fetch_one(
            _TextRow,
            "SELECT s.id AS source_id, coalesce(e.original, p.original) AS original, e.text AS correction, p.segments,"
            " p.start_ms FROM creators.sources s"
            " LEFT JOIN creators.segment_edits e ON e.source_id = s.id AND e.spoken_hash = decode(%(key)s, 'hex')"
            " CROSS JOIN LATERAL (SELECT count(*)::int AS segments, min(g.start_ms) AS start_ms,"
            "  min(g.text) AS original FROM creators.segments g WHERE g.source_id = s.id"
            "  AND g.generation = s.generation AND g.spoken_hash = decode(%(key)s, 'hex')) p"
            " WHERE s.id = %(source)s AND coalesce(e.original, p.original) IS NOT NULL",
            {"key": key, "source": source_id},
        )
        return None if row is None else row.change()

    async def said(self, tx: Transaction, texts: Sequence[tuple[SourceId, str]]) -> list[TextChange]:
        """For each source and text of it, in this order: whether it says it, and what it is corrected to, unchanged."""
        rows = await tx.fetch_all(
            _TextRow,
            "SELECT w.source_id, coalesce(e.original, w.original) AS original, e.text AS correction, p.segments,"
            " p.start_ms FROM unnest(%s::uuid[], %s::text[]) WITH ORDINALITY AS w (source_id, original, place)"
            " JOIN creators.sources s ON s.id = w.source_id"
            " LEFT JOIN creators.segment_edits e ON e.source_id = s.id"
            "  AND e.spoken_hash = creators.spoken_hash(w.original)"
            " CROSS JOIN LATERAL (SELECT count(*)::int AS segments, min(g.start_ms) AS start_ms"
            "  FROM creators.segments g WHERE g.source_id = s.id AND g.generation = s.generation"
            "  AND g.spoken_hash = creators.spoken_hash(w.original)) p ORDER BY w.place",
            ([source for source, _ in texts], [text for _, text in texts]),
        )
        return [row.change() for row in rows]

    async def holding(
        self, tx: Transaction, creator_id: CreatorId, source_id: SourceId | None, needle: str, limit: int
    ) -> list[TextChange]:
        """What a creator's sources say, or one does, each text once, where it or its correction has `needle`.

        `needle` is in lower case. By source, in order of the first place.
        """
        rows = await tx.fetch_all(
            _TextRow,
            "SELECT s.id AS source_id, min(g.text) AS original, e.text AS correction, count(*)::int AS segments,"
            " min(g.start_ms) AS start_ms FROM creators.sources s"
            " JOIN creators.segments g ON g.source_id = s.id AND g.generation = s.generation"
            " LEFT JOIN creators.segment_edits e ON e.source_id = g.source_id AND e.spoken_hash = g.spoken_hash"
            " WHERE s.creator_id = %(creator)s AND (%(source)s::uuid IS NULL OR s.id = %(source)s)"
            " AND strpos(lower(coalesce(e.text, g.text)), %(needle)s) > 0"
            " GROUP BY s.id, g.spoken_hash, e.text ORDER BY s.id, min(g.ordinal) LIMIT %(limit)s",
            {"creator": creator_id, "source": source_id, "needle": needle, "limit": limit},
        )
        return [row.change() for row in rows]

    async def make(self, tx: Transaction, changes: Sequence[TextChange]) -> None:
        """Keep corrections, and forget those with nothing `after`."""
        now = self._clock.now()
        await tx.execute_many(
            "INSERT INTO creators.segment_edits (source_id, creator_id, original, text, created_at, updated_at)"
            " SELECT id, creator_id, %s, %s, %s, %s FROM creators.sources WHERE id = %s"
            " ON CONFLICT (source_id, spoken_hash) DO UPDATE SET text = excluded.text, updated_at = excluded.updated_at"
            " WHERE segment_edits.text <> excluded.text",
            [(c.original, c.after, now, now, c.source_id) for c in changes if c.after is not None],
        )
        await tx.execute_many(
            "DELETE FROM creators.segment_edits WHERE source_id = %s AND spoken_hash = creators.spoken_hash(%s)",
            [(c.source_id, c.original) for c in changes if c.after is None],
        )

    async def count(self, tx: Transaction, source_id: SourceId) -> int:
        """How many corrections there are of a source."""
        return await tx.fetch_value(
            "SELECT count(*) FROM creators.segment_edits WHERE source_id = %s", (source_id,)
        )
