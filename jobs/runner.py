"""Working on jobs: claiming them in turn, several at a time, and settling how each ended."""

import asyncio
import random
from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from uuid import uuid4

import structlog

from jobs import store
from jobs.failures import INTERNAL, WORKER_LOST, WORKER_STOPPED, backoff_s, classify
from jobs.leases import LeasedJob
from jobs.queue import JobQueue
from jobs.types import Complaint, Effect, Job, Lease, LeaseLost, NewJob, Registration
from runtime.clock import Clock
from runtime.database import Database, Transaction
from runtime.errors import Unavailable, UnderstudyError
from runtime.settings import JobSettings
from runtime.telemetry import span

# How soon a free place is filled with a job that came while others were being worked on.
POLL_S = 1.0

log = structlog.get_logger(__name__)


class Runner:
    """Works on the jobs of a process. Owns nothing that needs closing.

    `handlers` by kind; `worker` names the process in the jobs it holds; `uniform` gives random numbers in 0..1.
    """

    def __init__(
        self,
        *,
        database: Database,
        queue: JobQueue,
        handlers: Mapping[str, Registration],
        clock: Clock,
        jobs: JobSettings,
        worker: str,
        uniform: Callable[[], float] = random.random,
    ) -> None:
        self._database = database
        self._queue = queue
        self._handlers = handlers
        self._clock = clock
        self._jobs = jobs
        self._worker = worker
        self._uniform = uniform
        self._swept_at = clock.monotonic()

    async def drain(self, queue: str) -> int:
        """Work until the queue has nothing that is ready; returns how many jobs were taken.

        Sweeps in between, because the process that does nothing else may be this one. Cancelled, it gives back at
        once what it holds. Raises nothing that a job raised; while the database is away it ends early.
        """
        taken = 0
        running: set[asyncio.Task[None]] = set()
        alone: asyncio.Task[None] | None = None
        async with asyncio.TaskGroup() as group:
            while True:
                await self._sweep_when_due()
                if alone is not None and alone.done():
                    alone = None
                has_room = alone is None and len(running) < self._jobs.concurrency
                leased = await self._claim(queue) if has_room else None
                if leased is not None:
                    taken += 1
                    # What a worker died of may be this job, or one beside it: nothing else is at risk with it now.
                    suspect = leased.job.error_code == WORKER_LOST.code
                    task = group.create_task(self._work(leased, after=tuple(running) if suspect else ()))
                    running.add(task)
                    task.add_done_callback(running.discard)
                    alone = task if suspect else None
                elif running:
                    await asyncio.wait(running, timeout=POLL_S, return_when=asyncio.FIRST_COMPLETED)
                else:
                    return taken

    async def sweep(self) -> list[str]:
        """Repair what crashes left, queue what is due, and wake every queue that has ready work; returns those.

        Any number of processes may do this at the same time.
        """
        self._swept_at = self._clock.monotonic()
        now = self._clock.now()
        async with self._database.transaction() as tx:
            requeued = await store.requeue_expired(tx, WORKER_STOPPED, now)
            spent = await store.exhausted(tx, now)
        if requeued or spent:
            log.warning("leases_expired", requeued=len(requeued), given_up=len(spent))
        for lease in spent:
            await self._give_up(lease, WORKER_LOST, expired=True)
        await self._queue_due()
        async with self._database.transaction() as tx:
            ready = await store.ready_queues(tx, self._clock.now())
        for name in ready:
            await self._queue.wake(name)
        return ready

    async def _queue_due(self) -> None:
        async with self._database.transaction() as tx:
            for due in await store.take_due_schedules(tx, self._clock.now()):
                await self._queue.enqueue(
                    tx,
                    NewJob(
                        queue=due.queue,
                        kind=due.kind,
                        fairness_key=due.name,
                        payload=due.payload,
                        # The last one may be at it still: it will be done by the time of the next.
                        dedupe_key=f"schedule:{due.name}",
                    ),
                )

    async def _sweep_when_due(self) -> None:
        if self._clock.monotonic() - self._swept_at < self._jobs.sweep_s:
            return
        try:
            await self.sweep()
        except UnderstudyError as error:
            log.warning("sweep_failed", code=error.code)

    async def _claim(self, queue: str) -> LeasedJob | None:
        token, now = uuid4(), self._clock.now()
        expires_at = now + timedelta(seconds=self._jobs.lease_s)
        try:
            async with self._database.transaction() as tx:
                job_id = await store.claim(
                    tx, queue, token=token, worker=self._worker, now=now, expires_at=expires_at
                )
                job = None if job_id is None else await store.get(tx, job_id)
        except UnderstudyError as error:
            log.warning("claim_failed", queue=queue, code=error.code)
            return None
        if job is None:
            return None
        lease = Lease(job.id, token)
        return LeasedJob(job, lease, database=self._database, clock=self._clock, settings=self._jobs)

    async def _work(self, leased: LeasedJob, *, after: Collection[asyncio.Task[None]]) -> None:
        job = leased.job
        with structlog.contextvars.bound_contextvars(job_id=str(job.id), kind=job.kind):
            try:
                with span("jobs.work", kind=job.kind):
                    async with leased.kept():
                        if after:
                            await asyncio.wait(after)
                        effect = await self._registration(job.kind).handler(leased)
                    await self._succeed(leased.lease, effect)
                log.info("job_done", attempt=job.attempts)
            except asyncio.CancelledError:
                await self._release(leased.lease)
                raise
            except LeaseLost:
                log.warning("lease_lost", attempt=job.attempts)
            except Exception as error:  # noqa: BLE001 - the outermost loop of a job: whatever it raises ends only it
                await self._fail(leased, error)

    def _registration(self, kind: str) -> Registration:
        registration = self._handlers.get(kind)
        if registration is None:
            # While versions are changed, the worker that knows it may come up in a moment.
            raise Unavailable(
                "job_kind_unknown",
                f"No worker knows how to do a job of kind {kind}.",
                next_step="Run workers of the same version as the gateway.",
            )
        return registration

    async def _succeed(self, lease: Lease, effect: Effect | None) -> None:
        async with self._database.transaction() as tx:
            # First, so that nothing the effect writes can be seen unless the lease was held and stays held.
            if not await store.mark_succeeded(tx, lease, self._clock.now()):
                raise LeaseLost
            result = None if effect is None else await effect(tx)
            if result is not None:
                await store.set_result(tx, lease.job_id, result)

    async def _release(self, lease: Lease) -> None:
        try:
            async with self._database.transaction() as tx:
                released = await store.release(tx, lease)
        except UnderstudyError as error:
            log.warning("release_failed", code=error.code)
        else:
            log.info("job_released" if released else "lease_lost")

    async def _fail(self, leased: LeasedJob, error: Exception) -> None:
        job, failure = leased.job, classify(error)
        if failure.kind == "unexpected":
            log.error("job_broke", attempt=job.attempts, exc_info=error)
        once_more = failure.kind == "unexpected" and job.error_code != INTERNAL.code
        try:
            if job.attempts < job.max_attempts and (failure.kind == "transient" or once_more):
                await self._put_off(leased, failure.why)
            else:
                await self._give_up(leased.lease, failure.why)
        except UnderstudyError as unsaid:
            # The lease will expire, and a sweep then does what is right.
            log.warning("outcome_not_written", outcome=failure.why.code, code=unsaid.code)

    async def _put_off(self, leased: LeasedJob, why: Complaint) -> None:
        delay_s = backoff_s(leased.job.attempts, base_s=self._jobs.backoff_s, uniform=self._uniform())
        run_at = self._clock.now() + timedelta(seconds=delay_s)
        async with self._database.transaction() as tx:
            held = await store.put_off(tx, leased.lease, why, run_at)
        log.warning("job_put_off" if held else "lease_lost", code=why.code, delay_s=round(delay_s, 1))

    async def _give_up(self, lease: Lease, why: Complaint, *, expired: bool = False) -> None:
        """Mark a job as failed and tell its room. A room that breaks on that does not keep the job from its end."""
        expired_before = self._clock.now() if expired else None

        async def mark(tx: Transaction) -> Job | None:
            now = self._clock.now()
            held = await store.mark_failed(tx, lease, why, now, expired_before=expired_before)
            return await store.get(tx, lease.job_id) if held else None

        try:
            async with self._database.transaction() as tx:
                job = await mark(tx)
                registration = self._handlers.get(job.kind) if job else None
                if job and registration and registration.on_failed:
                    await registration.on_failed(tx, job)
        except Exception as error:
            if classify(error).kind == "transient":
                raise
            log.exception("on_failed_broke", job_id=str(lease.job_id))
            async with self._database.transaction() as tx:
                job = await mark(tx)
        log.warning("job_failed" if job else "lease_lost", job_id=str(lease.job_id), code=why.code)
