"""The statements of retrieval: passages, where they stand, and their vectors."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from creators import Role, open_at
from retrieval.types import Hit, Query
from runtime.database import Reader, Transaction
from runtime.ids import CreatorId, PassageId, SourceId

# What a fan may see is decided here, in SQL, for every hit: the index only proposes ids.


@dataclass(frozen=True, slots=True)
class _HitRow:
    passage_id: UUID
    source_id: UUID
    external_id: str
    origin: str
    kind: str
    title: str
    url: str | None
    text: str
    start_ms: int | None
    end_ms: int | None
    page: int | None
    heading: str | None
    speaker: str | None
    speaker_role: Role
    sponsor: bool
    published_at: datetime | None
    generation: int
    ordinal: int
    first_segment: int
    last_segment: int

    def hit(self) -> Hit:
        return Hit(
            passage_id=PassageId(self.passage_id),
            source_id=SourceId(self.source_id),
            external_id=self.external_id,
            origin=self.origin,
            kind=self.kind,
            title=self.title,
            url=open_at(
                origin=self.origin,
                external_id=self.external_id,
                url=self.url,
                start_ms=self.start_ms,
                page=self.page,
                heading=self.heading,
            ),
            text=self.text,
            start_ms=self.start_ms,
            end_ms=self.end_ms,
            page=self.page,
            heading=self.heading,
            speaker=self.speaker,
            speaker_role=self.speaker_role,
            sponsor=self.sponsor,
            published_at=self.published_at,
            generation=self.generation,
            ordinal=self.ordinal,
            first_segment=self.first_segment,
            last_segment=self.last_segment,
            score=0.0,
            dense=None,
            lexical=None,
        )


_SELECT_HIT = (
    "SELECT p.id AS passage_id, s.id AS source_id, s.external_id, s.origin, s.kind, s.title, s.url, p.text,"
    " o.start_ms, o.end_ms, p.page, p.heading, p.speaker, p.speaker_role, p.sponsor, s.published_at,"
    " o.generation, o.ordinal, o.first_segment, o.last_segment"
)


# OFFSET 0 has both read by their keys: on tables that grew since they were last analysed, the planner would read all
# passages of the creator.
_FROM_IDS = (
    " FROM (SELECT * FROM retrieval.passages WHERE id = ANY(%(ids)s) OFFSET 0) p"
    " JOIN (SELECT * FROM retrieval.placements WHERE passage_id = ANY(%(ids)s) OFFSET 0) o ON o.passage_id = p.id"
)


async def hydrate(tx: Reader, query: Query, ids: Sequence[PassageId], now: datetime) -> dict[PassageId, Hit]:
    """Those of the passages that the asker may read now, without scores.

    Foreign, withdrawn, embargoed, no longer published or not accessible ones are not in the answer.
    """
    rows = await tx.fetch_all(
        _HitRow,
        _SELECT_HIT
        + _FROM_IDS
        + " JOIN creators.readable_sources s ON s.id = o.source_id AND s.generation = o.generation"
        " WHERE p.creator_id = %(creator)s AND s.creator_id = %(creator)s"
        " AND s.access = ANY(%(access)s) AND (s.visible_from IS NULL OR s.visible_from <= %(now)s)"
        " AND (%(sources)s::uuid[] IS NULL OR s.id = ANY(%(sources)s::uuid[]))",
        {
            "ids": list(ids),
            "creator": query.creator_id,
            "access": sorted(query.access),
            "now": now,
            "sources": None if query.sources is None else list(query.sources),
        },
    )
    return {PassageId(row.passage_id): row.hit() for row in rows}


async def answerable(tx: Reader, query: Query, index: str, now: datetime) -> bool:
    """Whether the asker may read anything that the index is known to have."""
    return await tx.fetch_value(
        "SELECT EXISTS (SELECT FROM creators.readable_sources s"
        " JOIN retrieval.placements o ON o.source_id = s.id AND o.generation = s.generation"
        " JOIN retrieval.passages p ON p.id = o.passage_id"
        " WHERE s.creator_id = %(creator)s AND %(index)s = ANY(p.indexed_in)"
        " AND s.access = ANY(%(access)s) AND (s.visible_from IS NULL OR s.visible_from <= %(now)s)"
        " AND (%(sources)s::uuid[] IS NULL OR s.id = ANY(%(sources)s::uuid[])))",
        {
            "creator": query.creator_id,
            "index": index,
            "access": sorted(query.access),
            "now": now,
            "sources": None if query.sources is None else list(query.sources),
        },
    )


# So many passages on each side are looked through for the edges of a sponsor read.
_REACH = 8


@dataclass(frozen=True, slots=True)
class _Range:
    first: int
    last: int


async def surroundings(tx: Transaction, hit: Hit, *, segments: int) -> tuple[int, int]:
    """First and last ordinal of the segments around a hit, so many on each side, that may be quoted with it: up to
    where a sponsor read begins or ends, so that advertising is not read as advice."""
    found = await tx.fetch_one(
        _Range,
        "SELECT greatest(%(low)s, max(o.last_segment) FILTER (WHERE o.ordinal < %(ordinal)s) + 1) AS first,"
        " least(%(high)s, min(o.first_segment) FILTER (WHERE o.ordinal > %(ordinal)s) - 1) AS last"
        " FROM retrieval.placements o JOIN retrieval.passages p ON p.id = o.passage_id"
        " WHERE o.source_id = %(source)s AND o.generation = %(generation)s AND p.sponsor <> %(sponsor)s"
        " AND o.ordinal BETWEEN %(ordinal)s - %(reach)s AND %(ordinal)s + %(reach)s",
        {
            "low": (low := hit.first_segment - segments),
            "high": (high := hit.last_segment + segments),
            "source": hit.source_id,
            "generation": hit.generation,
            "sponsor": hit.sponsor,
            "ordinal": hit.ordinal,
            "reach": _REACH,
        },
    )
    return (low, high) if found is None else (found.first, found.last)


def scored(hit: Hit, *, score: float, dense: float, lexical: float | None) -> Hit:
    """The hit with the scores that found it."""
    return replace(hit, score=score, dense=dense, lexical=lexical)


@dataclass(frozen=True, slots=True)
class TextRow:
    """Header and text of a passage, and what they are known by."""

    content_hash: bytes
    text: str


@dataclass(frozen=True, slots=True)
class IndexRow:
    """A passage as the index takes it; `text` is header and text, `vector` None when there is none yet."""

    id: UUID
    source_id: UUID
    content_hash: bytes
    text: str
    vector: bytes | None


@dataclass(frozen=True, slots=True)
class IndexedRow:
    """A passage, and the indexes that have it."""

    id: UUID
    creator_id: UUID
    indexed_in: list[str]


async def put_passages(tx: Transaction, rows: Sequence[tuple[object, ...]]) -> None:
    """Write passages. One that is there stays, with the page, speaker and so on that were given now."""
    await tx.execute_many(
        "INSERT INTO retrieval.passages (id, creator_id, source_id, chunker, content_hash, text, header, page,"
        " heading, speaker, speaker_role, sponsor, token_count)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (id) DO UPDATE SET page = excluded.page, heading = excluded.heading,"
        " speaker = excluded.speaker, speaker_role = excluded.speaker_role, sponsor = excluded.sponsor,"
        " token_count = excluded.token_count"
        " WHERE (passages.page, passages.heading, passages.speaker, passages.speaker_role, passages.sponsor,"
        " passages.token_count) IS DISTINCT FROM (excluded.page, excluded.heading, excluded.speaker,"
        " excluded.speaker_role, excluded.sponsor, excluded.token_count)",
        rows,
    )


async def put_placements(
    tx: Transaction, source_id: SourceId, generation: int, rows: Sequence[tuple[object, ...]]
) -> None:
    """Put these placements in place of the generation's."""
    await tx.execute(
        "DELETE FROM retrieval.placements WHERE source_id = %s AND generation = %s", (source_id, generation)
    )
    await tx.copy_rows(
        "COPY retrieval.placements (source_id, generation, ordinal, passage_id, first_segment, last_segment,"
        " start_ms, end_ms) FROM STDIN",
        rows,
    )


async def unembedded(tx: Transaction, source_id: SourceId, generation: int, embedder: str) -> list[TextRow]:
    """Texts of a generation for which the embedder has made no vector, each once, in order of the source."""
    return await tx.fetch_all(
        TextRow,
        "SELECT content_hash, min(header || E'\\n' || text) AS text"
        " FROM retrieval.placements o JOIN retrieval.passages p ON p.id = o.passage_id"
        " WHERE o.source_id = %s AND o.generation = %s AND NOT EXISTS ("
        "  SELECT FROM retrieval.embeddings e WHERE e.embedder = %s AND e.content_hash = p.content_hash)"
        " GROUP BY content_hash ORDER BY min(o.ordinal)",
        (source_id, generation, embedder),
    )


async def put_embeddings(tx: Transaction, embedder: str, rows: Sequence[tuple[bytes, bytes]]) -> None:
    """Keep vectors by the hash of their text."""
    await tx.execute_many(
        "INSERT INTO retrieval.embeddings (embedder, content_hash, vector) VALUES (%s, %s, %s)"
        " ON CONFLICT DO NOTHING",
        [(embedder, content_hash, vector) for content_hash, vector in rows],
    )


async def unindexed_of_generation(
    tx: Transaction, source_id: SourceId, generation: int, index: str, embedder: str, limit: int
) -> list[IndexRow]:
    """Passages of a generation that the index does not have."""
    return await tx.fetch_all(
        IndexRow,
        "SELECT p.id, p.source_id, p.content_hash, p.header || E'\\n' || p.text AS text, e.vector"
        " FROM retrieval.placements o JOIN retrieval.passages p ON p.id = o.passage_id"
        " LEFT JOIN retrieval.embeddings e ON e.embedder = %(embedder)s AND e.content_hash = p.content_hash"
        " WHERE o.source_id = %(source)s AND o.generation = %(generation)s AND %(index)s <> ALL(p.indexed_in)"
        " ORDER BY o.ordinal LIMIT %(limit)s",
        {
            "embedder": embedder,
            "source": source_id,
            "generation": generation,
            "index": index,
            "limit": limit,
        },
    )


async def mark_indexed(tx: Transaction, ids: Sequence[UUID], index: str) -> None:
    """Remember that the index has these passages."""
    await tx.execute(
        "UPDATE retrieval.passages SET indexed_in = array_append(indexed_in, %(index)s)"
        " WHERE id = ANY(%(ids)s) AND %(index)s <> ALL(indexed_in)",
        {"index": index, "ids": list(ids)},
    )


async def stale(tx: Transaction, source_id: SourceId) -> list[IndexedRow]:
    """Passages of a source that neither its published generation, if there is one, nor a later one has."""
    return await tx.fetch_all(
        IndexedRow,
        "SELECT p.id, p.creator_id, p.indexed_in FROM retrieval.passages p"
        " LEFT JOIN creators.readable_sources s ON s.id = p.source_id"
        " WHERE p.source_id = %s AND NOT EXISTS (SELECT FROM retrieval.placements o"
        "  WHERE o.passage_id = p.id AND o.generation >= coalesce(s.generation, 0))",
        (source_id,),
    )


async def discard_placements(tx: Transaction, source_id: SourceId, published: int | None) -> None:
    """Delete the placements of all generations but the published one."""
    await tx.execute(
        "DELETE FROM retrieval.placements WHERE source_id = %s AND generation IS DISTINCT FROM %s",
        (source_id, published),
    )


async def delete_stale(tx: Transaction, source_id: SourceId, ids: Sequence[UUID]) -> None:
    """Delete placements before the published generation, and those of the passages that no other has.

    What a generation has taken in again since is kept, and no longer counts as indexed.
    """
    await tx.execute(
        "DELETE FROM retrieval.placements o USING creators.readable_sources s"
        " WHERE o.source_id = %s AND s.id = o.source_id AND o.generation < s.generation",
        (source_id,),
    )
    await tx.execute(
        "DELETE FROM retrieval.passages p WHERE p.id = ANY(%s)"
        " AND NOT EXISTS (SELECT FROM retrieval.placements o WHERE o.passage_id = p.id)",
        (list(ids),),
    )
    await tx.execute("UPDATE retrieval.passages SET indexed_in = '{}' WHERE id = ANY(%s)", (list(ids),))


async def indexed(tx: Transaction, source_id: SourceId) -> list[IndexedRow]:
    """Passages of a source, and the indexes that have them."""
    return await tx.fetch_all(
        IndexedRow,
        "SELECT id, creator_id, indexed_in FROM retrieval.passages WHERE source_id = %s",
        (source_id,),
    )


async def delete_source(tx: Transaction, source_id: SourceId) -> dict[str, int]:
    """Delete all that there is of a source, and vectors of texts that no other source has; how many of each."""
    # A source that takes in the same words at this moment either has them in the table when the vectors are looked at, or
    # finds that the vector is gone and makes it again.
    await tx.execute("LOCK TABLE retrieval.passages IN SHARE ROW EXCLUSIVE MODE")
    placements = await tx.execute("DELETE FROM retrieval.placements WHERE source_id = %s", (source_id,))
    hashes = await tx.fetch_values(
        "DELETE FROM retrieval.passages WHERE source_id = %s RETURNING content_hash", (source_id,)
    )
    embeddings = await tx.execute(
        "DELETE FROM retrieval.embeddings e WHERE e.content_hash = ANY(%s)"
        " AND NOT EXISTS (SELECT FROM retrieval.passages p WHERE p.content_hash = e.content_hash)",
        (hashes,),
    )
    return {"passages": len(hashes), "placements": placements, "embeddings": embeddings}


async def unmark_indexed(tx: Transaction, creator_id: CreatorId, index: str) -> int:
    """Let no passage of a creator count as indexed there; the number of all its passages."""
    await tx.execute(
        "UPDATE retrieval.passages SET indexed_in = array_remove(indexed_in, %(index)s)"
        " WHERE creator_id = %(creator)s AND %(index)s = ANY(indexed_in)",
        {"index": index, "creator": creator_id},
    )
    return await tx.fetch_value(
        "SELECT count(*) FROM retrieval.passages WHERE creator_id = %s", (creator_id,)
    )


async def passages_after(
    tx: Transaction, creator_id: CreatorId, last: UUID, embedder: str, limit: int
) -> list[IndexRow]:
    """The next passages of a creator, by id."""
    return await tx.fetch_all(
        IndexRow,
        "SELECT p.id, p.source_id, p.content_hash, p.header || E'\\n' || p.text AS text, e.vector"
        " FROM retrieval.passages p"
        " LEFT JOIN retrieval.embeddings e ON e.embedder = %s AND e.content_hash = p.content_hash"
        " WHERE p.creator_id = %s AND p.id > %s ORDER BY p.id LIMIT %s",
        (embedder, creator_id, last, limit),
    )


async def any_indexed(tx: Reader) -> IndexedRow | None:
    """Some passage that an index has; None when there is none."""
    return await tx.fetch_one(
        IndexedRow,
        "SELECT id, creator_id, indexed_in FROM retrieval.passages WHERE indexed_in <> '{}' LIMIT 1",
    )


async def indexed_ids(tx: Reader, creator_id: CreatorId, index: str) -> set[PassageId]:
    """The passages of a creator that the index has."""
    return set(
        await tx.fetch_values(
            "SELECT id FROM retrieval.passages WHERE creator_id = %s AND %s = ANY(indexed_in)",
            (creator_id, index),
        )
    )


async def passage_ids(tx: Reader, creator_id: CreatorId) -> set[PassageId]:
    """All passages of a creator."""
    return set(
        await tx.fetch_values("SELECT id FROM retrieval.passages WHERE creator_id = %s", (creator_id,))
    )
