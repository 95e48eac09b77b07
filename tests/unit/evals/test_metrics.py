"""The measures, against values worked out by hand."""

import math

import pytest

from evals import mean, ndcg, recall, reciprocal_rank, word_error_rate

JUDGED = {"a": 1, "b": 2, "c": 1, "never": 0}


def test_ndcg_of_the_ideal_order_is_one() -> None:
    assert ndcg(["b", "a", "c"], JUDGED, 10) == pytest.approx(1)
    assert ndcg(["b"], JUDGED, 1) == pytest.approx(1)


def test_ndcg_discounts_by_rank() -> None:
    ideal = 2 / math.log2(2) + 1 / math.log2(3) + 1 / math.log2(4)
    # Grade 1 at rank 1, grade 2 at rank 3, nothing at rank 2.
    got = 1 / math.log2(2) + 2 / math.log2(4)
    assert ndcg(["a", "x", "b"], JUDGED, 10) == pytest.approx(got / ideal)


def test_ndcg_looks_at_the_first_k_only() -> None:
    assert ndcg(["x", "y", "a", "b"], JUDGED, 2) == 0
    assert ndcg(["x", "a"], {"a": 1}, 10) == pytest.approx(1 / math.log2(3))
    assert ndcg([], JUDGED, 10) == 0


def test_recall_counts_what_answers() -> None:
    assert recall(["a", "x", "b"], JUDGED, 10) == pytest.approx(2 / 3)
    assert recall(["a", "x", "b"], JUDGED, 1) == pytest.approx(1 / 3)
    assert recall(["never"], JUDGED, 10) == 0


def test_the_reciprocal_rank_is_of_the_first_that_answers() -> None:
    assert reciprocal_rank(["x", "never", "a", "b"], JUDGED, 10) == pytest.approx(1 / 3)
    assert reciprocal_rank(["x", "never", "a"], JUDGED, 2) == 0


def test_what_cannot_be_measured_is_refused() -> None:
    assert mean([1, 0, 0.5]) == 0.5
    with pytest.raises(ValueError, match="nothing to average"):
        mean([])
    with pytest.raises(ValueError, match="relevant"):
        ndcg(["a"], {"a": 0}, 10)
    with pytest.raises(ValueError, match="relevant"):
        recall(["a"], {}, 10)


@pytest.mark.parametrize(
    ("said", "recognised", "rate"),
    [
        ("the cat sat", "The cat sat.", 0),
        ("don't stop", "Don’t, stop!", 0),
        ("the cat sat", "the cat", 1 / 3),
        ("the cat sat", "the black cat sat", 1 / 3),
        ("the cat sat", "the bat sat", 1 / 3),
        ("one", "two three four", 3),
        ("one two", "", 1),
    ],
)
def test_word_error_rate(said: str, recognised: str, rate: float) -> None:
    assert word_error_rate([(said, recognised)]) == pytest.approx(rate)


def test_word_error_rate_counts_words_not_recordings() -> None:
    assert word_error_rate([("a b c d e f g h i", "a b c d e f g h i"), ("j", "k")]) == pytest.approx(0.1)
    with pytest.raises(ValueError, match="nothing was said"):
        word_error_rate([("...", "a")])
