"""Search in this process: meaning and words together, then the truth from PostgreSQL."""

import asyncio
from collections.abc import Iterator, Sequence

from creators import Catalogue, Creator
from retrieval.fusion import fuse, unlisted_score
from retrieval.selection import select
from retrieval.store import answerable, any_indexed, hydrate, scored
from retrieval.types import (
    Candidate,
    Embedder,
    Hit,
    IndexName,
    PassageIndex,
    Query,
    Results,
)
from runtime.clock import Clock
from runtime.database import Database
from runtime.errors import InvalidInput, Unavailable
from runtime.ids import CreatorId, PassageId
from runtime.telemetry import span

# How many the index is asked for of each kind; more neither helped nor hurt (30 to 100 measured).
_CANDIDATES = 40
_CANDIDATES_PER_HIT = 4
_MOST_HITS = 200


class HybridRetriever:
    """A `Retriever` over the creator's active index. What it is given stays its owner's to close.

    Two reads of PostgreSQL a search: the creator, while the query is embedded, and the passages.
    """

    def __init__(
        self,
        *,
        database: Database,
        embedder: Embedder,
        index: PassageIndex,
        catalogue: Catalogue,
        clock: Clock,
    ) -> None:
        self._database = database
        self._embedder = embedder
        self._index = index
        self._catalogue = catalogue
        self._clock = clock

    async def search(self, query: Query) -> Results:
        """At most `query.k` hits, best first, no text twice; timings `embed, index, hydrate, fuse, total`.

        Raises NotFound `creator_not_found`, InvalidInput `query_empty`, `k_invalid`, Unavailable
        (`index_missing` among it).
        """
        text = _checked(query)
        with span("retrieval.search"):
            watch = _Watch(self._clock)
            vector, creator = await asyncio.gather(self._embedder.query(text), self._creator(query))
            watch.lap("embed")
            limit = max(_CANDIDATES, _CANDIDATES_PER_HIT * query.k)
            candidates = await self._index.search(
                IndexName(creator.active_index),
                creator.id,
                vector=vector,
                text=text,
                limit=limit,
                sources=query.sources,
            )
            if not candidates:
                await self._ensure_none(query, creator.active_index)
            watch.lap("index")
            readable = await self._hydrated(query, candidates)
            watch.lap("hydrate")
            hits = select(_ranked(candidates, readable, limit=limit), k=query.k, per_source=query.per_source)
            watch.lap("fuse")
        return Results(hits=hits, query_vector=vector, timings_ms=watch.laps())

    async def ping(self) -> None:
        """Embed something and find something. Raises Unavailable, `index_missing` when the index has lost a creator."""
        vector = await self._embedder.query("ping")
        async with self._database.reading() as db:
            known = await any_indexed(db)
        if known is not None:
            index, creator = IndexName(known.indexed_in[0]), CreatorId(known.creator_id)
            if not await self._index.search(index, creator, vector=vector, text="ping", limit=1):
                raise _lost()

    async def _ensure_none(self, query: Query, index: str) -> None:
        """An index that has lost what it had must not read as a creator who has said nothing."""
        async with self._database.reading() as db:
            if await answerable(db, query, index, self._clock.now()):
                raise _lost()

    async def _creator(self, query: Query) -> Creator:
        async with self._database.reading() as db:
            return await self._catalogue.find(db, str(query.creator_id))

    async def _hydrated(self, query: Query, candidates: Sequence[Candidate]) -> dict[PassageId, Hit]:
        if not candidates:
            return {}
        async with self._database.reading() as db:
            return await hydrate(db, query, [c.id for c in candidates], self._clock.now())


def _lost() -> Unavailable:
    return Unavailable(
        "index_missing",
        "The index does not have what was written into it.",
        next_step="Rebuild it with ./understudy reindex.",
    )


def _checked(query: Query) -> str:
    text = query.text.strip()
    if not text:
        raise InvalidInput("query_empty", "There is nothing to search for.", next_step="Write a question.")
    if not 1 <= query.k <= _MOST_HITS:
        raise InvalidInput(
            "k_invalid", f"{query.k} hits cannot be asked for.", next_step=f"Ask for 1 to {_MOST_HITS}."
        )
    return text


def _ranked(candidates: Sequence[Candidate], readable: dict[PassageId, Hit], *, limit: int) -> Iterator[Hit]:
    """The readable ones, best first; what may not be read has no influence on the scores of the others."""
    unlisted = unlisted_score(candidates, limit)
    allowed = {candidate.id: candidate for candidate in candidates if candidate.id in readable}
    for id, score in fuse(list(allowed.values()), unlisted=unlisted).items():
        yield scored(readable[id], score=score, dense=allowed[id].cosine, lexical=allowed[id].bm25)


class _Watch:
    """Milliseconds from lap to lap."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._started = self._last = clock.monotonic()
        self._laps: dict[str, float] = {}

    def lap(self, name: str) -> None:
        now = self._clock.monotonic()
        self._laps[name] = round((now - self._last) * 1000, 3)
        self._last = now

    def laps(self) -> dict[str, float]:
        return {**self._laps, "total": round((self._last - self._started) * 1000, 3)}
