"""Holding a lease while work goes on, and saying how far it is."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from datetime import timedelta

import psycopg
import structlog

from jobs import store
from jobs.types import Job, Lease, LeaseLost
from runtime.clock import Clock
from runtime.database import Database, Transaction
from runtime.errors import UnderstudyError
from runtime.settings import JobSettings

# People see no more than two changes a second, and the database need not either.
PROGRESS_S = 0.5

log = structlog.get_logger(__name__)


class LeasedJob:
    """A job that this worker holds: the `JobContext` of its handler."""

    def __init__(
        self, job: Job, lease: Lease, *, database: Database, clock: Clock, settings: JobSettings
    ) -> None:
        self.lease = lease
        self._job = job
        self._database = database
        self._clock = clock
        self._settings = settings
        self._held_until = clock.monotonic() + settings.lease_s
        self._lost = False
        self._stage: str | None = None
        self._written_at = 0.0

    @property
    def job(self) -> Job:
        return self._job

    async def progress(self, stage: str, done: int, total: int) -> None:
        """See `JobContext`."""
        if self._lost:
            raise LeaseLost
        now = self._clock.monotonic()
        if stage == self._stage and now - self._written_at < PROGRESS_S:
            return
        self._stage, self._written_at = stage, now
        async with self._database.transaction() as tx:
            if not await store.set_progress(tx, self.lease, stage, done, total):
                self._lost = True
                raise LeaseLost

    async def fence(self, tx: Transaction) -> None:
        """See `JobContext`."""
        if not await store.fence(tx, self.lease):
            self._lost = True
            raise LeaseLost

    @contextlib.asynccontextmanager
    async def kept(self) -> AsyncGenerator[None]:
        """Renew the lease until the block ends. Cancels the block and raises LeaseLost once it is lost."""
        owner = asyncio.current_task()
        assert owner is not None  # noqa: S101 - a coroutine runs in a task
        already = owner.cancelling()
        heartbeat = asyncio.create_task(self._beat(owner))
        try:
            yield
        except asyncio.CancelledError:
            if self._lost and owner.uncancel() <= already:
                raise LeaseLost from None
            raise
        finally:
            heartbeat.cancel()
            await asyncio.wait({heartbeat})

    async def _beat(self, owner: asyncio.Task[object]) -> None:
        while not self._lost:
            await asyncio.sleep(self._settings.heartbeat_s)
            self._lost = not await self._extend()
        owner.cancel()

    async def _extend(self) -> bool:
        """Whether the lease may still be held; while the database is away, that is until it would have expired."""
        asked_at = self._clock.monotonic()
        expires_at = self._clock.now() + timedelta(seconds=self._settings.lease_s)
        try:
            async with self._database.transaction() as tx:
                held = await store.extend(tx, self.lease, expires_at)
        except (UnderstudyError, psycopg.Error) as error:
            log.warning("heartbeat_failed", reason=type(error).__name__)
            return self._clock.monotonic() < self._held_until
        self._held_until = asked_at + self._settings.lease_s
        return held
