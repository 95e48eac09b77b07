"""Measures of a ranking against judgements.

A ranking is a sequence of ids, best first, each once; judgements map the ids of what answers to a grade above 0
(what is not in the map has grade 0). All measures lie in 0..1.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

Id = TypeVar("Id")


def ndcg(ranking: Sequence[Id], judgements: Mapping[Id, int], k: int) -> float:
    """Normalised discounted cumulated gain of the first `k`.

    The gain is the grade and the discount log2(rank + 1): trec_eval's `ndcg_cut`, which BEIR reports, after
    Järvelin and Kekäläinen, ACM TOIS 20(4), 2002.
    """
    best = _gain(sorted(_grades(judgements), reverse=True)[:k])
    return _gain([judgements.get(id, 0) for id in ranking[:k]]) / best


def recall(ranking: Sequence[Id], judgements: Mapping[Id, int], k: int) -> float:
    """Share of what answers that is among the first `k`."""
    relevant = {id for id, grade in judgements.items() if grade > 0}
    return len(relevant.intersection(ranking[:k])) / len(_grades(judgements))


def reciprocal_rank(ranking: Sequence[Id], judgements: Mapping[Id, int], k: int) -> float:
    """1 / rank of the first of the first `k` that answers; 0 when none does."""
    for rank, id in enumerate(ranking[:k], start=1):
        if judgements.get(id, 0) > 0:
            return 1 / rank
    return 0.0


def mean(values: Iterable[float]) -> float:
    """The arithmetic mean. Raises ValueError when there are no values."""
    listed = list(values)
    if not listed:
        raise ValueError("there is nothing to average")
    return math.fsum(listed) / len(listed)


def _grades(judgements: Mapping[Id, int]) -> list[int]:
    grades = [grade for grade in judgements.values() if grade > 0]
    if not grades:
        raise ValueError("a query without a relevant document cannot be measured")
    return grades


def _gain(grades: Sequence[int]) -> float:
    return sum(grade / math.log2(rank + 1) for rank, grade in enumerate(grades, start=1))
