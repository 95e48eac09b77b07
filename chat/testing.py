"""Stand-ins for what chat is given, for tests."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from retrieval import Embedder, Hit, Query, Results


@dataclass
class GivenHits:
    """A `Retriever` that finds the hits it was given, whatever is asked, and remembers what that was."""

    embedder: Embedder
    hits: Sequence[Hit] = ()
    asked: list[Query] = field(default_factory=list[Query])

    async def search(self, query: Query) -> Results:
        self.asked.append(query)
        vector = await self.embedder.query(query.text)
        return Results(hits=tuple(self.hits[: query.k]), query_vector=vector, timings_ms={"total": 0.0})


@dataclass
class HeldUp:
    """A `Retriever` that finds nothing until `go` is set. `reached` is set as soon as somebody waits."""

    embedder: Embedder
    go: asyncio.Event = field(default_factory=asyncio.Event)
    reached: asyncio.Event = field(default_factory=asyncio.Event)

    async def search(self, query: Query) -> Results:
        self.reached.set()
        await self.go.wait()
        return Results(hits=(), query_vector=await self.embedder.query(query.text), timings_ms={"total": 0.0})
