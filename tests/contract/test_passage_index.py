"""What every index must do; runs on the one in memory and on LanceDB."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest

from retrieval.indexes.lance import LanceIndex
from retrieval.testing import HashingEmbedder, MemoryIndex
from retrieval.types import Candidate, IndexEntry, IndexName, PassageIndex
from runtime.ids import CreatorId, PassageId, SourceId

MAIN = IndexName("turns-v1.hashing.v1")
NEXT = IndexName("turns-v2.hashing.v1")
TEXTS = (
    "Chili seeds want warmth and patience before they sprout.",
    "A lathe tool must be sharpened before every long cut.",
    "The difficulty adjustment follows the miners who left.",
    "Warm soil, warm seeds: that is all there is to germination.",
)


@dataclass
class Bench:
    """An index under test, with short ways to write and ask."""

    index: PassageIndex
    embedder: HashingEmbedder

    async def entry(
        self, text: str, *, id: PassageId | None = None, source: SourceId | None = None
    ) -> IndexEntry:
        vector = (await self.embedder.passages([text]))[0]
        return IndexEntry(id or PassageId(uuid4()), source or SourceId(uuid4()), text, vector)

    async def entries(self, *texts: str, source: SourceId | None = None) -> list[IndexEntry]:
        return [await self.entry(text, source=source) for text in texts]

    async def search(
        self,
        creator: CreatorId,
        text: str,
        *,
        meaning: str | None = None,
        limit: int = 10,
        sources: set[SourceId] | None = None,
        name: IndexName = MAIN,
    ) -> dict[PassageId, Candidate]:
        found = await self.index.search(
            name,
            creator,
            vector=await self.embedder.query(text if meaning is None else meaning),
            text=text,
            limit=limit,
            sources=sources,
        )
        assert len({candidate.id for candidate in found}) == len(found)
        return {candidate.id: candidate for candidate in found}


@pytest.fixture(params=["memory", "lance"])
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    embedder = HashingEmbedder()
    index: PassageIndex = (
        MemoryIndex()
        if request.param == "memory"
        else LanceIndex(tmp_path / "index", dimension=embedder.dimension)
    )
    yield Bench(index, embedder)
    await index.close()


@pytest.fixture
def creator() -> CreatorId:
    return CreatorId(uuid4())


async def test_before_the_first_write_everything_is_empty(bench: Bench, creator: CreatorId) -> None:
    assert await bench.search(creator, "seeds") == {}
    assert await bench.index.ids(MAIN, creator) == set()
    await bench.index.forget(MAIN, creator, [PassageId(uuid4())])
    await bench.index.drop(MAIN, creator)
    await bench.index.compact(MAIN, creator)
    await bench.index.upsert(MAIN, creator, [])
    assert await bench.index.ids(MAIN, creator) == set()


async def test_words_and_meaning_each_propose_their_best(bench: Bench, creator: CreatorId) -> None:
    entries = await bench.entries(*TEXTS)
    await bench.index.upsert(MAIN, creator, entries)
    found = await bench.search(creator, "sprouting seed", meaning="the miners left", limit=1)
    by_words, by_meaning = entries[0].id, entries[2].id
    assert set(found) == {by_words, by_meaning}
    assert found[by_words].bm25 is not None
    assert found[by_meaning].bm25 is None


async def test_scores_are_exact_cosines_and_bm25_of_stems(bench: Bench, creator: CreatorId) -> None:
    entries = await bench.entries(*TEXTS)
    await bench.index.upsert(MAIN, creator, entries)
    found = await bench.search(creator, "sharpening lathes")
    vector = await bench.embedder.query("sharpening lathes")
    for entry in entries:
        assert found[entry.id].cosine == pytest.approx(float(entry.vector @ vector), abs=1e-5)
    assert [id for id, candidate in found.items() if candidate.bm25 is not None] == [entries[1].id]
    # BM25 by hand: two terms that one of four texts has, k1 1.2, b 0.75; ten words, and 9.75 on average.
    idf, norm = np.log(1 + 3.5 / 1.5), 1 + 1.2 * (0.25 + 0.75 * 10 / 9.75)
    assert found[entries[1].id].bm25 == pytest.approx(2 * idf * 2.2 / norm, rel=0.05)


async def test_a_rarer_word_counts_more(bench: Bench, creator: CreatorId) -> None:
    common, rare, *_ = entries = await bench.entries(
        "warm soil here", "patience soil here", "warm soil too", "warm air"
    )
    await bench.index.upsert(MAIN, creator, entries)
    found = await bench.search(creator, "warm patience", meaning="")
    assert (found[rare.id].bm25 or 0) > (found[common.id].bm25 or 0) > 0


async def test_writing_again_replaces(bench: Bench, creator: CreatorId) -> None:
    first = await bench.entry("before: apples")
    await bench.index.upsert(MAIN, creator, [first])
    await bench.index.upsert(MAIN, creator, [first, first])
    second = await bench.entry("after: pears", id=first.id, source=SourceId(uuid4()))
    await bench.index.upsert(MAIN, creator, [second])
    assert await bench.index.ids(MAIN, creator) == {first.id}
    assert (await bench.search(creator, "apples", meaning=""))[first.id].bm25 is None
    assert (await bench.search(creator, "pears"))[first.id].bm25 is not None
    assert await bench.search(creator, "pears", sources={first.source_id}) == {}
    assert set(await bench.search(creator, "pears", sources={second.source_id})) == {first.id}


async def test_what_is_forgotten_is_not_found(bench: Bench, creator: CreatorId) -> None:
    entries = await bench.entries(*TEXTS)
    await bench.index.upsert(MAIN, creator, entries)
    await bench.index.forget(MAIN, creator, [entries[0].id, PassageId(uuid4())])
    await bench.index.forget(MAIN, creator, [])
    assert set(await bench.search(creator, "seeds sprout")) == {entry.id for entry in entries[1:]}
    assert await bench.index.ids(MAIN, creator) == {entry.id for entry in entries[1:]}


async def test_creators_and_indexes_do_not_see_each_other(bench: Bench, creator: CreatorId) -> None:
    other = CreatorId(uuid4())
    mine, theirs, built = await bench.entries("warm seeds", "warm seeds", "warm seeds")
    await bench.index.upsert(MAIN, creator, [mine])
    await bench.index.upsert(MAIN, other, [theirs])
    await bench.index.upsert(NEXT, creator, [built])
    assert set(await bench.search(creator, "warm seeds")) == {mine.id}
    assert set(await bench.search(other, "warm seeds")) == {theirs.id}
    assert set(await bench.search(creator, "warm seeds", name=NEXT)) == {built.id}
    await bench.index.forget(MAIN, creator, [theirs.id, built.id])
    await bench.index.drop(MAIN, creator)
    assert await bench.search(creator, "warm seeds") == {}
    assert set(await bench.search(other, "warm seeds")) == {theirs.id}
    assert set(await bench.search(creator, "warm seeds", name=NEXT)) == {built.id}


async def test_the_filter_is_applied_before_the_best_are_chosen(bench: Bench, creator: CreatorId) -> None:
    loud, quiet = SourceId(uuid4()), SourceId(uuid4())
    many = await bench.entries(*["warm seeds sprout"] * 5, source=loud)
    one = await bench.entry("seeds, said in passing, among many other words", source=quiet)
    await bench.index.upsert(MAIN, creator, [*many, one])
    found = await bench.search(creator, "warm seeds sprout", limit=2, sources={quiet})
    assert set(found) == {one.id}
    assert found[one.id].bm25 is not None
    assert await bench.search(creator, "warm seeds sprout", sources=set()) == {}


async def test_no_more_than_the_limit_of_each_kind(bench: Bench, creator: CreatorId) -> None:
    await bench.index.upsert(MAIN, creator, await bench.entries(*[f"warm seeds {n}" for n in range(20)]))
    found = await bench.search(creator, "warm seeds", limit=3)
    assert 3 <= len(found) <= 6
    assert sum(candidate.bm25 is not None for candidate in found.values()) == 3


@pytest.mark.parametrize(
    "text",
    [
        '"unbalanced',
        "+chili -seeds",
        "chili AND (NOT",
        "chili:seeds^2 ~3 seed*",
        "C'est ça; DROP TABLE passages --",
        "🌶️🌱",
        "\x00",
        " ",
        "the",
        "बीज को गर्मी चाहिए",
        "chili " * 8000,
        " ".join(f"word{n}" for n in range(8000)),
    ],
    ids=lambda text: ascii(text[:12]),
)
async def test_any_text_is_words_and_no_query_language(bench: Bench, creator: CreatorId, text: str) -> None:
    entries = await bench.entries(*TEXTS)
    await bench.index.upsert(MAIN, creator, entries)
    found = await bench.search(creator, text)
    # Meaning ranks everything, whatever the words are.
    assert set(found) == {entry.id for entry in entries}
    if "chili" in text:
        assert found[entries[0].id].bm25 is not None


async def test_text_in_any_script_is_kept(bench: Bench, creator: CreatorId) -> None:
    texts = ("Überraschung im Gewächshaus 🌶️", "बीज को गर्मी चाहिए", "naïve café", "x" * 50_000)
    entries = await bench.entries(*texts)
    await bench.index.upsert(MAIN, creator, entries)
    found = await bench.search(creator, "überraschung गर्मी")
    assert {id for id, candidate in found.items() if candidate.bm25 is not None} == {
        entries[0].id,
        entries[1].id,
    }


async def test_reading_and_writing_at_once(bench: Bench, creator: CreatorId) -> None:
    batches = [await bench.entries(*[f"warm seeds {n}-{m}" for m in range(10)]) for n in range(12)]
    known = {entry.id for batch in batches for entry in batch}
    removed = [batch[0].id for batch in batches]

    async def write(batch: list[IndexEntry]) -> None:
        await bench.index.upsert(MAIN, creator, batch)
        await bench.index.forget(MAIN, creator, [batch[0].id])
        await bench.index.compact(MAIN, creator)

    async def read() -> None:
        for _ in range(12):
            assert set(await bench.search(creator, "warm seeds", limit=500)) <= known

    await asyncio.gather(*[write(batch) for batch in batches], read(), read())
    assert set(await bench.search(creator, "warm seeds", limit=500)) == known - set(removed)
    assert await bench.index.ids(MAIN, creator) == known - set(removed)
