"""Events for outsiders: written with the change they tell of, sent on afterwards.

`emit` puts an event into the outbox inside the caller's transaction; `relay` sends what waits there to an `EventSink`.

Each event is sent at least once, and a receiver tells repeats by its id. Events of one key are first sent in the order in
which their transactions committed: whoever writes one holds the key's lock until the commit, so that a later one gets a
later id, and none becomes visible before those that it follows. Between keys there is no order. One relay sends at
a time. What was sent is kept for a day, for whoever looks into what was told.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from redis.asyncio import Redis
from redis.exceptions import RedisError
from redis.typing import EncodableT, FieldT

from runtime.database import Database, JsonValue, Transaction, as_json
from runtime.errors import Unavailable

STREAM = "understudy:events"
# Redis may lose the stream; whoever needs all of it reads it within this many events.
_STREAM_LENGTH = 100_000
_KEPT_FOR = timedelta(days=1)
# Any constant will do as long as nothing else uses it, as in `runtime.migrations`.
_RELAY_LOCK = int.from_bytes(b"outbox", "big")


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. `key` orders: events of one key are sent as their changes were committed."""

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
            # All or none: without a transaction, one that is refused would be overtaken by those after it.
            async with self._redis.pipeline(transaction=True) as pipe:
                for event in events:
                    pipe.xadd(STREAM, _fields(event), maxlen=_STREAM_LENGTH, approximate=True)
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
    """Have an event written into the outbox when the transaction commits, and only then.

    From there to the end of the commit, others that emit with the same key wait.
    """
    tx.execute_last(
        "INSERT INTO runtime.outbox (event, schema_version, key, payload) VALUES (%s, %s, %s, %s)",
        (event, version, key, as_json(payload)),
        lock=key,
    )


async def relay(database: Database, sink: EventSink, *, now: datetime, batch: int = 500) -> int:
    """Send up to `batch` waiting events, oldest first; returns how many: 0 also while somebody else sends."""
    async with database.alone(_RELAY_LOCK) as is_alone:
        return await _send(database, sink, now, batch) if is_alone else 0


async def _send(database: Database, sink: EventSink, now: datetime, batch: int) -> int:
    async with database.transaction() as tx:
        await _forget(tx, now - _KEPT_FOR, batch)
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


async def _forget(tx: Transaction, before: datetime, batch: int) -> None:
    """Delete the oldest of what was made before that time and has been sent: twice what one relay sends, to keep up."""
    # The ids are UUIDv7 (RFC 9562, 5.7), whose first 48 bits are milliseconds: so their index finds the old ones.
    first_kept = UUID(int=int(before.timestamp() * 1000) << 80)
    await tx.execute(
        "DELETE FROM runtime.outbox WHERE id IN (SELECT id FROM runtime.outbox"
        " WHERE id < %s AND published_at IS NOT NULL ORDER BY id LIMIT %s)",
        (first_kept, 2 * batch),
    )
