"""Stand-ins for the ports of retrieval, for tests."""

import hashlib
from collections.abc import Sequence

import numpy as np

from retrieval.indexes.memory import MemoryIndex
from retrieval.types import Vector
from retrieval.words import Stemmer, words

__all__ = ["HashingEmbedder", "MemoryIndex"]


class HashingEmbedder:
    """An `Embedder` without a model: texts are near each other when they share stems of words.

    Counts in `embedded` how many passages it was given, so that a test can tell that none was.
    """

    name = "hashing"
    dimension = 256
    max_tokens = 256

    def __init__(self) -> None:
        self._stemmer = Stemmer()
        self.embedded = 0

    async def passages(self, texts: Sequence[str]) -> Vector:
        self.embedded += len(texts)
        return np.stack([self._vector(text) for text in texts]) if texts else np.empty((0, 256), np.float32)

    async def query(self, text: str) -> Vector:
        return self._vector(text)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(words(text)) for text in texts]

    def _vector(self, text: str) -> Vector:
        vector = np.zeros(self.dimension, np.float32)
        # One dimension is for the text without words, which has a vector too.
        vector[0] = 1e-3
        for stem in self._stemmer.stems(text)[: self.max_tokens]:
            digest = hashlib.blake2b(stem.encode(), digest_size=4).digest()
            vector[1 + int.from_bytes(digest) % (self.dimension - 1)] += 1
        return vector / np.float32(np.linalg.norm(vector))
