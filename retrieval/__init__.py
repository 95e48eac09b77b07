"""Sole owner of passages and of the vector index: embedding, searching, and the way from a hit to its place."""

from retrieval.searching import HybridRetriever
from retrieval.store import surroundings
from retrieval.types import (
    Embedder,
    Hit,
    IndexName,
    PassageDraft,
    PassageIndex,
    Query,
    Results,
    Retriever,
)
from retrieval.writing import PassageWriter

__all__ = [
    "Embedder",
    "Hit",
    "HybridRetriever",
    "IndexName",
    "PassageDraft",
    "PassageIndex",
    "PassageWriter",
    "Query",
    "Results",
    "Retriever",
    "surroundings",
]
