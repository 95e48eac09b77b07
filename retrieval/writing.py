"""Writing passages: into PostgreSQL, which is the truth, then vectors, then the index.

Every step may be killed anywhere and called again: rows are keyed by content, index writes replace, and a passage
counts as indexed only after the index has it. One source is written by one job at a time; jobs for different
sources, of one creator too, may overlap. No transaction is open while the model or the index works.
"""

import asyncio
import hashlib
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID, uuid5

import numpy as np

from retrieval import store as sql
from retrieval.types import Embedder, IndexEntry, IndexName, PassageDraft, PassageIndex, Vector
from runtime.database import Database, Transaction
from runtime.errors import Defect
from runtime.ids import CreatorId, PassageId, SourceId

Progress = Callable[[int, int], Awaitable[None]]

# Two slices are with the embedder at any time, so that it works on while vectors are stored.
_EMBED_SLICE = 64
_SLICES_AHEAD = 2
_INDEX_SLICE = 256
# Vectors are kept in half precision: on SciFact every nDCG and recall is the same to four digits.
_STORED = np.dtype("<f2")


class PassageWriter:
    """Turns drafts into passages that can be found. What it is given stays its owner's to close."""

    def __init__(self, *, database: Database, embedder: Embedder, index: PassageIndex) -> None:
        self._database = database
        self._embedder = embedder
        self._index = index

    async def store(
        self,
        tx: Transaction,
        *,
        creator_id: CreatorId,
        source_id: SourceId,
        generation: int,
        chunker: str,
        drafts: Sequence[PassageDraft],
    ) -> int:
        """Write the passages of a generation and where they stand, in place of what it held; their number.

        A passage whose chunker, header and text are as before keeps its row, its vector and its index entry.
        """
        passages, placements = _rows(creator_id, source_id, generation, chunker, drafts)
        await sql.put_passages(tx, passages)
        await sql.put_placements(tx, source_id, generation, placements)
        return len(passages)

    async def embed(self, source_id: SourceId, generation: int, progress: Progress) -> int:
        """Make the vectors that no passage with the same words has yet; returns how many.

        `progress(done, total)` counts those that had to be made, from 0 on. Vectors are kept slice by slice:
        an interrupted call has less to do the next time.
        """
        async with self._database.transaction() as tx:
            missing = await sql.unembedded(tx, source_id, generation, self._embedder.name)
        await progress(0, len(missing))
        return await self._embed(missing, progress)

    async def index(
        self, source_id: SourceId, generation: int, index_name: IndexName, creator_id: CreatorId
    ) -> int:
        """Put the passages of a generation into the index that are not in it; returns how many.

        Raises Defect `passage_not_embedded` when `embed` was not called before.
        """
        written = 0
        while True:
            async with self._database.transaction() as tx:
                rows = await sql.unindexed_of_generation(
                    tx, source_id, generation, index_name, self._embedder.name, _INDEX_SLICE
                )
            if not rows:
                break
            await self._put(rows, index_name, creator_id)
            written += len(rows)
        if written:
            await self._index.compact(index_name, creator_id)
        return written

    async def discard(self, tx: Transaction, source_id: SourceId, *, published: int | None) -> None:
        """Give up the generations that are not published; `forget_stale` then removes what only they had."""
        await sql.discard_placements(tx, source_id, published)

    async def forget_stale(self, source_id: SourceId) -> int:
        """Remove passages that neither the published generation nor a later one has; returns how many.

        The index forgets them first: a row that SQL still has can be forgotten again, an entry without a row
        would stay for ever.
        """
        async with self._database.transaction() as tx:
            stale = await sql.stale(tx, source_id)
        entries: dict[tuple[str, UUID], list[PassageId]] = {}
        for row in stale:
            for name in row.indexed_in:
                entries.setdefault((name, row.creator_id), []).append(PassageId(row.id))
        for (name, creator_id), ids in entries.items():
            await self._index.forget(IndexName(name), CreatorId(creator_id), ids)
        async with self._database.transaction() as tx:
            await sql.delete_stale(tx, source_id, [row.id for row in stale])
        return len(stale)

    async def forget_source(self, source_id: SourceId) -> int:
        """Remove a whole source from the index; returns how many entries. Its passages stay, and count as not indexed.

        To be called when nothing writes to the source any more, before `delete_source`.
        """
        async with self._database.transaction() as tx:
            rows = await sql.indexed(tx, source_id)
        entries: dict[tuple[str, UUID], list[PassageId]] = {}
        for row in rows:
            for name in row.indexed_in:
                entries.setdefault((name, row.creator_id), []).append(PassageId(row.id))
        for (name, creator_id), ids in entries.items():
            await self._index.forget(IndexName(name), CreatorId(creator_id), ids)
        return sum(map(len, entries.values()))

    async def delete_source(self, tx: Transaction, source_id: SourceId) -> dict[str, int]:
        """Delete a source's passages, where they stand, and the vectors that nobody else's words have; how many each."""
        return await sql.delete_source(tx, source_id)

    async def drop(self, creator_id: CreatorId, index_name: IndexName) -> None:
        """Remove a creator from an index altogether."""
        await self._index.drop(index_name, creator_id)

    async def rebuild(
        self,
        creator_id: CreatorId,
        index_name: IndexName,
        progress: Progress,
        *,
        from_scratch: bool = False,
    ) -> int:
        """Write all passages of a creator into the index again, and remove what does not belong there.

        Known vectors are taken from PostgreSQL; only missing ones are made. The index answers meanwhile, unless
        `from_scratch` drops it first, which is for one that can no longer be read. Returns the number of
        passages.
        """
        if from_scratch:
            await self._index.drop(index_name, creator_id)
        async with self._database.transaction() as tx:
            total = await sql.unmark_indexed(tx, creator_id, index_name)
        await progress(0, total)
        done, last = 0, UUID(int=0)
        while True:
            rows = await self._embedded_after(creator_id, last)
            if not rows:
                break
            await self._put(rows, index_name, creator_id)
            last, done = rows[-1].id, done + len(rows)
            await progress(done, max(total, done))
        await self._remove_orphans(creator_id, index_name)
        await self._index.compact(index_name, creator_id)
        return done

    async def compare(self, creator_id: CreatorId, index_name: IndexName) -> tuple[int, int]:
        """How many passages of a creator the index should have and has not, and how many it has of nobody."""
        async with self._database.reading() as db:
            expected = await sql.indexed_ids(db, creator_id, index_name)
        # What is written in between is in both; what is removed is in SQL until the index has forgotten it.
        there = await self._index.ids(index_name, creator_id)
        async with self._database.reading() as db:
            known = await sql.passage_ids(db, creator_id)
        return len((expected & known) - there), len(there - known)

    async def _embedded_after(self, creator_id: CreatorId, last: UUID) -> list[sql.IndexRow]:
        """The next passages of a creator by id, with vectors; those that are missing are made now."""
        async with self._database.transaction() as tx:
            rows = await sql.passages_after(tx, creator_id, last, self._embedder.name, _INDEX_SLICE)
        missing = [sql.TextRow(row.content_hash, row.text) for row in rows if row.vector is None]
        if not missing:
            return rows
        await self._embed(missing, _silent)
        async with self._database.transaction() as tx:
            return await sql.passages_after(tx, creator_id, last, self._embedder.name, len(rows))

    async def _remove_orphans(self, creator_id: CreatorId, index_name: IndexName) -> None:
        # The index is read first: what is written in between is in SQL by then, and so no orphan.
        there = await self._index.ids(index_name, creator_id)
        async with self._database.transaction() as tx:
            known = await sql.passage_ids(tx, creator_id)
        await self._index.forget(index_name, creator_id, there - known)

    async def _embed(self, texts: Sequence[sql.TextRow], progress: Progress) -> int:
        slices = [texts[start : start + _EMBED_SLICE] for start in range(0, len(texts), _EMBED_SLICE)]
        under_way: deque[tuple[Sequence[sql.TextRow], asyncio.Task[Vector]]] = deque()
        done = 0
        try:
            while slices or under_way:
                while slices and len(under_way) < _SLICES_AHEAD:
                    part = slices.pop(0)
                    work = self._embedder.passages([row.text for row in part])
                    under_way.append((part, asyncio.ensure_future(work)))
                part, task = under_way[0]
                vectors = await task
                under_way.popleft()
                await self._keep(part, vectors)
                done += len(part)
                await progress(done, len(texts))
        finally:
            for _, task in under_way:
                task.cancel()
        return done

    async def _keep(self, texts: Sequence[sql.TextRow], vectors: Vector) -> None:
        stored = [
            (row.content_hash, vector.astype(_STORED).tobytes())
            for row, vector in zip(texts, vectors, strict=True)
        ]
        async with self._database.transaction() as tx:
            await sql.put_embeddings(tx, self._embedder.name, stored)

    async def _put(self, rows: Sequence[sql.IndexRow], index_name: IndexName, creator_id: CreatorId) -> None:
        await self._index.upsert(index_name, creator_id, [_entry(row) for row in rows])
        async with self._database.transaction() as tx:
            await sql.mark_indexed(tx, [row.id for row in rows], index_name)


async def _silent(done: int, total: int) -> None:
    """Progress that nobody follows."""


def _rows(
    creator_id: CreatorId,
    source_id: SourceId,
    generation: int,
    chunker: str,
    drafts: Sequence[PassageDraft],
) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    seen: Counter[bytes] = Counter()
    passages: list[tuple[object, ...]] = []
    placements: list[tuple[object, ...]] = []
    for ordinal, draft in enumerate(drafts):
        content_hash = hashlib.sha256(f"{draft.header}\x00{draft.text}".encode()).digest()
        id = uuid5(source_id, f"{chunker}:{content_hash.hex()}:{seen[content_hash]}")
        seen[content_hash] += 1
        passages.append(
            (
                id,
                creator_id,
                source_id,
                chunker,
                content_hash,
                draft.text,
                draft.header,
                draft.page,
                draft.heading,
                draft.speaker,
                draft.speaker_role,
                draft.sponsor,
                draft.token_count,
            )
        )
        placements.append(
            (
                source_id,
                generation,
                ordinal,
                id,
                draft.first_segment,
                draft.last_segment,
                draft.start_ms,
                draft.end_ms,
            )
        )
    return passages, placements


def _entry(row: sql.IndexRow) -> IndexEntry:
    if row.vector is None:
        raise Defect("passage_not_embedded", f"Passage {row.id} has no vector yet.")
    vector = np.frombuffer(row.vector, _STORED).astype(np.float32)
    # Rounding to half precision changes the length by up to 0.05%.
    vector /= np.linalg.norm(vector)
    return IndexEntry(PassageId(row.id), SourceId(row.source_id), row.text, vector)
