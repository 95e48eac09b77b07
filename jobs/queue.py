"""The way in: putting work into a queue, and looking at it."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from weakref import WeakKeyDictionary

from jobs import store
from jobs.types import Job, JobState, NewJob, Schedule, Waker
from runtime.clock import Clock
from runtime.database import Transaction
from runtime.errors import Conflict, NotFound
from runtime.ids import JobId

# A pending job of the same key can end between the look at it and the insert, and another come up: more than
# twice in a row means that something else is wrong.
_LOOKS = 5


class JobQueue:
    """Queues of jobs in PostgreSQL. The waker stays its maker's to close."""

    def __init__(self, *, waker: Waker, clock: Clock, max_attempts: int) -> None:
        self._waker = waker
        self._clock = clock
        self._max_attempts = max_attempts
        self._woken: WeakKeyDictionary[Transaction, set[str]] = WeakKeyDictionary()

    async def enqueue(self, tx: Transaction, new: NewJob) -> JobId:
        """Add a job, and wake its queue once the transaction has committed.

        Where a job of the same kind and dedupe key is pending, its id is returned instead. It may be running, and
        have read its input already: its effect must look whether there is more to do, under a lock that the
        caller also takes before this call.
        """
        job_id = await self._insert(tx, new)
        woken = self._woken.setdefault(tx, set())
        if new.queue not in woken:
            woken.add(new.queue)
            tx.after_commit(partial(self._waker.wake, new.queue))
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
        raise Conflict(
            "job_contended",
            "Jobs for the same thing come and go too fast.",
            next_step="Try again in a moment.",
        )

    async def get(self, tx: Transaction, job_id: JobId) -> Job:
        """One job, with its position. Raises NotFound `job_not_found`."""
        job = await store.get(tx, job_id)
        if job is None:
            raise NotFound("job_not_found", "There is no such job.", next_step="List the latest ones.")
        if job.state != "queued":
            return job
        return replace(job, position=await store.position(tx, job_id, self._clock.now()))

    async def recent(
        self, tx: Transaction, *, limit: int, state: JobState | None = None, fairness_key: str | None = None
    ) -> list[Job]:
        """The latest jobs, newest first, without their positions."""
        return await store.recent(tx, limit=limit, state=state, fairness_key=fairness_key)

    async def is_running(self, tx: Transaction, kind: str, dedupe_key: str) -> bool:
        """Whether somebody works on the job of this kind and dedupe key at this moment."""
        return await store.is_running(tx, kind, dedupe_key)

    async def wake(self, queue: str) -> None:
        """Say that a queue has work."""
        await self._waker.wake(queue)

    async def ensure_schedules(self, tx: Transaction, schedules: Sequence[Schedule]) -> None:
        """Make these the schedules there are. One that is new runs at the next sweep; the others keep their time."""
        await store.replace_schedules(tx, schedules, self._clock.now())
