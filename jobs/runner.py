"""Working on jobs: claiming them in turn, several at a time, and settling how each ended."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import timedelta
from uuid import uuid4

import structlog

from jobs import looking, steering, store
from jobs.failures import CANCELLED, INTERNAL, WORKER_LOST, WORKER_STOPPED, backoff_s, classify, complaint
from jobs.heart import Heart
from jobs.leases import LeasedJob
from jobs.queue import JobQueue
from jobs.types import (
    Complaint,
    Effect,
    Job,
    JobCancelled,
    JobStuck,
    Later,
    Lease,
    LeaseLost,
    Move,
    NewJob,
    Registration,
)
from runtime.clock import Clock
from runtime.database import Database, Transaction
from runtime.errors import Unavailable, UnderstudyError
from runtime.settings import JobSettings
from runtime.telemetry import span

# How soon a free place is filled with a job that came while others were being worked on.
POLL_S = 1.0
# By one sweep, which comes again in seconds.
PURGED_AT_ONCE = 500
# Jobs that wait for the same thing are not to come back together: so much later at most, as a share and in seconds.
SPREAD = 0.25
LONGEST_SPREAD_S = 900.0

log = structlog.get_logger(__name__)


class Runner:
    """Works on the jobs of a process. Owns nothing that needs closing.

    `handlers` by kind; `worker` names the process in the jobs it holds; `uniform` gives random numbers in 0..1;
    `slots` says for which queues another number of jobs than the settings' may run at once; `heart` renews the leases.
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
        slots: Mapping[str, int] | None = None,
        heart: Heart | None = None,
    ) -> None:
        self._database = database
        self._queue = queue
        self._handlers = handlers
        self._clock = clock
        self._jobs = jobs
        self._worker = worker
        self._uniform = uniform
        self._slots = slots or {}
        self._heart = heart
        # Set when a job was ended that had got no further: a thread of this process may be at it for ever.
        self.has_stuck = False
        self._swept_at = clock.monotonic()
        self._called_at = -POLL_S

    async def drain(self, *queues: str, is_worn: Callable[[], bool] = lambda: False) -> int:
        """Work until these queues have nothing that is ready; returns how many jobs were taken.

        All of them in one loop, so that no queue waits for another to be empty, and jobs of all share what the
        process has. Begins nothing new once `is_worn()`, or once a job got stuck: the process is then to be
        replaced. Sweeps in between, because the process that does nothing else may be this one. Cancelled, it gives
        back at once what it holds. Raises nothing that a job raised; while the database is away it ends early.
        """
        taken = 0
        running: dict[asyncio.Task[None], str] = {}
        alone: asyncio.Task[None] | None = None
        async with asyncio.TaskGroup() as group:
            while True:
                await self._sweep_when_due()
                if alone is not None and alone.done():
                    alone = None
                may_begin = alone is None and not self.has_stuck and not is_worn()
                at_work = [queue for task, queue in running.items() if not task.done()]
                leased = await self._claim_any(queues, at_work) if may_begin else None
                if leased is not None:
                    taken += 1
                    # What a worker died of may be this job, or one beside it: nothing else is at risk with it now.
                    suspect = leased.job.error_code == WORKER_LOST.code
                    task = group.create_task(self._work(leased, after=tuple(running) if suspect else ()))
                    running[task] = leased.job.queue
                    task.add_done_callback(running.pop)
                    alone = task if suspect else None
                elif running:
                    await asyncio.wait(running, timeout=POLL_S, return_when=asyncio.FIRST_COMPLETED)
                elif not at_work:
                    return taken
                # Else the last have just ended, and there is room where there was none.

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
        await self._purge()
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

    async def _purge(self) -> None:
        if self._jobs.keep_ended_days:
            ended_before = self._clock.now() - timedelta(days=self._jobs.keep_ended_days)
            async with self._database.transaction() as tx:
                await steering.purge(tx, ended_before, at_most=PURGED_AT_ONCE)

    async def _sweep_when_due(self) -> None:
        if self._clock.monotonic() - self._swept_at < self._jobs.sweep_s:
            return
        try:
            await self.sweep()
        except UnderstudyError as error:
            log.warning("sweep_failed", code=error.code)

    async def _claim_any(self, queues: Sequence[str], at_work: Sequence[str]) -> LeasedJob | None:
        """A job of the queue that has the most free places, or else of the next."""

        def free(queue: str) -> int:
            return self._slots.get(queue, self._jobs.concurrency) - at_work.count(queue)

        for queue in sorted(queues, key=free, reverse=True):
            if (places := free(queue)) > 0 and (leased := await self._claim(queue)) is not None:
                if places == 1:
                    await self._call_for_help(queue)
                return leased
        return None

    async def _call_for_help(self, queue: str) -> None:
        """This process is full: whatever else is ready is for another one, if there is one that idles."""
        if self._clock.monotonic() - self._called_at >= POLL_S:
            self._called_at = self._clock.monotonic()
            await self._queue.wake(queue)

    async def _claim(self, queue: str) -> LeasedJob | None:
        token, now = uuid4(), self._clock.now()
        expires_at = now + timedelta(seconds=self._jobs.lease_s)
        try:
            async with self._database.transaction() as tx:
                job_id = await store.claim(
                    tx, queue, token=token, worker=self._worker, now=now, expires_at=expires_at
                )
                job = None if job_id is None else await looking.get(tx, job_id)
        except UnderstudyError as error:
            log.warning("claim_failed", queue=queue, code=error.code)
            return None
        if job is None:
            return None
        known = self._handlers.get(job.kind)
        return LeasedJob(
            job,
            Lease(job.id, token),
            database=self._database,
            clock=self._clock,
            settings=self._jobs,
            stages=known.stages_in.get(job.queue, known.stages) if known else None,
            heart=self._heart,
        )

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
                if not isinstance(effect, Later):
                    log.info("job_done", attempt=job.attempts)
            except asyncio.CancelledError:
                await self._release(leased.lease)
                raise
            except (LeaseLost, JobCancelled):
                await self._lose(leased.lease)
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

    async def _succeed(self, lease: Lease, effect: Effect | Move | Later | None) -> None:
        async with self._database.transaction() as tx:
            if isinstance(effect, Move):
                if not await store.move(tx, lease, effect.queue, self._clock.now()):
                    raise LeaseLost
                self._queue.wake_after(tx, effect.queue)
                return
            if isinstance(effect, Later):
                spread_s = self._uniform() * min(LONGEST_SPREAD_S, effect.wait_s * SPREAD)
                run_at = self._clock.now() + timedelta(seconds=effect.wait_s + spread_s)
                if not await store.put_off(tx, lease, complaint(effect.error), run_at, counted=False):
                    raise LeaseLost
                log.info("job_waits", code=effect.error.code)
                return
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
            return
        if released:
            log.info("job_released")
        else:
            await self._lose(lease)

    async def _lose(self, lease: Lease) -> None:
        """The job did not take the end it was to take: somebody has cancelled it, or another worker has it."""

        async def mark(tx: Transaction) -> bool:
            return await store.mark_cancelled(tx, lease, CANCELLED, self._clock.now())

        try:
            cancelled = await self._end(lease, mark, self._queue.cancelled)
        except UnderstudyError as unsaid:
            log.warning("outcome_not_written", outcome=CANCELLED.code, code=unsaid.code)
        else:
            log.info("job_cancelled") if cancelled else log.warning("lease_lost")

    async def _fail(self, leased: LeasedJob, error: Exception) -> None:
        job, failure = leased.job, classify(error)
        if failure.kind == "unexpected":
            log.error("job_broke", attempt=job.attempts, exc_info=error)
        self.has_stuck = self.has_stuck or isinstance(error, JobStuck)
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
        if held:
            log.warning("job_put_off", code=why.code, delay_s=round(delay_s, 1))
        else:
            await self._lose(leased.lease)

    async def _give_up(self, lease: Lease, why: Complaint, *, expired: bool = False) -> None:
        """Mark a job as failed and tell its room."""
        expired_before = self._clock.now() if expired else None

        async def mark(tx: Transaction) -> bool:
            now = self._clock.now()
            return await store.mark_failed(tx, lease, why, now, expired_before=expired_before)

        async def tell(tx: Transaction, job: Job) -> None:
            registration = self._handlers.get(job.kind)
            if registration and registration.on_failed:
                await registration.on_failed(tx, job)

        if await self._end(lease, mark, tell):
            log.warning("job_failed", job_id=str(lease.job_id), code=why.code)
        else:
            await self._lose(lease)

    async def _end(
        self,
        lease: Lease,
        mark: Callable[[Transaction], Awaitable[bool]],
        tell: Callable[[Transaction, Job], Awaitable[None]],
    ) -> bool:
        """Mark a job's end and tell its room. A room that breaks on that does not keep the job from its end."""
        try:
            async with self._database.transaction() as tx:
                marked = await mark(tx)
                job = await looking.get(tx, lease.job_id) if marked else None
                if job is not None:
                    await tell(tx, job)
        except Exception as error:
            if classify(error).kind == "transient":
                raise
            log.exception("room_broke", job_id=str(lease.job_id))
            async with self._database.transaction() as tx:
                marked = await mark(tx)
        return marked
