"""Events: written with the change they tell of, sent in order, at least once."""

import json
from collections.abc import Sequence

import pytest
from redis.asyncio import Redis

from runtime.database import Database
from runtime.errors import Unavailable
from runtime.events import STREAM, Event, RedisStreamSink, emit, relay
from runtime.testing import FixedClock

NOW = FixedClock().now()


async def _emit(database: Database, *keys: str) -> None:
    async with database.transaction() as tx:
        for key in keys:
            await emit(tx, "source_published", version=1, key=key, payload={"key": key})


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


class _Collecting:
    def __init__(self) -> None:
        self.events: list[Event] = []

    async def send(self, events: Sequence[Event]) -> None:
        self.events += events


class _Failing:
    async def send(self, events: Sequence[Event]) -> None:
        raise Unavailable("gone", "Gone.")
