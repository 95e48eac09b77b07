"""Which of the ranked hits are shown: no text twice, not all from one source."""

from collections import Counter
from collections.abc import Iterable

from retrieval.types import Hit
from retrieval.words import words
from runtime.ids import SourceId

# Word shingles, compared by containment (Broder, "On the resemblance and containment of documents", 1997): a
# re-upload, a clip of a talk, a passage that overlaps its neighbour. Three words, because speech recognition
# writes two uploads of one talk with a different word here and there.
_SHINGLE_WORDS = 3
_SAME = 0.7


def select(ranked: Iterable[Hit], *, k: int, per_source: int | None) -> tuple[Hit, ...]:
    """The first `k` hits that repeat none before them, at most `per_source` from one source."""
    chosen: list[Hit] = []
    seen: list[frozenset[tuple[str, ...]]] = []
    taken: Counter[SourceId] = Counter()
    for hit in ranked:
        if len(chosen) == k:
            break
        if per_source is not None and taken[hit.source_id] >= per_source:
            continue
        shingles = _shingles(hit.text)
        if any(_contains(shingles, before) for before in seen):
            continue
        chosen.append(hit)
        seen.append(shingles)
        taken[hit.source_id] += 1
    return tuple(chosen)


def _shingles(text: str) -> frozenset[tuple[str, ...]]:
    found = words(text)
    if len(found) <= _SHINGLE_WORDS:
        return frozenset([tuple(found)])
    return frozenset(zip(*(found[start:] for start in range(_SHINGLE_WORDS)), strict=False))


def _contains(one: frozenset[tuple[str, ...]], other: frozenset[tuple[str, ...]]) -> bool:
    return len(one & other) >= _SAME * min(len(one), len(other))
