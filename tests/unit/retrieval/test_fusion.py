"""One ranking from two."""

from uuid import UUID

import pytest

from retrieval.fusion import fuse, unlisted_score
from retrieval.types import Candidate
from runtime.ids import PassageId

A, B, C, D = (PassageId(UUID(int=n)) for n in range(1, 5))


def test_scores_are_shares_of_the_best_of_each_kind() -> None:
    fused = fuse([Candidate(A, 0.4, 8.0), Candidate(B, 0.8, 2.0)], unlisted=0, meaning=0.5)
    assert fused == {A: pytest.approx(0.5 * 0.5 + 0.5 * 1), B: pytest.approx(0.5 * 1 + 0.5 * 0.25)}
    assert list(fused) == [A, B]


def test_first_in_both_scores_one_and_first_in_one_its_share() -> None:
    fused = fuse([Candidate(A, 0.7, 5.0), Candidate(B, 0.7, None)], unlisted=0, meaning=0.3)
    assert fused == {A: pytest.approx(1), B: pytest.approx(0.3)}


def test_the_weight_decides_between_meaning_and_words() -> None:
    candidates = [Candidate(A, 0.9, None), Candidate(B, 0.1, 9.0)]
    assert list(fuse(candidates, unlisted=0, meaning=0.9)) == [A, B]
    assert list(fuse(candidates, unlisted=0, meaning=0.1)) == [B, A]


def test_a_score_below_the_lower_bound_counts_as_the_bound() -> None:
    assert fuse([Candidate(A, 0.5, 1.0), Candidate(B, -0.2, 1.0)], unlisted=0, meaning=0.5)[B] == 0.5
    assert fuse([Candidate(A, -0.5, None)], unlisted=0) == {A: 0}
    assert fuse([], unlisted=0) == {}


def test_equal_scores_are_ordered_by_id() -> None:
    candidates = [Candidate(id, 0.5, 1.0) for id in (C, A, D, B)]
    assert list(fuse(candidates, unlisted=0)) == [A, B, C, D]


def test_what_a_full_list_left_out_scores_as_its_last() -> None:
    candidates = [Candidate(A, 0.4, 8.0), Candidate(B, 0.8, 2.0), Candidate(C, 0.8, None)]
    assert unlisted_score(candidates, limit=2) == 2
    # A list that is not full has everything that holds one of the words.
    assert unlisted_score(candidates, limit=3) == 0
    assert unlisted_score([], limit=3) == 0
    assert fuse(candidates, unlisted=2)[C] == fuse(candidates, unlisted=2)[B]
