"""Measures of a ranking against judgements, and of recognised speech against what was said.

A ranking is a sequence of ids, best first, each once; judgements map the ids of what answers to a grade above 0
(what is not in the map has grade 0). All measures of rankings lie in 0..1.
"""

import math
import re
import unicodedata
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


def word_error_rate(pairs: Iterable[tuple[str, str]]) -> float:
    """Words left out, put in and mistaken, for each word that was said; of all (said, recognised) pairs together.

    As usual, case and punctuation do not count (NIST's `sclite`, and Radford et al. 2022, appendix C, without its spelling
    variants and numbers). It exceeds 1 where more is put in than was said. Raises ValueError when nothing was said.
    """
    errors = total = 0
    for said, recognised in pairs:
        reference = _bare_words(said)
        errors += _distance(reference, _bare_words(recognised))
        total += len(reference)
    if not total:
        raise ValueError("nothing was said")
    return errors / total


def _bare_words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKC", text).casefold().replace("’", "'")
    return [word.replace("'", "") for word in re.findall(r"\w+(?:'\w+)*", plain)]


def _distance(first: Sequence[str], second: Sequence[str]) -> int:
    """The least number of words to leave out, put in and exchange (Levenshtein 1966)."""
    row = list(range(len(second) + 1))
    for place, word in enumerate(first, start=1):
        above, row = row, [place]
        for other, before in enumerate(second):
            row.append(min(above[other + 1] + 1, row[other] + 1, above[other] + (word != before)))
    return row[-1]


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
