"""Transactions on a real PostgreSQL."""

import asyncio
from dataclasses import dataclass

import psycopg
import pytest

from runtime.database import Database
from runtime.errors import Conflict, Unavailable
from runtime.migrations import migrate


@dataclass
class Row:
    a: int
    b: str


async def test_rows_come_back_typed(database: Database) -> None:
    async with database.transaction() as tx:
        assert await tx.fetch_one(Row, "SELECT 1 AS a, 'x' AS b") == Row(1, "x")
        assert await tx.fetch_all(Row, "SELECT 1 AS a, 'x' AS b WHERE %s", (False,)) == []
        assert await tx.fetch_value("SELECT 7") == 7


async def test_callbacks_run_after_commit_only(database: Database) -> None:
    called: list[str] = []

    async def note(word: str) -> None:
        called.append(word)

    async with database.transaction() as tx:
        tx.after_commit(lambda: note("committed"))
        assert called == []
    with pytest.raises(ZeroDivisionError):
        async with database.transaction() as tx:
            tx.after_commit(lambda: note("rolled back"))
            raise ZeroDivisionError
    assert called == ["committed"]


async def test_an_exception_rolls_back(database: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        async with database.transaction() as tx:
            await tx.execute("CREATE TABLE public.t (a int)")
            raise ZeroDivisionError
    async with database.transaction() as tx:
        assert await tx.fetch_value("SELECT to_regclass('public.t')") is None


async def test_a_dropped_connection_is_unavailable_and_the_pool_recovers(database: Database) -> None:
    with pytest.raises(Unavailable):
        async with database.transaction() as tx:
            await tx.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    async with database.transaction() as tx:
        assert await tx.fetch_value("SELECT 1") == 1


async def test_a_deadlock_is_a_conflict(database: Database) -> None:
    async with database.transaction() as tx:
        await tx.execute("CREATE TABLE public.t (a int)")
        await tx.execute_many("INSERT INTO public.t VALUES (%s)", [(1,), (2,)])
    both_hold_one = asyncio.Barrier(2)

    async def change(first: int, second: int) -> None:
        async with database.transaction() as tx:
            await tx.execute("UPDATE public.t SET a = a WHERE a = %s", (first,))
            await both_hold_one.wait()
            await tx.execute("UPDATE public.t SET a = a WHERE a = %s", (second,))

    outcomes = await asyncio.gather(change(1, 2), change(2, 1), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes if outcome] == [Conflict]


async def test_nobody_listening_is_unavailable() -> None:
    with pytest.raises(Unavailable) as caught:
        await Database.open("postgresql://nobody@127.0.0.1:1/none", timeout_s=0.5)
    assert caught.value.code == "database_unreachable"


async def test_migrating_again_and_at_once_changes_nothing(database_url: str) -> None:
    await asyncio.gather(*(asyncio.to_thread(migrate, database_url) for _ in range(3)))
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT count(*) FROM alembic_version").fetchone() == (1,)


async def test_connections_that_died_are_given_to_nobody(database: Database, database_url: str) -> None:
    await asyncio.gather(*(database.ping() for _ in range(5)))
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as other:
        await other.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    await asyncio.gather(*(database.ping() for _ in range(5)))


async def test_reads_need_no_transaction_and_leave_the_connection_as_it_was(database_url: str) -> None:
    database = await Database.open(database_url, max_size=1)
    try:
        async with database.reading() as db:
            began = await db.fetch_value("SELECT now()")
            assert await db.fetch_value("SELECT now()") > began, "each read is a transaction of its own"
        with pytest.raises(psycopg.errors.DivisionByZero):
            async with database.reading() as db:
                await db.fetch_value("SELECT 1 / 0")
        with pytest.raises(ZeroDivisionError):
            async with database.transaction() as tx:
                await tx.execute("CREATE TABLE public.t (a int)")
                raise ZeroDivisionError
        async with database.reading() as db:
            assert await db.fetch_value("SELECT to_regclass('public.t')") is None
    finally:
        await database.close()


async def test_statements_are_planned_for_their_values(database: Database) -> None:
    async with database.reading() as db:
        assert await db.fetch_value("SHOW plan_cache_mode") == "force_custom_plan"
