"""What every embedder must do; runs on the stand-in and on the model."""

import asyncio
from collections.abc import Iterator

import numpy as np
import pytest

from retrieval import Embedder
from retrieval.embedders.onnx import OnnxEmbedder
from retrieval.testing import HashingEmbedder

SEEDS = "Chili seeds want warmth before they sprout."
LATHE = "A lathe tool must be sharpened before every cut."


@pytest.fixture(scope="module", params=["hashing", "onnx"])
def embedder(request: pytest.FixtureRequest) -> Iterator[Embedder]:
    if request.param == "hashing":
        yield HashingEmbedder()
        return
    model = OnnxEmbedder(threads=2)
    yield model
    model.close()


async def test_vectors_are_unit_and_in_order(embedder: Embedder) -> None:
    texts = [SEEDS, LATHE, "short", SEEDS * 5]
    together = await embedder.passages(texts)
    assert together.shape == (4, embedder.dimension)
    assert together.dtype == np.float32
    assert np.linalg.norm(together, axis=1) == pytest.approx(np.ones(4), abs=1e-5)
    for row, text in enumerate(texts):
        alone = (await embedder.passages([text]))[0]
        assert float(alone @ together[row]) == pytest.approx(1, abs=1e-5)


async def test_nothing_gives_nothing(embedder: Embedder) -> None:
    assert (await embedder.passages([])).shape == (0, embedder.dimension)


async def test_a_query_is_nearest_to_what_it_asks_for(embedder: Embedder) -> None:
    query = await embedder.query("When do chili seeds sprout?")
    assert query.shape == (embedder.dimension,)
    assert query.dtype == np.float32
    seeds, lathe = (await embedder.passages([SEEDS, LATHE])) @ query
    assert seeds > lathe + 0.2


@pytest.mark.parametrize("text", ["", " ", "🌱", "\x00", "बीज को गर्मी चाहिए", "x" * 10_000], ids=ascii)
async def test_every_text_has_a_vector(embedder: Embedder, text: str) -> None:
    vector = await embedder.query(text)
    assert float(np.linalg.norm(vector)) == pytest.approx(1, abs=1e-5)


async def test_what_is_past_the_limit_is_not_seen(embedder: Embedder) -> None:
    start = "seeds " * embedder.max_tokens
    one, other = await embedder.passages([start + SEEDS, start + LATHE])
    assert float(one @ other) == pytest.approx(1, abs=1e-5)


async def test_many_callers_at_once_get_their_own(embedder: Embedder) -> None:
    texts = [[f"{word} number {n}" * (1 + n % 3) for n in range(7)] for word in ("seed", "lathe", "miner")]
    results = await asyncio.gather(*[embedder.passages(some) for some in texts], embedder.query(SEEDS))
    for some, vectors in zip(texts, results[:3], strict=True):
        alone = np.stack([await embedder.query(text) for text in some])
        assert np.sum(vectors * alone, axis=1) == pytest.approx(np.ones(len(some)), abs=1e-5)


def test_tokens_are_counted_without_truncation(embedder: Embedder) -> None:
    short, long, none = embedder.count_tokens(["seeds", "seeds " * 1000, ""])
    assert short >= 1
    assert long == 1000 * short
    assert none == 0
    assert embedder.count_tokens([]) == []
