"""The way in: putting work into a queue, looking at it, and steering it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from weakref import WeakKeyDictionary

import psycopg

from jobs import looking, steering, store
from jobs.failures import CANCELLED
from jobs.steering import Pausable, QueueState
from jobs.types import Job, JobState, NewJob, Schedule, Waker
from runtime.clock import Clock
from runtime.database import Transaction
from runtime.errors import Conflict, NotFound
from runtime.ids import JobId

# A pending job of the same key can end between the look at it and the insert, and another come up: more than
# twice in a row means that something else is wrong.
_LOOKS = 5

OnSteered = Callable[["JobQueue", Transaction, Job], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Steering:
    """What the room of a kind does when somebody steers a job, in the transaction that does it.

    `on_cancelled`: the job has ended as cancelled. `on_retried`: the job, which has failed or was cancelled, is about
    to be queued again, or the pending one of its dedupe key is to do its work: the room gives back what it needs,
    under a lock that the effect of its jobs takes too.
    """

    on_cancelled: OnSteered | None = None
    on_retried: OnSteered | None = None


class JobQueue:
    """Queues of jobs in PostgreSQL. `steering` by kind. The waker stays its maker's to close."""

    def __init__(
        self,
        *,
        waker: Waker,
        clock: Clock,
        max_attempts: int,
        steering: Mapping[str, Steering] | None = None,
    ) -> None:
        self._waker = waker
        self._clock = clock
        self._max_attempts = max_attempts
        self._steering = steering or {}
        self._woken: WeakKeyDictionary[Transaction, set[str]] = WeakKeyDictionary()

    async def enqueue(self, tx: Transaction, new: NewJob) -> JobId:
        """Add a job, and wake its queue once the transaction has committed.

        Where a job of the same kind and dedupe key is pending, its id is returned instead. It may be running, and
        have read its input already: its effect must look whether there is more to do, under a lock that the
        caller also takes before this call.
        """
        job_id = await self._insert(tx, new)
        self.wake_after(tx, new.queue)
        return job_id

    async def _insert(self, tx: Transaction, new: NewJob) -> JobId:
        for _ in range(_LOOKS):
            # Looked for first: the insert alone would wait for a job that is just ending, while that job's effect
            # may wait for what this transaction has locked.
            if new.dedupe_key is not None and (
                pending := await store.find_pending(tx, new.kind, new.dedupe_key)
            ):
                return pending
            added = await store.insert(tx, new, max_attempts=self._max_attempts, now=self._clock.now())
            if added is not None:
                return added
        raise _contended()

    async def get(self, tx: Transaction, job_id: JobId) -> Job:
        """One job, with its position and expected end. Raises NotFound `job_not_found`."""
        job = _found(await looking.get(tx, job_id))
        return (await looking.described(tx, [job], self._clock.now()))[0]

    async def several(self, tx: Transaction, job_ids: Sequence[JobId]) -> list[Job]:
        """Those of these jobs that there are, likewise."""
        return await looking.described(tx, await looking.several(tx, job_ids), self._clock.now())

    async def recent(
        self,
        tx: Transaction,
        *,
        limit: int,
        state: JobState | None = None,
        error_code: str | None = None,
        fairness_key: str | None = None,
        ending: str | None = None,
    ) -> list[Job]:
        """The latest jobs, newest first, likewise, but without their results; `ending` is what their ids end with."""
        found = await looking.recent(
            tx, limit=limit, state=state, error_code=error_code, fairness_key=fairness_key, ending=ending
        )
        return await looking.described(tx, found, self._clock.now())

    async def cancel(self, tx: Transaction, job_id: JobId) -> Job:
        """End a waiting job at once; have a running one end at its next report or heartbeat, nothing half done.

        Raises NotFound `job_not_found`, Conflict `job_ended` for one that has succeeded or failed.
        """
        job = _found(await looking.locked(tx, job_id))
        if job.state == "running":
            await steering.ask_to_cancel(tx, job_id)
        elif job.state == "queued":
            await steering.cancel_queued(tx, job_id, CANCELLED, self._clock.now())
            await self.cancelled(tx, job)
        elif job.state != "cancelled":
            raise Conflict(
                "job_ended",
                f"This job has {job.state} already.",
                next_step="There is nothing left to cancel.",
            )
        return await self.get(tx, job_id)

    async def cancelled(self, tx: Transaction, job: Job) -> None:
        """Tell the room of a job that it has just ended as cancelled."""
        if (told := self._steering.get(job.kind)) and told.on_cancelled:
            await told.on_cancelled(self, tx, job)

    async def retry(self, tx: Transaction, job_id: JobId) -> Job:
        """Queue a failed or cancelled job again, with all its attempts before it; the job that does the work.

        That is another one where a job of the same kind and dedupe key is pending. Raises NotFound `job_not_found`,
        Conflict `job_not_retryable` or `job_contended`.
        """
        job = _found(await looking.locked(tx, job_id))
        if job.state not in {"failed", "cancelled"}:
            raise Conflict(
                "job_not_retryable",
                f"This job is {job.state}, and only failed and cancelled ones can be tried again.",
                next_step="Wait for its end, or cancel it first."
                if job.state in {"queued", "running"}
                else "Send the item in again.",
            )
        if (told := self._steering.get(job.kind)) and told.on_retried:
            await told.on_retried(self, tx, job)
        if (twin := await steering.pending_twin(tx, job_id)) is not None:
            return await self.get(tx, twin)
        try:
            await steering.queue_again(tx, job_id, max_attempts=self._max_attempts, now=self._clock.now())
        except psycopg.errors.UniqueViolation as error:
            raise _contended() from error
        self.wake_after(tx, job.queue)
        return await self.get(tx, job_id)

    async def prioritise(self, tx: Transaction, job_id: JobId, priority: int) -> Job:
        """Put a job before those of its fairness key with a lower `priority`.

        Raises NotFound `job_not_found`, Conflict `job_ended`.
        """
        job = _found(await looking.locked(tx, job_id))
        if job.state not in {"queued", "running"}:
            raise Conflict("job_ended", f"This job has {job.state} already.", next_step="Retry it first.")
        await steering.set_priority(tx, job_id, priority)
        return await self.get(tx, job_id)

    async def pause(self, tx: Transaction, what: Pausable, name: str) -> None:
        """Begin no job of a queue or a fairness key any more; those that run go on to their end."""
        await steering.pause(tx, what, name, self._clock.now())

    async def resume(self, tx: Transaction, what: Pausable, name: str) -> None:
        """Go on with a queue or a fairness key."""
        await steering.resume(tx, what, name)
        for queue in await store.ready_queues(tx, self._clock.now()):
            self.wake_after(tx, queue)

    async def is_paused(self, tx: Transaction, what: Pausable, name: str) -> bool:
        """Whether nothing new of a queue or a fairness key is begun."""
        return await steering.is_paused(tx, what, name)

    async def queues(self, tx: Transaction) -> list[QueueState]:
        """The queues that have pending jobs or are paused."""
        return await steering.queues(tx)

    async def is_running(self, tx: Transaction, kind: str, dedupe_key: str) -> bool:
        """Whether somebody works on the job of this kind and dedupe key at this moment."""
        return await store.is_running(tx, kind, dedupe_key)

    async def wake(self, queue: str) -> None:
        """Say that a queue has work."""
        await self._waker.wake(queue)

    def wake_after(self, tx: Transaction, queue: str) -> None:
        """Say it once `tx` has committed, once for each queue."""
        woken = self._woken.setdefault(tx, set())
        if queue not in woken:
            woken.add(queue)
            tx.after_commit(partial(self._waker.wake, queue))

    async def ensure_schedules(self, tx: Transaction, schedules: Sequence[Schedule]) -> None:
        """Make these the schedules there are. One that is new runs at the next sweep; the others keep their time."""
        await store.replace_schedules(tx, schedules, self._clock.now())


def _found(job: Job | None) -> Job:
    if job is None:
        raise NotFound("job_not_found", "There is no such job.", next_step="List the latest ones.")
    return job


def _contended() -> Conflict:
    return Conflict(
        "job_contended", "Jobs for the same thing come and go too fast.", next_step="Try again in a moment."
    )
