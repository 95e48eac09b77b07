"""An index in the memory of one process: for tests, and as the plainest statement of what an index does."""

import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from retrieval.types import Candidate, IndexEntry, IndexName, Vector
from retrieval.words import Stemmer
from runtime.ids import CreatorId, PassageId, SourceId

# Okapi BM25 with the parameters that LanceDB and Lucene use (Robertson and Zaragoza 2009, section 3).
_K1 = 1.2
_B = 0.75


@dataclass(frozen=True, slots=True)
class _Stored:
    entry: IndexEntry
    counts: Counter[str]
    length: int


class MemoryIndex:
    """A `PassageIndex` that is gone with its process."""

    def __init__(self) -> None:
        self._stemmer = Stemmer()
        self._tenants: dict[tuple[IndexName, CreatorId], dict[PassageId, _Stored]] = {}

    async def upsert(self, index: IndexName, creator_id: CreatorId, entries: Sequence[IndexEntry]) -> None:
        if not entries:
            return
        tenant = self._tenants.setdefault((index, creator_id), {})
        for entry in entries:
            stems = self._stemmer.stems(entry.text)
            tenant[entry.id] = _Stored(entry, Counter(stems), len(stems))

    async def forget(self, index: IndexName, creator_id: CreatorId, ids: Collection[PassageId]) -> None:
        tenant = self._tenants.get((index, creator_id), {})
        for id in ids:
            tenant.pop(id, None)

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
        # BM25 knows the whole tenant's statistics, also when only some sources may answer.
        tenant = list(self._tenants.get((index, creator_id), {}).values())
        scores = self._bm25(tenant, text)
        allowed = [s for s in tenant if sources is None or s.entry.source_id in sources]
        if not allowed:
            return []
        cosines = np.stack([stored.entry.vector for stored in allowed]) @ vector
        cosine_of = {s.entry.id: float(c) for s, c in zip(allowed, cosines, strict=True)}
        near = sorted(cosine_of, key=lambda id: -cosine_of[id])[:limit]
        worded = sorted((id for id in cosine_of if scores[id] > 0), key=lambda id: -scores[id])[:limit]
        listed = set(worded)
        return [
            Candidate(id, cosine_of[id], scores[id] if id in listed else None)
            for id in dict.fromkeys([*near, *worded])
        ]

    async def ids(self, index: IndexName, creator_id: CreatorId) -> set[PassageId]:
        return set(self._tenants.get((index, creator_id), {}))

    async def drop(self, index: IndexName, creator_id: CreatorId) -> None:
        self._tenants.pop((index, creator_id), None)

    async def compact(self, index: IndexName, creator_id: CreatorId) -> None:
        """Nothing to do: what is written is found at once."""

    async def close(self) -> None:
        """Nothing to let go of."""

    def _bm25(self, tenant: Sequence[_Stored], text: str) -> dict[PassageId, float]:
        terms = set(self._stemmer.stems(text))
        found = Counter(term for stored in tenant for term in terms & stored.counts.keys())
        weights = {t: math.log(1 + (len(tenant) - n + 0.5) / (n + 0.5)) for t, n in found.items()}
        mean = sum(stored.length for stored in tenant) / max(len(tenant), 1)
        return {
            stored.entry.id: sum(
                weight * _saturated(stored.counts[term], stored.length, mean)
                for term, weight in weights.items()
            )
            for stored in tenant
        }


def _saturated(count: int, length: int, mean: float) -> float:
    return count * (_K1 + 1) / (count + _K1 * (1 - _B + _B * length / mean)) if count else 0.0
