# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportMissingTypeArgument=false
# lancedb and pyarrow are typed in part only.
"""The embedded index: one LanceDB table for each creator and index, files in a directory.

Several processes may use the directory at once: every read looks for the newest version of its table first. The
search by meaning compares the query with every vector, so it is exact; measured on 2 cores with 2,700 passages,
both searches together take 6 ms (20 ms with 20,000).

Importing this module takes seconds: lancedb is large.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Generator, Iterable, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar, cast
from uuid import UUID
from weakref import WeakValueDictionary

import numpy as np
import pyarrow as pa
import structlog

from retrieval.indexes.lean_lancedb import FTS, AsyncConnection, AsyncTable, MatchQuery, lancedb
from retrieval.types import Candidate, IndexEntry, IndexName, Vector
from runtime.errors import Defect, StorageFull, Unavailable
from runtime.ids import CreatorId, PassageId, SourceId

log = structlog.get_logger(__name__)
Answer = TypeVar("Answer")

# Stop words stay in: on questions people ask, finding by words loses a tenth of its MRR without them.
_WORDS = FTS(language="English", stem=True, remove_stop_words=False)
_WORDS_INDEX = "text_idx"
# A row that is not yet in the index of words costs each search about 50 µs, a file about 100 µs; compacting 2,700
# rows takes 0.2 s. With these limits it takes 3% of the time that embedding the same passages does.
_UNINDEXED_ROWS = 50
_UNINDEXED_SHARE = 0.01
_FILES = 16
# What a search under way in another process may still be reading is kept that long.
_KEEP_REPLACED = timedelta(minutes=2)
# LanceDB would take 7 GB.
_INDEX_CACHE_BYTES = 64 * 2**20
_METADATA_CACHE_BYTES = 32 * 2**20


class LanceIndex:
    """A `PassageIndex` in the directory `path`, for vectors of `dimension`. Keeps `open_tables` tables open."""

    def __init__(self, path: Path, *, dimension: int, open_tables: int = 64) -> None:
        self._path = path
        self._dimension = dimension
        self._open_tables = open_tables
        self._schema = pa.schema(
            [
                pa.field("id", pa.binary(16), nullable=False),
                pa.field("source_id", pa.binary(16), nullable=False),
                pa.field("text", pa.utf8(), nullable=False),
                pa.field("vector", pa.list_(pa.float32(), dimension), nullable=False),
            ]
        )
        self._connection: AsyncConnection | None = None
        self._connecting = asyncio.Lock()
        self._tables: OrderedDict[str, AsyncTable] = OrderedDict()
        self._writing: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def upsert(self, index: IndexName, creator_id: CreatorId, entries: Sequence[IndexEntry]) -> None:
        """Write entries, each in place of the one with its id. The first write makes the index."""
        if not entries:
            return
        rows = self._rows({entry.id: entry for entry in entries}.values())

        async def write(table: AsyncTable) -> None:
            merge = table.merge_insert("id").when_matched_update_all().when_not_matched_insert_all()
            await merge.execute(rows)

        name = _table_name(index, creator_id)
        async with self._writer(name):
            await self._with_table(name, write, otherwise=None, make=True)

    async def forget(self, index: IndexName, creator_id: CreatorId, ids: Collection[PassageId]) -> None:
        """Remove entries; those that are not there are no error."""
        if not ids:
            return
        name = _table_name(index, creator_id)

        async def delete(table: AsyncTable) -> None:
            await table.delete(f"id IN ({_hexadecimal(ids)})")

        async with self._writer(name):
            await self._with_table(name, delete, otherwise=None)

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
        """The `limit` nearest to `vector` (exact) and the `limit` best for the words of `text`, in one list."""
        self._check(vector)
        if sources is not None and not sources:
            return []
        condition = None if sources is None else f"source_id IN ({_hexadecimal(sources)})"

        async def both(table: AsyncTable) -> list[Candidate]:
            near, worded = await asyncio.gather(
                _nearest(table, vector, limit, condition), _worded(table, text, limit, condition)
            )
            return _merged(near, worded, vector)

        return await self._with_table(_table_name(index, creator_id), both, otherwise=[])

    async def ids(self, index: IndexName, creator_id: CreatorId) -> set[PassageId]:
        """All entries of a creator."""

        async def read(table: AsyncTable) -> set[PassageId]:
            rows = await table.query().select(["id"]).to_arrow()
            return {PassageId(UUID(bytes=raw)) for raw in _bytes(rows, "id")}

        return await self._with_table(_table_name(index, creator_id), read, otherwise=set())

    async def drop(self, index: IndexName, creator_id: CreatorId) -> None:
        """Remove the creator from the index altogether."""
        name = _table_name(index, creator_id)
        async with self._writer(name):
            with _answering():
                await (await self._connected()).drop_table(name, ignore_missing=True)
            self._tables.pop(name, None)

    async def compact(self, index: IndexName, creator_id: CreatorId) -> None:
        """Bring the index of words up to date and merge files, if so much was written that it pays."""
        name = _table_name(index, creator_id)
        async with self._writer(name):
            await self._with_table(name, _compact, otherwise=None)

    async def close(self) -> None:
        """Let go of files; the index is not to be used after."""
        self._tables.clear()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _writer(self, name: str) -> asyncio.Lock:
        # Writers of one process take turns; those of several are kept apart by LanceDB, at the price of retries.
        return self._writing.setdefault(name, asyncio.Lock())

    async def _with_table(
        self,
        name: str,
        action: Callable[[AsyncTable], Awaitable[Answer]],
        *,
        otherwise: Answer,
        make: bool = False,
    ) -> Answer:
        """The action's answer, or `otherwise` when there is no such table (and it is not to be made)."""
        with _answering():
            for _ in range(2):
                table = await self._opened(name, make=make)
                if table is None:
                    return otherwise
                try:
                    return await action(table)
                except RuntimeError as error:
                    if not _is_gone(error):
                        raise
                    # Dropped since it was opened; it may have been made anew.
                    self._tables.pop(name, None)
        return otherwise

    async def _opened(self, name: str, *, make: bool) -> AsyncTable | None:
        table = self._tables.get(name)
        if table is None:
            connection = await self._connected()
            table = await (_made(connection, name, self._schema) if make else _existing(connection, name))
            if table is None:
                return None
            self._tables[name] = table
        self._tables.move_to_end(name)
        while len(self._tables) > self._open_tables:
            # Not closed: a search may be using it.
            self._tables.popitem(last=False)
        return table

    async def _connected(self) -> AsyncConnection:
        async with self._connecting:
            if self._connection is None:
                await asyncio.to_thread(self._path.mkdir, parents=True, exist_ok=True)
                self._connection = await lancedb.connect_async(
                    str(self._path),
                    read_consistency_interval=timedelta(0),
                    session=lancedb.Session(_INDEX_CACHE_BYTES, _METADATA_CACHE_BYTES),
                )
            return self._connection

    def _rows(self, entries: Iterable[IndexEntry]) -> pa.Table:
        entries = list(entries)
        for entry in entries:
            self._check(entry.vector)
        matrix = np.stack([entry.vector for entry in entries]).astype(np.float32, copy=False)
        columns = [
            pa.array([entry.id.bytes for entry in entries], pa.binary(16)),
            pa.array([entry.source_id.bytes for entry in entries], pa.binary(16)),
            pa.array([entry.text for entry in entries], pa.utf8()),
            pa.FixedSizeListArray.from_arrays(pa.array(matrix.ravel()), self._dimension),
        ]
        return pa.Table.from_arrays(columns, schema=self._schema)

    def _check(self, vector: Vector) -> None:
        if vector.shape != (self._dimension,):
            raise Defect(
                "vector_dimension",
                f"A vector of shape {vector.shape} came to an index of dimension {self._dimension}.",
            )


async def _existing(connection: AsyncConnection, name: str) -> AsyncTable | None:
    try:
        return await connection.open_table(name)
    except ValueError as error:
        if "was not found" in str(error):
            return None
        raise


async def _made(connection: AsyncConnection, name: str, schema: pa.Schema) -> AsyncTable:
    table = await connection.create_table(name, schema=schema, exist_ok=True)
    # Also when it exists: whoever made it may have been killed before this line.
    if not await table.list_indices():
        try:
            await table.create_index("text", config=_WORDS)
        except RuntimeError as error:
            if not _lost_race(error):
                raise
    return table


async def _nearest(table: AsyncTable, vector: Vector, limit: int, condition: str | None) -> pa.Table:
    query = table.query().nearest_to(vector).distance_type("dot").limit(limit)
    query = query.select(["id", "_distance"])
    return await (query if condition is None else query.where(condition)).to_arrow()


async def _worded(table: AsyncTable, text: str, limit: int, condition: str | None) -> pa.Table:
    query = table.query().nearest_to_text(_plain_words(text)).limit(limit)
    query = query.select(["id", "vector", "_score"])
    return await (query if condition is None else query.where(condition)).to_arrow()


def _plain_words(text: str) -> MatchQuery:
    """Nothing in a match query is read as an operator: quotes, signs, AND are words or nothing."""
    return MatchQuery(text, "text")  # pyright: ignore[reportCallIssue] - the other fields have defaults


def _merged(near: pa.Table, worded: pa.Table, vector: Vector) -> list[Candidate]:
    """Both lists as one. LanceDB's dot distance is 1 - cosine for unit vectors."""
    cosines = dict(zip(_bytes(near, "id"), (1 - _numbers(near, "_distance")).tolist(), strict=True))
    word_ids = _bytes(worded, "id")
    vectors = cast("pa.FixedSizeListArray", worded.column("vector").combine_chunks()).flatten().to_numpy()
    if word_ids:
        cosines |= dict(zip(word_ids, (vectors.reshape(len(word_ids), -1) @ vector).tolist(), strict=True))
    scores = dict(zip(word_ids, _numbers(worded, "_score").tolist(), strict=True))
    return [Candidate(PassageId(UUID(bytes=raw)), cosine, scores.get(raw)) for raw, cosine in cosines.items()]


async def _compact(table: AsyncTable) -> None:
    words = await table.index_stats(_WORDS_INDEX)
    stats = cast("dict[str, Any]", await table.stats())
    rows, files = int(stats["num_rows"]), int(stats["fragment_stats"]["num_fragments"])
    waiting = words.num_unindexed_rows if words is not None else rows
    if waiting < max(_UNINDEXED_ROWS, rows * _UNINDEXED_SHARE) and files < _FILES:
        return
    try:
        await table.optimize(cleanup_older_than=_KEEP_REPLACED)
    except RuntimeError as error:
        if not _lost_race(error):
            raise
        # Another process wrote at the same time, and will compact after that.
        log.info("index_compaction_gave_way", table=table.name)


def _table_name(index: IndexName, creator_id: CreatorId) -> str:
    return f"{index}--{creator_id.hex}"


def _hexadecimal(ids: Collection[UUID]) -> str:
    return ", ".join(f"X'{id.hex}'" for id in ids)


def _bytes(rows: pa.Table, column: str) -> list[bytes]:
    return cast("list[bytes]", rows.column(column).to_pylist())


def _numbers(rows: pa.Table, column: str) -> Vector:
    return rows.column(column).to_numpy()


def _is_gone(error: RuntimeError) -> bool:
    message = str(error)
    return "Not found" in message and "_versions" in message


def _lost_race(error: RuntimeError) -> bool:
    """Whether another process did the same, or wrote, at the same time and came first."""
    return "commit conflict" in str(error)


@contextmanager
def _answering() -> Generator[None]:
    """LanceDB's errors as ours; it raises these three classes for everything."""
    try:
        yield
    except (RuntimeError, ValueError, OSError) as error:
        if "No space left" in str(error):
            raise StorageFull(
                "disk_full",
                "There is no room left to write the index.",
                next_step="Free disk space where Understudy keeps its index, then try again.",
            ) from error
        raise Unavailable(
            "index_unavailable",
            "The index cannot be read or written.",
            next_step="Try again; if it stays so, rebuild it with ./understudy reindex.",
        ) from error
