"""One ranking from two: a convex combination of the scores of meaning and words.

Each score is divided by the best one of its kind for this query, so that both lie in 0..1 with the lower bound
that theory gives them (BM25 cannot be below 0; a cosine below 0 counts as 0). This is the combination with
theoretical minimum that Bruch, Gai and Ingber found better than reciprocal rank fusion and hardly sensitive to
the weight ("An Analysis of Fusion Functions for Hybrid Retrieval", ACM TOIS 42(1), 2023, section 4).
"""

from collections.abc import Sequence

from retrieval.types import Candidate
from runtime.ids import PassageId

# Share of the meaning. Measured with this embedder, 40 candidates of each kind, nDCG@10 for SciFact and MRR@10 for
# questions to the four tuning channels:
#
#                                         meaning  words  rank fusion    0.4    0.5    0.6    0.7
#   SciFact, 300 claims                     0.652  0.685        0.712  0.729  0.736  0.732  0.721
#   in a fan's own words, 48 questions      0.583  0.461        0.537  0.558  0.612  0.622  0.626
#   as the host asked them, 178 questions   0.606  0.889        0.735  0.882  0.872  0.834  0.766
#
# No single weight is best for all three; this one loses least, and both halves of SciFact choose it, or 0.55, when
# the other half reports.
MEANING = 0.5


def fuse(
    candidates: Sequence[Candidate], *, unlisted: float, meaning: float = MEANING
) -> dict[PassageId, float]:
    """Score of each candidate, 0..1, best first. `unlisted` is the BM25 score of those that have none."""
    best_words = max((candidate.bm25 or 0.0 for candidate in candidates), default=0.0)
    best_meaning = max((candidate.cosine for candidate in candidates), default=0.0)
    scores = {
        candidate.id: meaning * _share(candidate.cosine, best_meaning)
        + (1 - meaning) * _share(unlisted if candidate.bm25 is None else candidate.bm25, best_words)
        for candidate in candidates
    }
    # Equal scores are ordered by id, so that the same query always gives the same list.
    return dict(sorted(scores.items(), key=lambda pair: (-pair[1], pair[0])))


def unlisted_score(candidates: Sequence[Candidate], limit: int) -> float:
    """What to take for the BM25 score of a passage that the search for the `limit` best by words did not list.

    0 if that list was not full, for then it has every passage with one of the words; otherwise the last
    listed score, which is the most that it can have.
    """
    listed = [candidate.bm25 for candidate in candidates if candidate.bm25 is not None]
    return min(listed) if len(listed) >= limit else 0.0


def _share(score: float, best: float) -> float:
    return max(score, 0.0) / best if best > 0 else 0.0
