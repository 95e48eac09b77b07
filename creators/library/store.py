"""The statements of the library."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from creators.edits import SegmentEdits
from creators.library.rows import SegmentRow, SourceRow
from creators.types import (
    Access,
    Coverage,
    Segment,
    Source,
    SourceChanges,
    SourceFacts,
)
from runtime.clock import Clock
from runtime.database import Transaction, as_json
from runtime.errors import NotFound
from runtime.ids import CreatorId, SourceId, new_id


@dataclass(frozen=True, slots=True)
class _CoverageRow:
    sources: int
    duration_ms: int
    latest: datetime | None


_SOURCES: LiteralString = (
    "SELECT id, creator_id, origin, external_id, kind, title, url, published_at, duration_ms, language,"
    " chapters, speakers, access, visible_from, withdrawn_at, generation, content_hash, error_code,"
    " next_step, created_at, ready_at, withdrawn_reason, tags, archived_at FROM creators.sources"
)


class Library:
    """What the creators published: sources, and word for word what is in them; `edits` are the creators' corrections."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.edits = SegmentEdits(clock)

    async def register(
        self, tx: Transaction, creator_id: CreatorId, facts: SourceFacts, *, access: Access = "public"
    ) -> Source:
        """The source of this origin and external id, made if it is new; facts are set by `publish`."""
        await tx.execute(
            "INSERT INTO creators.sources (id, creator_id, origin, external_id, kind, title, url, published_at,"
            " duration_ms, language, chapters, speakers, access, created_at, updated_at)"
            " VALUES (%(id)s, %(creator)s, %(origin)s, %(external_id)s, %(kind)s, %(title)s, %(url)s,"
            " %(published_at)s, %(duration_ms)s, %(language)s, %(chapters)s, %(speakers)s, %(access)s,"
            " %(now)s, %(now)s) ON CONFLICT (creator_id, origin, external_id) DO NOTHING",
            {
                **_facts_params(facts),
                "id": new_id(),
                "creator": creator_id,
                "origin": facts.origin,
                "external_id": facts.external_id,
                "access": access,
                "now": self._clock.now(),
            },
        )
        row = await tx.fetch_one(
            SourceRow,
            _SOURCES + " WHERE creator_id = %s AND origin = %s AND external_id = %s",
            (creator_id, facts.origin, facts.external_id),
        )
        return _found(row)

    async def source(self, tx: Transaction, source_id: SourceId) -> Source:
        """One source. Raises NotFound `source_not_found`."""
        row = await tx.fetch_one(
            SourceRow,
            _SOURCES + " WHERE id = %s",
            (source_id,),
        )
        return _found(row)

    async def sources(self, tx: Transaction, creator_id: CreatorId) -> list[Source]:
        """All sources of a creator, newest publication first."""
        rows = await tx.fetch_all(
            SourceRow,
            _SOURCES + " WHERE creator_id = %s ORDER BY published_at DESC NULLS LAST, id",
            (creator_id,),
        )
        return [row.source() for row in rows]

    async def page(
        self,
        tx: Transaction,
        creator_id: CreatorId,
        *,
        limit: int,
        after: tuple[datetime | None, SourceId] | None = None,
        access: frozenset[Access] | None = None,
        among: Collection[SourceId] | None = None,
    ) -> list[Source]:
        """The next sources in the order of `sources`, after the one published at that time with that id.

        With `access`, those that answer somebody who has it, now; with `among`, of these ones.
        """
        published_at, last = after or (None, None)
        rows = await tx.fetch_all(
            SourceRow,
            _SOURCES
            + " WHERE creator_id = %(creator)s AND (%(access)s::text[] IS NULL OR (access = ANY(%(access)s)"
            "  AND generation IS NOT NULL AND withdrawn_at IS NULL AND archived_at IS NULL"
            "  AND (visible_from IS NULL OR visible_from <= %(now)s)))"
            " AND (%(among)s::uuid[] IS NULL OR id = ANY(%(among)s))"
            " AND CASE WHEN %(last)s::uuid IS NULL THEN true"
            "  WHEN %(published_at)s::timestamptz IS NULL THEN published_at IS NULL AND id > %(last)s"
            "  ELSE published_at IS NULL OR published_at < %(published_at)s"
            "   OR (published_at = %(published_at)s AND id > %(last)s) END"
            " ORDER BY published_at DESC NULLS LAST, id LIMIT %(limit)s",
            {
                "creator": creator_id,
                "access": None if access is None else sorted(access),
                "now": self._clock.now(),
                "among": None if among is None else list(among),
                "last": last,
                "published_at": published_at,
                "limit": limit,
            },
        )
        return [row.source() for row in rows]

    async def lock(self, tx: Transaction, source_id: SourceId) -> None:
        """Keep others from changing the source until the transaction ends."""
        await tx.execute("SELECT id FROM creators.sources WHERE id = %s FOR UPDATE", (source_id,))

    async def write_segments(
        self, tx: Transaction, source_id: SourceId, generation: int, segments: Sequence[Segment]
    ) -> int:
        """Put these segments in place of whatever the generation held, and apply the corrections; how many it changed."""
        await tx.execute(
            "DELETE FROM creators.segments WHERE source_id = %s AND generation = %s", (source_id, generation)
        )
        await tx.copy_rows(
            "COPY creators.segments (source_id, generation, ordinal, start_ms, end_ms, page, heading, speaker,"
            " role, text, word_starts_ms) FROM STDIN",
            [_segment_values(source_id, generation, segment) for segment in segments],
        )
        return await self.edits.apply(tx, source_id, generation)

    async def segments(
        self, tx: Transaction, source_id: SourceId, generation: int, *, first: int = 0, last: int = 2**31 - 1
    ) -> list[Segment]:
        """Segments of a generation as corrected, in order, ordinals `first` to `last` both included."""
        rows = await tx.fetch_all(
            SegmentRow,
            "SELECT ordinal, text, start_ms, end_ms, page, heading, speaker, role, word_starts_ms, corrected"
            " FROM creators.segments WHERE source_id = %s AND generation = %s AND ordinal BETWEEN %s AND %s"
            " ORDER BY ordinal",
            (source_id, generation, first, last),
        )
        return [row.segment() for row in rows]

    async def publish(
        self, tx: Transaction, source_id: SourceId, generation: int, facts: SourceFacts, *, content_hash: str
    ) -> None:
        """Make a generation the one that answers, with the facts that came with it; drop the ones before."""
        await tx.execute(
            "UPDATE creators.sources SET kind = %(kind)s, title = %(title)s, url = %(url)s,"
            " published_at = %(published_at)s, duration_ms = %(duration_ms)s, language = %(language)s,"
            " chapters = %(chapters)s, speakers = %(speakers)s, generation = %(generation)s,"
            " content_hash = %(content_hash)s, error_code = NULL, next_step = NULL,"
            " ready_at = coalesce(ready_at, %(now)s), updated_at = %(now)s WHERE id = %(id)s",
            {
                **_facts_params(facts),
                "generation": generation,
                "content_hash": content_hash,
                "now": self._clock.now(),
                "id": source_id,
            },
        )
        await tx.execute(
            "DELETE FROM creators.segments WHERE source_id = %s AND generation <> %s", (source_id, generation)
        )

    async def mark_failed(self, tx: Transaction, source_id: SourceId, code: str, next_step: str = "") -> None:
        """Remember why the last attempt failed; what was published before goes on answering."""
        await tx.execute(
            "DELETE FROM creators.segments g USING creators.sources s WHERE s.id = %s AND g.source_id = s.id"
            " AND g.generation IS DISTINCT FROM s.generation",
            (source_id,),
        )
        await tx.execute(
            "UPDATE creators.sources SET error_code = %s, next_step = nullif(%s, ''), updated_at = %s WHERE id = %s",
            (code, next_step, self._clock.now(), source_id),
        )

    async def mark_waiting(self, tx: Transaction, source_id: SourceId, next_step: str) -> None:
        """Say what is waited for until the source, or its next version, can be taken in; it has not failed."""
        await tx.execute(
            "UPDATE creators.sources SET error_code = NULL, next_step = %s, updated_at = %s"
            " WHERE id = %s AND withdrawn_at IS NULL",
            (next_step, self._clock.now(), source_id),
        )

    async def mark_unchanged(self, tx: Transaction, source_id: SourceId) -> None:
        """Forget that an attempt failed: what is published is what the origin has."""
        await tx.execute(
            "UPDATE creators.sources SET error_code = NULL, next_step = NULL, updated_at = %s WHERE id = %s",
            (self._clock.now(), source_id),
        )

    async def set_access(self, tx: Transaction, source_id: SourceId, access: Access) -> None:
        """Say who may be answered from the source."""
        await tx.execute(
            "UPDATE creators.sources SET access = %s, updated_at = %s WHERE id = %s",
            (access, self._clock.now(), source_id),
        )

    async def withdraw(
        self, tx: Transaction, source_id: SourceId, *, reason: str, next_step: str = ""
    ) -> bool:
        """Stop answering from a source that its origin took back, and keep it; False when that is so already."""
        return bool(
            await tx.execute(
                "UPDATE creators.sources SET withdrawn_at = %(now)s, withdrawn_reason = %(reason)s,"
                " next_step = nullif(%(next_step)s, ''), updated_at = %(now)s"
                " WHERE id = %(id)s AND withdrawn_at IS NULL",
                {"now": self._clock.now(), "reason": reason, "next_step": next_step, "id": source_id},
            )
        )

    async def restore(self, tx: Transaction, source_id: SourceId) -> bool:
        """Answer again from a source that its origin had taken back; False when it had not, or a person did it."""
        return bool(
            await tx.execute(
                "UPDATE creators.sources SET withdrawn_at = NULL, withdrawn_reason = NULL, error_code = NULL,"
                " next_step = NULL, updated_at = %s WHERE id = %s AND withdrawn_reason IS NOT NULL",
                (self._clock.now(), source_id),
            )
        )

    async def change(
        self, tx: Transaction, creator_id: CreatorId, source_id: SourceId, changes: SourceChanges
    ) -> Source:
        """Set what the creator decides about a source. Raises NotFound `source_not_found`, also for another creator's."""
        now = self._clock.now()
        await tx.execute(
            "UPDATE creators.sources SET tags = coalesce(%(tags)s::text[], tags),"
            " archived_at = CASE WHEN %(archived)s::boolean IS NULL THEN archived_at"
            "  WHEN %(archived)s THEN coalesce(archived_at, %(now)s) END,"
            " access = coalesce(%(access)s, access),"
            " visible_from = CASE WHEN %(unveil)s THEN NULL ELSE coalesce(%(visible_from)s, visible_from) END,"
            " updated_at = %(now)s WHERE id = %(id)s AND creator_id = %(creator)s",
            {
                "tags": None if changes.tags is None else list(changes.tags),
                "archived": changes.archived,
                "access": changes.access,
                "visible_from": changes.visible_from,
                "unveil": changes.unveil,
                "now": now,
                "id": source_id,
                "creator": creator_id,
            },
        )
        source = await self.source(tx, source_id)
        if source.creator_id != creator_id:
            raise NotFound(
                "source_not_found", "There is no such source.", next_step="List the creator's sources."
            )
        return source

    async def take_down(
        self, tx: Transaction, creator_id: CreatorId, source_id: SourceId | None = None
    ) -> None:
        """Let a source, or all of a creator, answer nobody from now on."""
        now = self._clock.now()
        await tx.execute(
            "UPDATE creators.sources SET withdrawn_at = %(now)s, updated_at = %(now)s WHERE creator_id = %(creator)s"
            " AND (%(source)s::uuid IS NULL OR id = %(source)s) AND withdrawn_at IS NULL",
            {"now": now, "creator": creator_id, "source": source_id},
        )

    async def count_segments(self, tx: Transaction, source_id: SourceId) -> int:
        """How many segments there are of a source, of all generations."""
        return await tx.fetch_value(
            "SELECT count(*) FROM creators.segments WHERE source_id = %s", (source_id,)
        )

    async def remove(self, tx: Transaction, source_id: SourceId) -> int:
        """Delete a source with its segments; 0 when there is none."""
        return await tx.execute("DELETE FROM creators.sources WHERE id = %s", (source_id,))

    async def coverage(
        self, tx: Transaction, creator_id: CreatorId, *, access: frozenset[Access]
    ) -> Coverage:
        """What somebody with this access can be answered from, now."""
        row = await tx.fetch_one(
            _CoverageRow,
            "SELECT count(*)::int AS sources, coalesce(sum(duration_ms), 0)::bigint AS duration_ms,"
            " max(published_at) AS latest FROM creators.readable_sources"
            " WHERE creator_id = %s AND access = ANY(%s) AND (visible_from IS NULL OR visible_from <= %s)",
            (creator_id, sorted(access), self._clock.now()),
        )
        if row is None:
            return Coverage(0, 0.0, None)
        return Coverage(row.sources, round(row.duration_ms / 3_600_000, 2), row.latest)


def _found(row: SourceRow | None) -> Source:
    if row is None:
        raise NotFound(
            "source_not_found", "There is no such source.", next_step="List the creator's sources."
        )
    return row.source()


def _facts_params(facts: SourceFacts) -> dict[str, object]:
    return {
        "kind": facts.kind,
        "title": facts.title,
        "url": facts.url,
        "published_at": facts.published_at,
        "duration_ms": facts.duration_ms,
        "language": facts.language,
        "chapters": as_json([{"start_ms": c.start_ms, "title": c.title} for c in facts.chapters]),
        "speakers": list(facts.speakers),
    }


def _segment_values(source_id: SourceId, generation: int, segment: Segment) -> tuple[object, ...]:
    starts = segment.word_starts_ms
    return (
        source_id,
        generation,
        segment.ordinal,
        segment.start_ms,
        segment.end_ms,
        segment.page,
        segment.heading,
        segment.speaker,
        segment.role,
        segment.text,
        None if starts is None else list(starts),
    )
