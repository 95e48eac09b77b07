"""Events: written with the change they tell of, sent in order, at least once."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from redis.asyncio import Redis

from runtime.database import Database
from runtime.errors import Unavailable
from runtime.events import STREAM, Event, RedisStreamSink, emit, relay
from runtime.testing import FixedClock

NOW = FixedClock().now()


async def _emit(database: Database, *keys: str, name: str = "source_published") -> None:
    async with database.transaction() as tx:
        for key in keys:
            await emit(tx, name, version=1, key=key, payload={"key": key})


async def test_events_reach_the_stream_in_order_and_once(database: Database, redis_url: str) -> None:
    await _emit(database, "a", "b", "c")
    async with Redis.from_url(redis_url, decode_responses=True) as redis:
        sink = RedisStreamSink(redis)
        assert await relay(database, sink, now=NOW, batch=2) == 2
        assert await relay(database, sink, now=NOW) == 1
        assert await relay(database, sink, now=NOW) == 0
        sent = await redis.xrange(STREAM)
    assert [json.loads(fields["payload"]) for _, fields in sent] == [{"key": k} for k in "abc"]


async def test_a_rolled_back_change_tells_nothing(database: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        async with database.transaction() as tx:
            await emit(tx, "source_published", version=1, key="a", payload={})
            raise ZeroDivisionError
    assert await relay(database, _Collecting(), now=NOW) == 0


async def test_what_could_not_be_sent_is_sent_again(database: Database) -> None:
    await _emit(database, "a", "b")
    with pytest.raises(Unavailable):
        await relay(database, _Failing(), now=NOW)
    sink = _Collecting()
    await relay(database, sink, now=NOW)
    assert [event.key for event in sink.events] == ["a", "b"]


async def test_redis_gone_is_unavailable(database: Database) -> None:
    await _emit(database, "a")
    async with Redis.from_url("redis://127.0.0.1:1/0") as redis:
        with pytest.raises(Unavailable):
            await relay(database, RedisStreamSink(redis), now=NOW)


async def test_events_of_a_key_go_out_as_their_changes_were_committed(database: Database) -> None:
    async with database.transaction() as slow:
        await emit(slow, "changed", version=1, key="a", payload={"commit": 2})
        async with database.transaction() as quick:
            await emit(quick, "changed", version=1, key="a", payload={"commit": 1})
    sink = _Collecting()
    await relay(database, sink, now=NOW)
    assert [event.payload["commit"] for event in sink.events] == [1, 2]


async def test_a_commit_that_takes_long_is_waited_for_by_its_key_alone(
    database: Database, other: Database
) -> None:
    async with database.transaction() as tx:
        await tx.execute(SLOW_COMMITS)
    async with other.transaction() as holding:
        await holding.execute("SELECT pg_advisory_xact_lock(42)")
        first = asyncio.create_task(_emit(database, "a", name="slow"))
        async with asyncio.timeout(20):
            while await _waiting(other) < 1:
                pass
            second = asyncio.create_task(_emit(database, "a"))
            await _emit(database, "b")
            while await _waiting(other) < 2 and not second.done():
                pass
        assert not second.done()
        sink = _Collecting()
        await relay(database, sink, now=NOW)
        assert [event.key for event in sink.events] == ["b"]
    await asyncio.gather(first, second)
    await relay(database, sink, now=NOW)
    assert [event.event for event in sink.events[1:]] == ["slow", "source_published"]


# A trigger that runs in the commit, and holds it there until whoever has lock 42 lets go.
SLOW_COMMITS = """
CREATE FUNCTION public.hold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_advisory_xact_lock(42); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER hold AFTER INSERT ON runtime.outbox DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW WHEN (NEW.event = 'slow') EXECUTE FUNCTION public.hold()
"""


async def _waiting(database: Database) -> int:
    async with database.transaction() as tx:
        return await tx.fetch_value(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )


async def test_the_order_holds_while_many_write_and_two_relay(database: Database, other: Database) -> None:
    async with database.transaction() as tx:
        await tx.execute(
            "CREATE TABLE public.thing AS SELECT 'k' || k AS key, 0 AS n FROM generate_series(0, 2) k"
        )
        await tx.execute("CREATE TABLE public.change (key text, n int, who int)")

    async def change(who: int) -> None:
        async with database.transaction() as tx:
            key = f"k{who % 3}"
            await emit(tx, "changed", version=1, key=key, payload={"who": who})
            n = await tx.fetch_value("UPDATE public.thing SET n = n + 1 WHERE key = %s RETURNING n", (key,))
            await tx.execute("INSERT INTO public.change VALUES (%s, %s, %s)", (key, n, who))

    async def relaying(through: Database) -> None:
        while len(sink.events) < 120:
            await relay(through, sink, now=NOW, batch=7)

    sink = _Collecting()
    async with asyncio.timeout(60):
        await asyncio.gather(relaying(database), relaying(other), *(change(who) for who in range(120)))
    for key in ("k0", "k1", "k2"):
        async with database.transaction() as tx:
            made = await tx.fetch_values("SELECT who FROM public.change WHERE key = %s ORDER BY n", (key,))
        assert [event.payload["who"] for event in sink.events if event.key == key] == made


async def test_one_relay_sends_at_a_time(database: Database, other: Database) -> None:
    await _emit(database, "a")
    held, sink = _Held(), _Collecting()
    sending = asyncio.create_task(relay(database, held, now=NOW))
    await held.begun.wait()
    assert await relay(other, sink, now=NOW) == 0
    held.let.set()
    assert await sending == 1
    await _emit(database, "b")
    assert await relay(other, sink, now=NOW) == 1
    assert [event.key for event in sink.events] == ["b"]


async def test_a_relay_that_fails_or_is_given_up_lets_others_send(
    database: Database, other: Database
) -> None:
    await _emit(database, "a")
    with pytest.raises(Unavailable):
        await relay(database, _Failing(), now=NOW)
    held = _Held()
    sending = asyncio.create_task(relay(database, held, now=NOW))
    await held.begun.wait()
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    assert await relay(other, _Collecting(), now=NOW) == 1


async def test_a_relay_whose_connection_died_lets_others_send(database: Database, other: Database) -> None:
    await _emit(database, "a")
    held = _Held()
    sending = asyncio.create_task(relay(database, held, now=NOW))
    await held.begun.wait()
    async with other.transaction() as tx:
        await tx.execute("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
    async with asyncio.timeout(20):
        while await relay(other, _Collecting(), now=NOW) == 0:
            pass
    held.let.set()
    with pytest.raises(Unavailable):
        await sending


async def test_emitting_first_and_changing_later_is_no_deadlock(database: Database) -> None:
    async with database.transaction() as tx:
        await tx.execute("CREATE TABLE public.thing AS SELECT 1 AS n")
    emitted, locked = asyncio.Event(), asyncio.Event()

    async def emit_then_change() -> None:
        async with database.transaction() as tx:
            await emit(tx, "changed", version=1, key="a", payload={})
            emitted.set()
            await locked.wait()
            await tx.execute("UPDATE public.thing SET n = 2")

    async def change_then_emit() -> None:
        async with database.transaction() as tx:
            await emitted.wait()
            await tx.execute("UPDATE public.thing SET n = 3")
            locked.set()
            await emit(tx, "changed", version=1, key="a", payload={})

    async with asyncio.timeout(20):
        await asyncio.gather(emit_then_change(), change_then_emit())
    assert await relay(database, _Collecting(), now=NOW) == 2


async def test_keys_written_in_any_order_are_no_deadlock(database: Database) -> None:
    keys = [f"k{number}" for number in range(8)]
    async with asyncio.timeout(60):
        await asyncio.gather(*(_emit(database, *keys[n % 8 :], *keys[: n % 8]) for n in range(48)))
    assert await relay(database, _Collecting(), now=NOW) == 48 * 8


async def test_what_was_sent_is_forgotten_after_a_day(database: Database) -> None:
    now = datetime.now(UTC)
    await _emit(database, "a", "b", "c")
    await relay(database, _Collecting(), now=now, batch=2)
    with pytest.raises(Unavailable):
        await relay(database, _Failing(), now=now + timedelta(hours=23))
    assert await _kept(database) == ["a", "b", "c"]
    with pytest.raises(Unavailable):
        await relay(database, _Failing(), now=now + timedelta(hours=25))
    assert await _kept(database) == ["c"]
    await relay(database, _Collecting(), now=now + timedelta(hours=25))
    await relay(database, _Collecting(), now=now + timedelta(hours=25))
    assert await _kept(database) == []


async def _kept(database: Database) -> list[str]:
    async with database.transaction() as tx:
        return await tx.fetch_values("SELECT key FROM runtime.outbox ORDER BY id")


@pytest.fixture
async def other(database_url: str) -> AsyncIterator[Database]:
    """The same database, as another process has it."""
    opened = await Database.open(database_url, min_size=1, max_size=4)
    yield opened
    await opened.close()


class _Held:
    """Says when it has begun to send, and sends when it is let."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.let = asyncio.Event()

    async def send(self, events: Sequence[Event]) -> None:
        self.begun.set()
        await self.let.wait()


class _Collecting:
    def __init__(self) -> None:
        self.events: list[Event] = []

    async def send(self, events: Sequence[Event]) -> None:
        self.events += events


class _Failing:
    async def send(self, events: Sequence[Event]) -> None:
        raise Unavailable("gone", "Gone.")
