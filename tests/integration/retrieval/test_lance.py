"""What only an index on disk can get wrong: several processes, tables that go, room that runs out."""

import asyncio
import multiprocessing
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest

from retrieval.indexes.lance import LanceIndex
from retrieval.types import IndexEntry, IndexName, Vector
from runtime.errors import Defect, Unavailable
from runtime.ids import CreatorId, PassageId, SourceId

MAIN = IndexName("turns-v1.flat.v1")
QUERY: Vector = np.array([1, 0, 0, 0], np.float32)


def entries(count: int, text: str = "warm seeds") -> list[IndexEntry]:
    return [
        IndexEntry(PassageId(uuid4()), SourceId(uuid4()), f"{text} {number}", QUERY)
        for number in range(count)
    ]


async def found(index: LanceIndex, creator: CreatorId, text: str = "seeds") -> set[PassageId]:
    candidates = await index.search(MAIN, creator, vector=QUERY, text=text, limit=1000)
    return {candidate.id for candidate in candidates}


def versions(path: Path) -> int:
    return len(list(path.glob("*.lance/_versions/*")))


def damage(path: Path) -> None:
    for file in path.glob("*.lance/data/*"):
        file.write_bytes(b"not a data file")


@pytest.fixture
async def writer(tmp_path: Path) -> AsyncIterator[LanceIndex]:
    index = LanceIndex(tmp_path, dimension=4)
    yield index
    await index.close()


@pytest.fixture
async def reader(tmp_path: Path) -> AsyncIterator[LanceIndex]:
    index = LanceIndex(tmp_path, dimension=4, open_tables=2)
    yield index
    await index.close()


@pytest.fixture
def creator() -> CreatorId:
    return CreatorId(uuid4())


async def test_a_reader_sees_each_write_at_once(
    writer: LanceIndex, reader: LanceIndex, creator: CreatorId
) -> None:
    assert await found(reader, creator) == set()
    first, second = entries(3), entries(3)
    await writer.upsert(MAIN, creator, first)
    assert await found(reader, creator) == {entry.id for entry in first}
    await writer.upsert(MAIN, creator, second)
    await writer.forget(MAIN, creator, [first[0].id])
    assert await found(reader, creator) == {entry.id for entry in [*first[1:], *second]}


async def test_a_table_may_be_dropped_and_made_anew_behind_a_reader(
    writer: LanceIndex, reader: LanceIndex, creator: CreatorId
) -> None:
    for _ in range(3):
        await writer.upsert(MAIN, creator, entries(2))
    assert len(await found(reader, creator)) == 6
    await writer.drop(MAIN, creator)
    assert await found(reader, creator) == set()
    assert await reader.ids(MAIN, creator) == set()
    await reader.forget(MAIN, creator, [PassageId(uuid4())])
    await reader.compact(MAIN, creator)
    again = entries(2)
    await reader.upsert(MAIN, creator, again)
    assert await found(writer, creator) == {entry.id for entry in again}


async def test_a_writer_whose_table_is_dropped_makes_it_again(
    writer: LanceIndex, reader: LanceIndex, creator: CreatorId
) -> None:
    await writer.upsert(MAIN, creator, entries(2))
    await reader.drop(MAIN, creator)
    again = entries(2)
    await writer.upsert(MAIN, creator, again)
    assert await found(reader, creator) == {entry.id for entry in again}


async def test_more_creators_than_tables_kept_open(writer: LanceIndex, reader: LanceIndex) -> None:
    creators = [CreatorId(uuid4()) for _ in range(5)]
    written = {creator: entries(2) for creator in creators}
    for creator, some in written.items():
        await writer.upsert(MAIN, creator, some)
    for creator in [*creators, *creators]:
        assert await found(reader, creator) == {entry.id for entry in written[creator]}


async def test_compaction_brings_the_words_up_to_date_and_keeps_everything(
    writer: LanceIndex, reader: LanceIndex, creator: CreatorId, tmp_path: Path
) -> None:
    written: list[IndexEntry] = []
    for _ in range(20):
        batch = entries(10)
        await writer.upsert(MAIN, creator, batch)
        written += batch
    before = versions(tmp_path)
    await writer.compact(MAIN, creator)
    assert await found(reader, creator) == {entry.id for entry in written}
    # Nothing has been written since, so there is nothing to do.
    after = versions(tmp_path)
    assert after > before
    await writer.compact(MAIN, creator)
    assert versions(tmp_path) == after


def _write(path: str, creator: CreatorId, count: int) -> None:
    async def write() -> None:
        index = LanceIndex(Path(path), dimension=4)
        for _ in range(count):
            await index.upsert(MAIN, creator, entries(5))
            await index.compact(MAIN, creator)
        await index.close()

    asyncio.run(write())


async def test_two_processes_write_the_same_table(
    reader: LanceIndex, creator: CreatorId, tmp_path: Path
) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_write, args=(str(tmp_path), creator, 15)) for _ in range(2)]
    for process in processes:
        process.start()
    while any(process.is_alive() for process in processes):
        await found(reader, creator)
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    assert len(await found(reader, creator)) == 2 * 15 * 5
    assert len(await reader.ids(MAIN, creator)) == 2 * 15 * 5


async def test_a_vector_of_another_dimension_is_refused(writer: LanceIndex, creator: CreatorId) -> None:
    wrong = np.ones(5, np.float32)
    with pytest.raises(Defect, match="dimension 4"):
        await writer.search(MAIN, creator, vector=wrong, text="seeds", limit=1)
    with pytest.raises(Defect, match="dimension 4"):
        await writer.upsert(
            MAIN, creator, [IndexEntry(PassageId(uuid4()), SourceId(uuid4()), "seeds", wrong)]
        )


async def test_an_index_that_cannot_be_read_says_what_to_do(
    writer: LanceIndex, creator: CreatorId, tmp_path: Path
) -> None:
    await writer.upsert(MAIN, creator, entries(2))
    await writer.close()
    damage(tmp_path)
    damaged = LanceIndex(tmp_path, dimension=4)
    with pytest.raises(Unavailable, match="understudy reindex") as caught:
        await found(damaged, creator)
    assert caught.value.code == "index_unavailable"
    # What the advice does: drop it, and write it again.
    await damaged.drop(MAIN, creator)
    again = entries(2)
    await damaged.upsert(MAIN, creator, again)
    assert await found(damaged, creator) == {entry.id for entry in again}
    await damaged.close()
