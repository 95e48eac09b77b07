"""Events for outsiders: written with the change they tell of, sent on afterwards.

`emit` puts an event into the outbox inside the caller's transaction; `relay` sends what waits there to an
`EventSink`, in order, at least once. A receiver tells repeats by the event's id.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from redis.asyncio import Redis
from redis.exceptions import RedisError
from redis.typing import EncodableT, FieldT

from runtime.database import Database, JsonValue, Transaction, as_json
from runtime.errors import Unavailable

STREAM = "understudy:events"
# Redis may lose the stream; whoever needs all of it reads it within this many events.
STREAM_LENGTH = 100_000


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. `key` orders: events of one key are sent in the order of their making."""

    id: UUID
    event: str
    schema_version: int
    key: str
    payload: Mapping[str, JsonValue]
    created_at: datetime


class EventSink(Protocol):
    """Takes events out of the house."""

    async def send(self, events: Sequence[Event]) -> None:
        """Deliver all of them in order; an error means that they will all be sent again."""
        ...


class RedisStreamSink:
    """Appends to one Redis stream, capped in length. The client stays its opener's to close."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def send(self, events: Sequence[Event]) -> None:
        try:
            async with self._redis.pipeline(transaction=False) as pipe:
                for event in events:
                    pipe.xadd(STREAM, _fields(event), maxlen=STREAM_LENGTH, approximate=True)
                await pipe.execute()
        except RedisError as error:
            raise Unavailable("redis_unreachable", "Redis does not take events now.") from error


def _fields(event: Event) -> dict[FieldT, EncodableT]:
    return {
        "id": str(event.id),
        "event": event.event,
        "schema_version": str(event.schema_version),
        "key": event.key,
        "payload": json.dumps(event.payload, separators=(",", ":")),
        "created_at": event.created_at.isoformat(),
    }


async def emit(
    tx: Transaction, event: str, *, version: int, key: str, payload: Mapping[str, JsonValue]
) -> None:
    """Write an event into the outbox; it exists if and only if the transaction commits."""
    await tx.execute(
        "INSERT INTO runtime.outbox (event, schema_version, key, payload) VALUES (%s, %s, %s, %s)",
        (event, version, key, as_json(payload)),
    )


async def relay(database: Database, sink: EventSink, *, now: datetime, batch: int = 500) -> int:
    """Send up to `batch` waiting events, oldest first; returns how many."""
    async with database.transaction() as tx:
        events = await tx.fetch_all(
            Event,
            "SELECT id, event, schema_version, key, payload, created_at FROM runtime.outbox"
            " WHERE published_at IS NULL ORDER BY id LIMIT %s",
            (batch,),
        )
    if not events:
        return 0
    await sink.send(events)
    async with database.transaction() as tx:
        return await tx.execute(
            "UPDATE runtime.outbox SET published_at = %s WHERE id = ANY(%s)", (now, [e.id for e in events])
        )
