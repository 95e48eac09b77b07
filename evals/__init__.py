"""Quality as numbers: data sets and metrics."""

from evals.datasets import BeirDocument, BeirSet, read_beir
from evals.metrics import mean, ndcg, recall, reciprocal_rank, word_error_rate

__all__ = [
    "BeirDocument",
    "BeirSet",
    "mean",
    "ndcg",
    "read_beir",
    "recall",
    "reciprocal_rank",
    "word_error_rate",
]
