"""What retrieval takes in and gives back."""

from collections.abc import Sequence
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
    """One standalone question to one creator's passages, by somebody who may read `access`."""

    creator_id: CreatorId
    text: str
    k: int = 10
    access: frozenset[Access] = frozenset({"public"})
    sources: frozenset[SourceId] | None = None


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
        """At most `query.k` hits. Raises NotFound `creator_not_found`, InvalidInput `query_empty`."""
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
