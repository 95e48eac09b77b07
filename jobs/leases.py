"""Holding a lease while work goes on, and saying how far it is."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping
from datetime import timedelta

import psycopg
import structlog

from jobs import store
from jobs.heart import Heart
from jobs.types import Job, JobCancelled, JobStuck, Lease, LeaseLost
from runtime.clock import Clock
from runtime.database import Database, Transaction
from runtime.errors import UnderstudyError
from runtime.settings import JobSettings

# People see no more than two changes a second, and the database need not either.
PROGRESS_S = 0.5

log = structlog.get_logger(__name__)


class LeasedJob:
    """A job that this worker holds: the `JobContext` of its handler. `stages` are those of its registration."""

    def __init__(
        self,
        job: Job,
        lease: Lease,
        *,
        database: Database,
        clock: Clock,
        settings: JobSettings,
        stages: Mapping[str, float] | None = None,
        heart: Heart | None = None,
    ) -> None:
        """Without a `heart` the lease is renewed on the loop of the job."""
        self.lease = lease
        self._job = job
        self._database = database
        self._clock = clock
        self._settings = settings
        self._stages = stages or {}
        self._heart = heart
        self._held_until = clock.monotonic() + settings.lease_s
        # Why the work must not go on, once it must not.
        self._over: UnderstudyError | None = None
        self._reported: tuple[str, int] | None = None
        self._percent: int | None = None
        self._written_at = 0.0
        self._moved_at = self._begun_at = clock.monotonic()

    @property
    def job(self) -> Job:
        return self._job

    async def progress(self, stage: str, done: int, total: int) -> None:
        """See `JobContext`."""
        if self._over is not None:
            raise self._over
        now, before = self._clock.monotonic(), self._reported
        if before != (stage, done):
            self._reported, self._moved_at = (stage, done), now
        if before is not None and before[0] == stage and now - self._written_at < PROGRESS_S:
            return
        self._written_at = now
        self._percent = _percent(self._stages, stage, done, total, self._percent)
        async with self._database.transaction() as tx:
            self._judge(await store.set_progress(tx, self.lease, stage, done, total, self._percent))

    async def fence(self, tx: Transaction) -> None:
        """See `JobContext`."""
        self._judge(await store.fence(tx, self.lease))

    def _judge(self, cancel_asked: bool | None) -> None:
        if cancel_asked is None:
            self._over = LeaseLost()
        elif cancel_asked:
            self._over = JobCancelled()
        if self._over is not None:
            raise self._over

    @contextlib.asynccontextmanager
    async def kept(self) -> AsyncGenerator[None]:
        """Renew the lease until the block ends.

        Cancels the block once it must not go on, and raises LeaseLost, JobCancelled or JobStuck.
        """
        owner, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert owner is not None  # noqa: S101 - a coroutine runs in a task
        already, is_open = owner.cancelling(), True

        def end() -> None:
            if is_open:
                owner.cancel()

        async def beat(database: Database) -> None:
            await self._beat(database)
            loop.call_soon_threadsafe(end)

        self._moved_at = self._begun_at = self._clock.monotonic()
        beating = self._heart.begin(beat) if self._heart else loop.create_task(beat(self._database))
        try:
            yield
        except asyncio.CancelledError:
            if self._over is not None and owner.uncancel() <= already:
                raise self._over from None
            raise
        finally:
            is_open = False
            beating.cancel()

    async def _beat(self, database: Database) -> None:
        try:
            while self._over is None:
                await asyncio.sleep(self._settings.heartbeat_s)
                self._over = await self._extend(database) or self._stuck()
        except Exception:
            # Nobody renews the lease now: it will be another's while this work goes on.
            log.exception("heartbeat_broken")
            self._over = LeaseLost()

    async def _extend(self, database: Database) -> UnderstudyError | None:
        """Why the work must not go on; while the database is away, it may until the lease would have expired."""
        asked_at = self._clock.monotonic()
        expires_at = self._clock.now() + timedelta(seconds=self._settings.lease_s)
        try:
            async with database.transaction() as tx:
                cancel_asked = await store.extend(tx, self.lease, expires_at)
        except (UnderstudyError, psycopg.Error) as error:
            log.warning("heartbeat_failed", reason=type(error).__name__)
            return None if self._clock.monotonic() < self._held_until else LeaseLost()
        self._held_until = asked_at + self._settings.lease_s
        if cancel_asked is None:
            return LeaseLost()
        return JobCancelled() if cancel_asked else None

    def _stuck(self) -> UnderstudyError | None:
        now = self._clock.monotonic()
        if now - self._moved_at > self._settings.stall_s:
            return JobStuck(now - self._moved_at)
        if now - self._begun_at > self._settings.time_limit_s:
            return JobStuck(now - self._begun_at)
        return None


def _percent(
    stages: Mapping[str, float], stage: str, done: int, total: int, before: int | None
) -> int | None:
    """How much of the whole is done; a stage that is not one of `stages` changes nothing. Never goes back."""
    if stage not in stages:
        return before
    names = list(stages)
    passed = sum(stages[name] for name in names[: names.index(stage)])
    share = stages[stage] * min(1.0, done / total if total else 0.0)
    return max(before or 0, int(100 * (passed + share) / sum(stages.values())))
