"""Passages through re-ingest, crash, and rebuild: what is unchanged stays, what is gone is gone everywhere."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from uuid import UUID

import pytest

from creators import Creator
from retrieval import Query
from retrieval.testing import MemoryIndex
from retrieval.types import IndexEntry, IndexName
from runtime.errors import Defect
from runtime.ids import CreatorId, PassageId, SourceId
from tests.integration.retrieval.studio import (
    INDEX,
    LATHE,
    MINERS,
    SEEDS,
    SOIL,
    Studio,
    drafts,
    unwatched,
)


async def passages(studio: Studio) -> dict[str, UUID]:
    async with studio.database.transaction() as tx:
        texts = await tx.fetch_values("SELECT text FROM retrieval.passages ORDER BY id")
        ids = await tx.fetch_values("SELECT id FROM retrieval.passages ORDER BY id")
    return dict(zip(texts, ids, strict=True))


async def count(studio: Studio, table: str) -> int:
    counts = {
        "passages": "SELECT count(*) FROM retrieval.passages",
        "placements": "SELECT count(*) FROM retrieval.placements",
        "embeddings": "SELECT count(*) FROM retrieval.embeddings",
    }
    async with studio.database.transaction() as tx:
        return await tx.fetch_value(counts[table])  # pyright: ignore[reportArgumentType]


async def test_unchanged_content_keeps_row_vector_and_entry(studio: Studio, bev: Creator) -> None:
    source = await studio.write(bev, drafts(SEEDS, LATHE))
    before = await passages(studio)
    assert studio.embedder.embedded == 2
    # A cue is inserted before everything: all times and ordinals shift, one passage is new, one is gone.
    await studio.write(bev, drafts(MINERS, SEEDS), source=source, generation=2)
    after = await passages(studio)
    assert after[SEEDS] == before[SEEDS]
    assert set(after) == {MINERS, SEEDS}
    assert studio.embedder.embedded == 3
    assert await studio.index.ids(INDEX, bev.id) == set(after.values())
    [hit] = [h for h in (await studio.retriever.search(query(bev, SEEDS))).hits if h.text == SEEDS]
    assert (hit.ordinal, hit.start_ms, hit.generation, hit.url) == (
        1,
        10_000,
        2,
        f"https://www.youtube.com/watch?v={hit.external_id}&t=10s",
    )


async def test_the_same_again_writes_nothing(studio: Studio, bev: Creator) -> None:
    source = await studio.write(bev, drafts(SEEDS, LATHE))
    index = Breaking(studio.index, after=0)
    writer = studio.writer_on(index)
    await studio.store(bev, source, 2, drafts(SEEDS, LATHE))
    assert await writer.embed(source, 2, unwatched) == 0
    assert await writer.index(source, 2, INDEX, bev.id) == 0
    await studio.publish(source, 2)
    assert await writer.forget_stale(source) == 0
    assert await count(studio, "placements") == 2


async def test_the_same_words_twice_are_two_passages_and_one_vector(studio: Studio, bev: Creator) -> None:
    await studio.write(bev, drafts(SEEDS, LATHE, SEEDS))
    await studio.write(bev, drafts(SEEDS))
    assert await count(studio, "passages") == 4
    assert studio.embedder.embedded == await count(studio, "embeddings") == 2
    # Another header makes another vector: the header is embedded with the text.
    await studio.write(bev, drafts(SEEDS, header="Another talk"))
    assert studio.embedder.embedded == 3


async def test_what_a_passage_is_called_may_change_without_its_words(studio: Studio, bev: Creator) -> None:
    source = await studio.write(bev, drafts(SEEDS))
    renamed = [replace(draft, speaker_role="guest", sponsor=True) for draft in drafts(SEEDS)]
    await studio.write(bev, renamed, source=source, generation=2)
    [hit] = (await studio.retriever.search(query(bev, SEEDS))).hits
    assert (hit.speaker_role, hit.sponsor) == ("guest", True)
    assert studio.embedder.embedded == 1


async def test_the_old_generation_answers_until_the_new_one_is_published(
    studio: Studio, bev: Creator
) -> None:
    source = await studio.write(bev, drafts(SEEDS, LATHE))
    await studio.store(bev, source, 2, drafts(SEEDS, MINERS))
    await studio.writer.embed(source, 2, unwatched)
    await studio.writer.index(source, 2, INDEX, bev.id)
    assert set(await studio.texts(bev, "seeds")) == {SEEDS, LATHE}
    assert await studio.writer.forget_stale(source) == 0
    await studio.publish(source, 2)
    assert set(await studio.texts(bev, "seeds")) == {SEEDS, MINERS}
    assert await studio.writer.forget_stale(source) == 1
    assert set(await studio.texts(bev, "seeds")) == {SEEDS, MINERS}
    assert await count(studio, "placements") == 2


async def test_a_later_generation_in_the_making_is_not_stale(studio: Studio, bev: Creator) -> None:
    source = await studio.write(bev, drafts(SEEDS))
    await studio.store(bev, source, 2, drafts(MINERS))
    assert await studio.writer.forget_stale(source) == 0
    assert set(await passages(studio)) == {SEEDS, MINERS}


async def test_progress_counts_what_had_to_be_embedded(studio: Studio, bev: Creator) -> None:
    source = await studio.write(bev, drafts("known 0", "known 1"))
    await studio.store(bev, source, 2, drafts(*[f"known {n}" for n in range(150)]))
    seen: list[tuple[int, int]] = []

    async def progress(done: int, total: int) -> None:
        seen.append((done, total))

    assert await studio.writer.embed(source, 2, progress) == 148
    assert seen == [(0, 148), (64, 148), (128, 148), (148, 148)]


async def test_indexing_before_embedding_is_our_own_mistake(studio: Studio, bev: Creator) -> None:
    source = await studio.source(bev)
    await studio.store(bev, source, 1, drafts(SEEDS))
    with pytest.raises(Defect, match="no vector"):
        await studio.writer.index(source, 1, INDEX, bev.id)


async def test_an_interrupted_embedding_goes_on_where_it_stopped(studio: Studio, bev: Creator) -> None:
    source = await studio.source(bev)
    await studio.store(bev, source, 1, drafts(*[f"word {n}" for n in range(200)]))

    async def lease_lost(done: int, total: int) -> None:
        if done:
            raise KilledError

    with pytest.raises(KilledError):
        await studio.writer.embed(source, 1, lease_lost)
    assert await count(studio, "embeddings") == 64
    assert await studio.writer.embed(source, 1, unwatched) == 136


class KilledError(Exception):
    """Stands for the end of the process."""


class Breaking(MemoryIndex):
    """Writes to another index, and dies instead of, or right after, the write number `after`."""

    def __init__(self, index: MemoryIndex, *, after: int, before_write: bool = True) -> None:
        self._inner = index
        self._left = after
        self._before_write = before_write

    async def upsert(self, index: IndexName, creator_id: CreatorId, entries: Sequence[IndexEntry]) -> None:
        await self._die(self._before_write)
        await self._inner.upsert(index, creator_id, entries)
        await self._die(not self._before_write)

    async def forget(self, index: IndexName, creator_id: CreatorId, ids: Collection[PassageId]) -> None:
        if ids:
            await self._die(self._before_write)
        await self._inner.forget(index, creator_id, ids)
        if ids:
            await self._die(not self._before_write)

    async def compact(self, index: IndexName, creator_id: CreatorId) -> None:
        await self._inner.compact(index, creator_id)

    async def ids(self, index: IndexName, creator_id: CreatorId) -> set[PassageId]:
        return await self._inner.ids(index, creator_id)

    async def _die(self, now: bool) -> None:
        if not now:
            return
        if self._left == 0:
            raise KilledError
        self._left -= 1


@pytest.mark.parametrize("before_write", [True, False])
@pytest.mark.parametrize("after", range(4))
async def test_killed_at_any_write_the_next_run_ends_right(
    studio: Studio, bev: Creator, after: int, before_write: bool
) -> None:
    assert isinstance(studio.index, MemoryIndex)
    many = [f"passage number {n}" for n in range(600)]
    source = await studio.write(bev, drafts(SEEDS, LATHE))
    # Three writes into the index, and one removal: each is where the process ends once.
    killed = studio.writer_on(Breaking(studio.index, after=after, before_write=before_write))
    with pytest.raises(KilledError):
        await studio.write(bev, drafts(*many, SEEDS), source=source, generation=2, writer=killed)
    await studio.write(bev, drafts(*many, SEEDS), source=source, generation=2)
    known = await passages(studio)
    assert set(known) == {*many, SEEDS}
    assert await studio.index.ids(INDEX, bev.id) == set(known.values())
    assert studio.embedder.embedded == 602


async def test_an_index_that_is_lost_comes_back_without_the_model(
    studio: Studio, bev: Creator, ada: Creator
) -> None:
    for number in range(3):
        await studio.write(bev, drafts(*[f"talk {number} passage {n}" for n in range(150)]))
    await studio.write(ada, drafts(SOIL))
    embedded = studio.embedder.embedded
    await studio.index.drop(INDEX, bev.id)
    seen: list[tuple[int, int]] = []

    async def progress(done: int, total: int) -> None:
        seen.append((done, total))

    assert await studio.writer.rebuild(bev.id, INDEX, progress) == 450
    assert seen == [(0, 450), (256, 450), (450, 450)]
    assert studio.embedder.embedded == embedded
    assert len(await studio.index.ids(INDEX, bev.id)) == 450
    assert len(await studio.index.ids(INDEX, ada.id)) == 1


async def test_rebuilding_removes_what_does_not_belong(studio: Studio, bev: Creator) -> None:
    await studio.write(bev, drafts(SEEDS))
    stray = IndexEntry(
        PassageId(UUID(int=1)),
        SourceId(UUID(int=2)),
        "stray",
        await studio.embedder.query("stray"),
    )
    await studio.index.upsert(INDEX, bev.id, [stray])
    await studio.writer.rebuild(bev.id, INDEX, unwatched)
    assert await studio.index.ids(INDEX, bev.id) == set((await passages(studio)).values())
    await studio.writer.rebuild(bev.id, INDEX, unwatched, from_scratch=True)
    assert await studio.index.ids(INDEX, bev.id) == set((await passages(studio)).values())


async def test_a_second_index_is_built_beside_the_first(studio: Studio, bev: Creator) -> None:
    source = await studio.write(bev, drafts(SEEDS, LATHE))
    beside = IndexName("turns-v1.hashing.v2")
    assert await studio.writer.rebuild(bev.id, beside, unwatched) == 2
    assert await studio.index.ids(beside, bev.id) == await studio.index.ids(INDEX, bev.id)
    # What is removed later leaves both.
    await studio.write(bev, drafts(SEEDS), source=source, generation=2)
    assert len(await studio.index.ids(beside, bev.id)) == len(await studio.index.ids(INDEX, bev.id)) == 1


async def test_rebuilding_makes_the_vectors_that_are_missing(studio: Studio, bev: Creator) -> None:
    await studio.write(bev, drafts(*[f"passage {n}" for n in range(300)]))
    async with studio.database.transaction() as tx:
        await tx.execute("DELETE FROM retrieval.embeddings WHERE content_hash < '\\x40'")
        left = await tx.fetch_value("SELECT count(*) FROM retrieval.embeddings")
    embedded = studio.embedder.embedded
    assert await studio.writer.rebuild(bev.id, INDEX, unwatched) == 300
    assert studio.embedder.embedded - embedded == 300 - left > 0


def query(creator: Creator, text: str) -> Query:
    return Query(creator.id, text)
