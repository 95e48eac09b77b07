"""PostgreSQL: a pool, transactions, and typed reads.

One request or job step is one `Transaction`. What must happen only if it commits (a wake-up, an index write)
is registered with `after_commit`. SQL is literal text; values always travel as parameters.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, LiteralString, TypeVar

import psycopg
import psycopg.sql
from psycopg.rows import class_row
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from runtime.errors import Conflict, StorageFull, Unavailable

Row = TypeVar("Row")
Params = Sequence[object] | Mapping[str, object]
# The class of the advisory locks of `execute_last`; PostgreSQL keeps those of two numbers apart from those of one.
_LAST_LOCKS = 1
JsonValue = str | int | float | bool | None | Sequence["JsonValue"] | Mapping[str, "JsonValue"]


def as_json(value: JsonValue) -> Jsonb:
    """Wrap a value for a `jsonb` parameter."""
    return Jsonb(value)


class Reader:
    """Typed reads on one connection. Valid only inside the block that gave it; not to be shared between tasks."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self._connection = connection

    async def fetch_all(self, row: type[Row], query: LiteralString, params: Params = ()) -> list[Row]:
        """All rows as `row` objects, whose fields are named as the columns are."""
        async with self._connection.cursor(row_factory=class_row(row)) as cursor:
            await cursor.execute(query, params)
            return await cursor.fetchall()

    async def fetch_one(self, row: type[Row], query: LiteralString, params: Params = ()) -> Row | None:
        """The first row, or None."""
        async with self._connection.cursor(row_factory=class_row(row)) as cursor:
            await cursor.execute(query, params)
            return await cursor.fetchone()

    async def fetch_value(self, query: LiteralString, params: Params = ()) -> Any:
        """First column of the first row, or None when there is no row."""
        async with self._connection.cursor() as cursor:
            await cursor.execute(query, params)
            first = await cursor.fetchone()
        return None if first is None else first[0]

    async def fetch_values(self, query: LiteralString, params: Params = ()) -> list[Any]:
        """First column of every row."""
        async with self._connection.cursor() as cursor:
            await cursor.execute(query, params)
            return [row[0] for row in await cursor.fetchall()]


class Transaction(Reader):
    """One open transaction. Valid only inside `Database.transaction()`; not to be shared between tasks."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        super().__init__(connection)
        self._callbacks: list[Callable[[], Awaitable[None]]] = []
        self._last: list[tuple[str, LiteralString, Params]] = []

    async def execute(self, query: LiteralString, params: Params = ()) -> int:
        """Run one statement; returns how many rows it touched."""
        async with self._connection.cursor() as cursor:
            await cursor.execute(query, params)
            return max(cursor.rowcount, 0)

    async def execute_many(self, query: LiteralString, rows: Sequence[Params]) -> None:
        """Run one statement for each row of parameters, pipelined."""
        if not rows:
            return
        async with self._connection.cursor() as cursor:
            await cursor.executemany(query, rows)

    async def copy_rows(self, statement: LiteralString, rows: Sequence[Sequence[object]]) -> None:
        """Bulk insert by `COPY ... FROM STDIN`; `statement` names table and columns."""
        async with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                await copy.write_row(row)

    def after_commit(self, callback: Callable[[], Awaitable[None]]) -> None:
        """Have `callback` awaited once the transaction has committed; never when it rolls back."""
        self._callbacks.append(callback)

    def execute_last(self, query: LiteralString, params: Params, *, lock: str) -> None:
        """Have a statement run right before the commit, alone among the transactions that give the same `lock`.

        So what such statements write is committed in the order in which it was written. Because nothing else is waited
        for after them, and all take their locks in one order, they cannot take part in a deadlock.
        """
        self._last.append((lock, query, params))

    async def run_last(self) -> None:
        """Run what `execute_last` registered, in order."""
        if not self._last:
            return
        await self.execute(
            "SELECT pg_advisory_xact_lock(%s, number) FROM (SELECT DISTINCT hashtext(name) AS number"
            " FROM unnest(%s::text[]) AS name ORDER BY number) AS locks",
            (_LAST_LOCKS, [lock for lock, _, _ in self._last]),
        )
        for _, query, params in self._last:
            await self.execute(query, params)

    async def run_callbacks(self) -> None:
        """Await what `after_commit` registered, in order."""
        for callback in self._callbacks:
            await callback()


class Database:
    """A pool of connections. `close()` belongs to whoever called `open()`."""

    def __init__(self, pool: AsyncConnectionPool[psycopg.AsyncConnection[Any]], url: str) -> None:
        self._pool = pool
        self._url = url

    @classmethod
    async def open(
        cls, url: str, *, min_size: int = 1, max_size: int = 8, timeout_s: float = 10
    ) -> "Database":
        """Connect. Raises Unavailable `database_unreachable` when no connection comes within `timeout_s`."""
        pool = AsyncConnectionPool[psycopg.AsyncConnection[Any]](
            url,
            min_size=min_size,
            max_size=max_size,
            timeout=timeout_s,
            open=False,
            name="understudy",
            # A server that was restarted has left dead connections here: nobody is to be given one.
            check=AsyncConnectionPool.check_connection,
            configure=_plan_each_time,
        )
        try:
            await pool.open(wait=True, timeout=timeout_s)
        except PoolTimeout as error:
            await pool.close()
            raise _unreachable() from error
        return cls(pool, url)

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.close()

    async def ping(self) -> None:
        """Returns when the server answers. Raises Unavailable `database_unreachable`."""
        async with self.transaction() as tx:
            await tx.fetch_value("SELECT 1")

    async def notices(self, channel: LiteralString) -> AsyncGenerator[str]:
        """What is sent to a channel (`NOTIFY`) from now on, on a connection of its own outside the pool.

        Raises Unavailable when the server cannot be reached or drops the connection.
        """
        try:
            async with await psycopg.AsyncConnection.connect(self._url, autocommit=True) as connection:
                await connection.execute(psycopg.sql.SQL("LISTEN {}").format(psycopg.sql.Identifier(channel)))
                async for notice in connection.notifies():
                    yield notice.payload
        except psycopg.OperationalError as error:
            raise _unreachable() from error

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Transaction]:
        """A transaction that commits at the end of the block and rolls back on an exception.

        Raises Unavailable when the server cannot be reached or drops the connection, StorageFull when
        its disk is full, Conflict `write_conflict` on a deadlock or serialization failure.
        """
        async with self._connection() as connection:
            tx = Transaction(connection)
            yield tx
            await tx.run_last()
        await tx.run_callbacks()

    @asynccontextmanager
    async def reading(self) -> AsyncGenerator[Reader]:
        """Reads that need no common snapshot: each is a transaction of its own, one round trip instead of three.

        Raises Unavailable when the server cannot be reached or drops the connection.
        """
        async with self._connection() as connection:
            await connection.set_autocommit(True)
            try:
                yield Reader(connection)
            finally:
                if not connection.closed:
                    await connection.set_autocommit(False)

    @asynccontextmanager
    async def alone(self, lock: int) -> AsyncGenerator[bool]:
        """Whether nobody else is in such a block with the same `lock`, in any process; True keeps others out of it.

        It holds a connection and no transaction, and ends with the process. Raises Unavailable as `transaction` does.
        """
        async with self._connection() as connection:
            async with _closed_on_error(connection):
                await connection.set_autocommit(True)
                answer = await connection.execute("SELECT pg_try_advisory_lock(%s)", (lock,))
                is_alone = await answer.fetchone() == (True,)
            try:
                yield is_alone
            finally:
                async with _closed_on_error(connection):
                    await connection.execute("SELECT pg_advisory_unlock_all()")
                    await connection.set_autocommit(False)

    @asynccontextmanager
    async def _connection(self) -> AsyncGenerator[psycopg.AsyncConnection[Any]]:
        try:
            async with self._pool.connection() as connection:
                yield connection
        except PoolTimeout as error:
            raise _unreachable() from error
        except psycopg.errors.DiskFull as error:
            raise StorageFull(
                "disk_full",
                "The database has no room left to write.",
                next_step="Free disk space where PostgreSQL keeps its data, then try again.",
            ) from error
        except (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure) as error:
            raise Conflict(
                "write_conflict", "Another change to the same rows came first.", next_step="Try again."
            ) from error
        except psycopg.OperationalError as error:
            raise _unreachable() from error


@asynccontextmanager
async def _closed_on_error(connection: psycopg.AsyncConnection[Any]) -> AsyncGenerator[None]:
    """A lock of the session goes with its connection: one of which nobody knows any more does not reach the pool."""
    try:
        yield
    except BaseException:
        await connection.close()
        raise


async def _plan_each_time(connection: psycopg.AsyncConnection[Any]) -> None:
    """Have statements planned for the values that they come with.

    A plan made once for all values takes any list for one of ten: the passages of a search were read in 5 ms and not 1.
    """
    await connection.set_autocommit(True)
    await connection.execute("SET plan_cache_mode = force_custom_plan")
    await connection.set_autocommit(False)


def _unreachable() -> Unavailable:
    return Unavailable(
        "database_unreachable",
        "PostgreSQL does not answer.",
        next_step="Check that it runs and that UNDERSTUDY_DATABASE__URL names it.",
    )
