"""What the tests of this folder work with: a queue and runners on one database, with a clock that stands still."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from jobs import Handler, Job, JobContext, JobQueue, NewJob, Registration, Runner, Steering
from jobs import store as statements
from jobs.testing import RecordingWaker
from runtime.database import Database, JsonValue, Transaction
from runtime.ids import JobId
from runtime.settings import JobSettings
from runtime.testing import FixedClock

QUEUE = "ingest"
LEASE_S = 30.0


@dataclass
class Workbench:
    """`marks` is a table of the test's own, where effects leave their traces."""

    database: Database
    clock: Any = field(default_factory=FixedClock)
    waker: Any = field(default_factory=RecordingWaker)
    handlers: dict[str, Registration] = field(default_factory=dict)
    steering: dict[str, Steering] = field(default_factory=dict)
    settings: JobSettings = field(default_factory=lambda: JobSettings(lease_s=LEASE_S, max_attempts=3))

    @property
    def queue(self) -> JobQueue:
        return JobQueue(
            waker=self.waker,
            clock=self.clock,
            max_attempts=self.settings.max_attempts,
            steering=self.steering,
        )

    def runner(self, worker: str = "one", slots: dict[str, int] | None = None, **settings: float) -> Runner:
        return Runner(
            database=self.database,
            queue=self.queue,
            handlers=self.handlers,
            clock=self.clock,
            jobs=self.settings.model_copy(update=settings),
            worker=worker,
            uniform=lambda: 1.0,
            slots=slots,
        )

    def on(
        self, kind: str, handler: Handler, on_failed: Callable[..., Awaitable[None]] | None = None
    ) -> None:
        self.handlers[kind] = Registration(handler, on_failed)

    async def add(self, key: str = "a", kind: str = "mark", **fields: Any) -> JobId:
        new = NewJob(QUEUE, kind, key, fields.pop("payload", {}), **fields)
        async with self.database.transaction() as tx:
            return await self.queue.enqueue(tx, new)

    async def job(self, job_id: JobId) -> Job:
        async with self.database.transaction() as tx:
            return await self.queue.get(tx, job_id)

    async def claim(self, queue: str = QUEUE, token: UUID | None = None) -> JobId | None:
        """Take a job and leave it, as a worker does that dies at once."""
        async with self.database.transaction() as tx:
            return await self.claim_in(tx, queue, token)

    async def claim_in(self, tx: Transaction, queue: str = QUEUE, token: UUID | None = None) -> JobId | None:
        """The same, as part of a transaction."""
        now = self.clock.now()
        return await statements.claim(
            tx,
            queue,
            token=token or uuid4(),
            worker="dead",
            now=now,
            expires_at=now + timedelta(seconds=LEASE_S),
        )

    async def marks(self) -> list[str]:
        async with self.database.transaction() as tx:
            return await tx.fetch_values("SELECT what FROM marks ORDER BY what")


async def mark(tx: Transaction, what: str) -> dict[str, JsonValue]:
    """The trace of an effect."""
    await tx.execute("INSERT INTO marks VALUES (%s)", (what,))
    return {"marked": what}


def marking(what: str) -> Handler:
    """A handler whose effect leaves one trace."""

    async def handle(_: JobContext) -> Callable[[Transaction], Awaitable[dict[str, JsonValue]]]:
        return lambda tx: mark(tx, what)

    return handle


async def until(holds: Callable[[], Awaitable[bool]], *, within_s: float = 20) -> None:
    """Wait for something that happens elsewhere. Raises TimeoutError."""
    async with asyncio.timeout(within_s):
        # It happens in a database or in another process: there is no event to await.
        while not await holds():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


class Gate:
    """A handler that says when it has begun and goes on when it is let."""

    def __init__(self, what: str = "done") -> None:
        self.begun = asyncio.Event()
        self.let = asyncio.Event()
        self.calls = 0
        self._what = what

    async def __call__(self, _: JobContext) -> Callable[[Transaction], Awaitable[dict[str, JsonValue]]]:
        self.calls += 1
        self.begun.set()
        await self.let.wait()
        return lambda tx: mark(tx, self._what)
