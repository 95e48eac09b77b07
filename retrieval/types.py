"""What retrieval takes in and gives back."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NewType, Protocol

import numpy as np
from numpy.typing import NDArray

from creators import Access, Role
from runtime.ids import CreatorId, PassageId, SourceId

IndexName = NewType("IndexName", str)
Vector = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class PassageDraft:
    """A passage as the chunker cut it, in order of the source.

    `header` (title, chapter, speaker, date) is embedded with the text and never quoted. Segments are counted
    by ordinal, both ends included; times are milliseconds in the recording, None for documents.
    """

    text: str
    header: str
    first_segment: int
    last_segment: int
    token_count: int
    start_ms: int | None = None
    end_ms: int | None = None
    page: int | None = None
    heading: str | None = None
    speaker: str | None = None
    speaker_role: Role = "unknown"
    sponsor: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """One standalone question to one creator's passages, by somebody who may read `access`.

    `sources` limits the search to these sources, `per_source` the hits that one source may give; None is no
    limit.
    """

    creator_id: CreatorId
    text: str
    k: int = 10
    access: frozenset[Access] = frozenset({"public"})
    sources: frozenset[SourceId] | None = None
    per_source: int | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that answers to the query. `url` opens the source at `start_ms`, or at the page or heading.

    `score` is the fused score in 0..1; `dense` the cosine and `lexical` the BM25 score it was made of, None
    where that search did not find the passage.
    """

    passage_id: PassageId
    source_id: SourceId
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
    score: float
    dense: float | None
    lexical: float | None


@dataclass(frozen=True, slots=True)
class Results:
    """Hits, best first, how long each step took in milliseconds, and the vector of the query."""

    hits: tuple[Hit, ...]
    query_vector: Vector
    timings_ms: dict[str, float] = field(default_factory=dict[str, float])


class Retriever(Protocol):
    """Finds the passages of one creator that answer a query."""

    async def search(self, query: Query) -> Results:
        """At most `query.k` hits. Raises NotFound `creator_not_found`, InvalidInput `query_empty`, `k_invalid`.

        The words of the whole text are searched for; its meaning is taken from as much of its beginning as
        the embedder sees (`Embedder.max_tokens`).
        """
        ...


class Embedder(Protocol):
    """Turns text into vectors. `name` identifies model and version: two names' vectors never mix."""

    name: str
    dimension: int
    max_tokens: int

    async def passages(self, texts: Sequence[str]) -> Vector:
        """Unit vectors, float32, shape (len(texts), dimension). Text past `max_tokens` is not seen."""
        ...

    async def query(self, text: str) -> Vector:
        """A unit vector, float32, shape (dimension,)."""
        ...

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, special tokens not counted, without truncation."""
        ...


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """What the index knows of a passage: `text` (header and text) for its words, `vector` for its meaning."""

    id: PassageId
    source_id: SourceId
    text: str
    vector: Vector


@dataclass(frozen=True, slots=True)
class Candidate:
    """A passage that the index found: exact cosine to the query (-1..1), and BM25 score.

    `bm25` is None when the passage is not among the best of the search for words.
    """

    id: PassageId
    cosine: float
    bm25: float | None


class PassageIndex(Protocol):
    """Finds passages by meaning and by words. A cache: PostgreSQL can rebuild all of it.

    Every call names the index and the creator; nothing of another creator or another index is ever read or
    written. What one process has written, every other process finds with its next call. All calls raise
    Unavailable `index_unavailable` when the index does not answer, StorageFull `disk_full`.
    """

    async def upsert(self, index: IndexName, creator_id: CreatorId, entries: Sequence[IndexEntry]) -> None:
        """Write entries, each in place of the one with its id. The first write makes the index."""
        ...

    async def forget(self, index: IndexName, creator_id: CreatorId, ids: Collection[PassageId]) -> None:
        """Remove entries; those that are not there are no error."""
        ...

    async def search(
        self,
        index: IndexName,
        creator_id: CreatorId,
        *,
        vector: Vector,
        text: str,
        limit: int,
        sources: Collection[SourceId] | None = None,
    ) -> list[Candidate]:
        """The `limit` nearest to `vector` (exact) and the `limit` best for the words of `text`, in one list.

        At most twice `limit`, each passage once, in no promised order. `text` is words and never a query
        language. `sources` limits both searches before they choose. Empty before the first write.
        """
        ...

    async def ids(self, index: IndexName, creator_id: CreatorId) -> set[PassageId]:
        """All entries of a creator."""
        ...

    async def drop(self, index: IndexName, creator_id: CreatorId) -> None:
        """Remove the creator from the index altogether."""
        ...

    async def compact(self, index: IndexName, creator_id: CreatorId) -> None:
        """To be called after a batch of writes: makes searches fast again and frees what was replaced."""
        ...

    async def close(self) -> None:
        """Let go of files and connections; the caller that opened the index calls it, once."""
        ...
