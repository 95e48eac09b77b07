"""What a fan may and may not see, whatever the index says."""

from collections.abc import Collection
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from creators import Creator
from retrieval import Hit, Query
from retrieval.indexes.lance import LanceIndex
from retrieval.testing import MemoryIndex
from retrieval.types import Candidate, IndexEntry, IndexName, Vector
from runtime.errors import InvalidInput, NotFound, Unavailable
from runtime.ids import CreatorId, PassageId, SourceId
from tests.integration.retrieval.studio import INDEX, LATHE, MINERS, SEEDS, SOIL, Studio, drafts, unwatched


class LyingIndex(MemoryIndex):
    """Answers every creator with everybody's passages, and ignores the filter by source."""

    async def search(
        self,
        index: IndexName,
        creator_id: CreatorId,
        *,
        vector: Vector,
        text: str,
        limit: int,
        sources: Collection[SourceId] | None = None,
    ) -> list[Candidate]:
        return [
            candidate
            for name, tenant in self._tenants
            for candidate in await MemoryIndex.search(
                self, name, tenant, vector=vector, text=text, limit=limit
            )
        ]


@pytest.fixture
def lied_to(studio: Studio) -> Studio:
    return Studio(studio.database, index=LyingIndex())


async def first(studio: Studio, creator: Creator, text: str) -> Hit:
    return (await studio.retriever.search(Query(creator.id, text))).hits[0]


async def test_the_passage_with_the_words_comes_first(studio: Studio, bev: Creator) -> None:
    source = await studio.write(bev, drafts(LATHE, SEEDS, MINERS))
    results = await studio.retriever.search(Query(bev.id, "  When do chili seeds sprout?\n"))
    hit = results.hits[0]
    assert (hit.text, hit.source_id, hit.ordinal, hit.first_segment) == (SEEDS, source, 1, 1)
    assert (hit.start_ms, hit.end_ms, hit.speaker, hit.speaker_role) == (10_000, 20_000, "Bev", "creator")
    assert 0.9 < hit.score <= 1
    assert hit.dense is not None
    assert hit.dense > 0.3
    assert hit.lexical is not None
    assert hit.lexical > 0
    assert set(results.timings_ms) == {"embed", "index", "hydrate", "fuse", "total"}
    assert results.query_vector.shape == (studio.embedder.dimension,)
    assert [h.score for h in results.hits] == sorted((h.score for h in results.hits), reverse=True)


async def test_a_foreign_passage_never_comes_out(lied_to: Studio, bev: Creator, ada: Creator) -> None:
    await lied_to.write(bev, drafts(SEEDS))
    await lied_to.write(ada, drafts(SOIL, LATHE))
    assert await lied_to.texts(bev, "potting soil, a lathe tool") == [SEEDS]
    assert set(await lied_to.texts(ada, SEEDS)) == {SOIL, LATHE}


async def test_only_the_sources_asked_for_answer(lied_to: Studio, bev: Creator) -> None:
    chosen = await lied_to.write(bev, drafts(SEEDS))
    await lied_to.write(bev, drafts(LATHE))
    assert await lied_to.texts(bev, "lathe", sources=frozenset({chosen})) == [SEEDS]
    assert await lied_to.texts(bev, "lathe", sources=frozenset()) == []


async def test_members_see_more_than_the_public(studio: Studio, bev: Creator) -> None:
    await studio.write(bev, drafts(SEEDS))
    await studio.write(bev, drafts(LATHE), access="members")
    await studio.write(bev, drafts(MINERS), access="private")
    assert await studio.texts(bev, "tool") == [SEEDS]
    assert set(await studio.texts(bev, "tool", access=frozenset({"public", "members"}))) == {SEEDS, LATHE}
    assert await studio.texts(bev, "tool", access=frozenset()) == []


async def test_an_embargo_ends_by_the_clock(studio: Studio, bev: Creator) -> None:
    source = await studio.write(bev, drafts(SEEDS))
    await studio.embargo(source, studio.clock.now() + timedelta(hours=1))
    assert await studio.texts(bev, "seeds") == []
    studio.clock.advance(3599)
    assert await studio.texts(bev, "seeds") == []
    studio.clock.advance(1)
    assert await studio.texts(bev, "seeds") == [SEEDS]


async def test_what_was_withdrawn_is_silent_at_once(studio: Studio, bev: Creator) -> None:
    source = await studio.write(bev, drafts(SEEDS))
    assert await studio.texts(bev, "seeds") == [SEEDS]
    await studio.withdraw(source)
    assert await studio.texts(bev, "seeds") == []
    # It may come back, so nothing is removed from the index.
    assert await studio.writer.forget_stale(source) == 0


async def test_an_unpublished_generation_is_silent(studio: Studio, bev: Creator) -> None:
    source = await studio.source(bev)
    await studio.store(bev, source, 1, drafts(SEEDS))
    await studio.writer.embed(source, 1, unwatched)
    await studio.writer.index(source, 1, INDEX, bev.id)
    assert await studio.texts(bev, "seeds") == []
    await studio.publish(source, 1)
    assert await studio.texts(bev, "seeds") == [SEEDS]


async def test_what_may_not_be_seen_has_no_influence_on_the_scores(studio: Studio, bev: Creator) -> None:
    await studio.write(bev, drafts(SEEDS, LATHE))
    before = {hit.text: hit.score for hit in (await studio.retriever.search(Query(bev.id, "tool"))).hits}
    secret = await studio.write(bev, drafts("tool tool tool tool"), access="private")
    after = {hit.text: hit.score for hit in (await studio.retriever.search(Query(bev.id, "tool"))).hits}
    assert after == pytest.approx(before)
    assert secret


async def test_the_same_words_are_shown_once(studio: Studio, bev: Creator) -> None:
    await studio.write(bev, drafts(SEEDS, LATHE))
    await studio.write(bev, drafts(SEEDS + " Trust me."))
    texts = await studio.texts(bev, "chili seeds")
    assert len([text for text in texts if text.startswith(SEEDS)]) == 1
    assert LATHE in texts


async def test_one_source_gives_no_more_than_asked(studio: Studio, bev: Creator) -> None:
    await studio.write(
        bev, drafts("Red seeds are sown first.", "Old seeds float on water.", "Save hot seeds.")
    )
    other = await studio.write(bev, drafts(LATHE))
    hits = (await studio.retriever.search(Query(bev.id, "seeds", per_source=2))).hits
    assert len(hits) == 3
    assert hits[-1].source_id == other
    assert len((await studio.retriever.search(Query(bev.id, "seeds", k=1))).hits) == 1


@pytest.mark.parametrize("text", ["", "   ", "\n\t\u00a0\u3000"])
async def test_an_empty_query_is_refused(studio: Studio, bev: Creator, text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        await studio.retriever.search(Query(bev.id, text))
    assert caught.value.code == "query_empty"


@pytest.mark.parametrize("k", [0, -1, 201])
async def test_a_senseless_number_of_hits_is_refused(studio: Studio, bev: Creator, k: int) -> None:
    with pytest.raises(InvalidInput) as caught:
        await studio.retriever.search(Query(bev.id, "seeds", k=k))
    assert caught.value.code == "k_invalid"


async def test_an_unknown_creator_is_not_found(studio: Studio) -> None:
    with pytest.raises(NotFound, match="no creator"):
        await studio.retriever.search(Query(CreatorId(uuid4()), "seeds"))


@pytest.mark.parametrize("text", ["seeds " * 20_000, "\x00", "🌱", "बीज", "the"], ids=lambda t: ascii(t[:6]))
async def test_any_other_text_is_searched_for(studio: Studio, bev: Creator, text: str) -> None:
    await studio.write(bev, drafts(SEEDS, LATHE))
    assert set(await studio.texts(bev, text)) == {SEEDS, LATHE}


async def test_a_creator_without_passages_has_no_hits(studio: Studio, bev: Creator) -> None:
    assert (await studio.retriever.search(Query(bev.id, "seeds"))).hits == ()


async def test_the_whole_way_on_the_real_index(
    studio: Studio, bev: Creator, ada: Creator, tmp_path: Path
) -> None:
    index = LanceIndex(tmp_path, dimension=studio.embedder.dimension)
    real = Studio(studio.database, index=index)
    source = await real.write(bev, drafts(SEEDS, LATHE))
    await real.write(ada, drafts(SOIL))
    await real.write(bev, drafts(MINERS, SEEDS), source=source, generation=2)
    assert await real.texts(bev, "chili seeds sprouting") == [SEEDS, MINERS]
    assert await real.texts(ada, "chili seeds sprouting") == [SOIL]
    await index.close()


async def test_a_lost_index_is_no_creator_without_an_answer(
    studio: Studio, bev: Creator, ada: Creator
) -> None:
    source = await studio.write(bev, drafts(SEEDS, LATHE))
    await studio.writer.drop(bev.id, INDEX)
    with pytest.raises(Unavailable) as lost:
        await studio.texts(bev, "seeds")
    assert lost.value.code == "index_missing"
    with pytest.raises(Unavailable):
        await studio.texts(bev, "seeds", sources=frozenset({source}))
    # Where there is nothing to be found, nothing is missing.
    assert await studio.texts(ada, "seeds") == []
    assert await studio.texts(bev, "seeds", access=frozenset({"members"})) == []
    assert await studio.texts(bev, "seeds", sources=frozenset({SourceId(uuid4())})) == []
    await studio.writer.rebuild(bev.id, INDEX, unwatched)
    assert await studio.texts(bev, "seeds") == [SEEDS, LATHE]


async def test_a_ping_finds_a_lost_index(studio: Studio, bev: Creator) -> None:
    await studio.retriever.ping()
    await studio.write(bev, drafts(SEEDS))
    await studio.retriever.ping()
    await studio.writer.drop(bev.id, INDEX)
    with pytest.raises(Unavailable) as lost:
        await studio.retriever.ping()
    assert lost.value.code == "index_missing"


async def test_the_index_is_compared_with_the_truth(studio: Studio, bev: Creator) -> None:
    await studio.write(bev, drafts(SEEDS, LATHE))
    assert await studio.writer.compare(bev.id, INDEX) == (0, 0)
    found = await first(studio, bev, "seeds")
    await studio.index.forget(INDEX, bev.id, [found.passage_id])
    assert await studio.writer.compare(bev.id, INDEX) == (1, 0)
    stray = IndexEntry(PassageId(uuid4()), found.source_id, SOIL, await studio.embedder.query(SOIL))
    await studio.index.upsert(INDEX, bev.id, [stray])
    assert await studio.writer.compare(bev.id, INDEX) == (1, 1)
