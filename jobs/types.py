"""What the room speaks of: jobs, handlers of jobs, schedules, and the ports it needs."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol
from uuid import UUID

from runtime.database import JsonValue, Transaction
from runtime.errors import UnderstudyError
from runtime.ids import JobId

JobState = Literal["queued", "running", "succeeded", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class NewJob:
    """Work to be done.

    Keys of `fairness_key` take turns within a queue. Of one `kind` and `dedupe_key` at most one job is queued or
    running. Within a fairness key a higher `priority` goes first. `run_at`: not before then.
    """

    queue: str
    kind: str
    fairness_key: str
    payload: dict[str, JsonValue]
    dedupe_key: str | None = None
    priority: int = 0
    run_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """Work and how far it is.

    `attempts` counts begun ones, the present one included; `started_at` is when the latest began. The error fields
    tell of the latest attempt that failed, or of what a job waits for, until one succeeds. It is not begun before
    `run_at`. `position` is 1 for the job of its queue that is
    taken next; None unless it waits, its `run_at` has come, and neither its queue nor its key is paused.

    `percent` is of the whole job, the progress of its stage. `cancel_asked`: it runs and is about to end as
    cancelled. `expected_end_at` follows from how long the latest of its kind took; None while that is not known.
    """

    id: JobId
    queue: str
    kind: str
    fairness_key: str
    payload: dict[str, JsonValue]
    state: JobState
    attempts: int
    max_attempts: int
    run_at: datetime
    stage: str | None
    progress_done: int | None
    progress_total: int | None
    error_code: str | None
    error_detail: str | None
    next_step: str | None
    result: dict[str, JsonValue] | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    priority: int = 0
    percent: int | None = None
    cancel_asked: bool = False
    paused: bool = False
    position: int | None = None
    expected_end_at: datetime | None = None


class JobContext(Protocol):
    """What a handler is given: the job, and the ways to say how far it is and that it still may."""

    @property
    def job(self) -> Job:
        """The job as it was when it was taken."""
        ...

    async def progress(self, stage: str, done: int, total: int) -> None:
        """Show how far a stage is. Cheap to call often: written at each change of stage and twice a second.

        Raises LeaseLost, or JobCancelled.
        """
        ...

    async def fence(self, tx: Transaction) -> None:
        """Make `tx` commit only while the lease is held: nobody can take the job until it has ended.

        For writes in the middle of a job. Raises LeaseLost, or JobCancelled.
        """
        ...


Effect = Callable[[Transaction], Awaitable[dict[str, JsonValue] | None]]
"""The last thing a job does: runs in the transaction that marks it done. What it returns becomes the job's result.

Within it the job counts as ended, so that it may queue another of the same dedupe key.
"""


@dataclass(frozen=True, slots=True)
class Move:
    """What a handler returns when the job must go on in another queue: there it is taken up from the start.

    For a need that only the work itself shows, such as a recording that comes without captions.
    """

    queue: str


@dataclass(frozen=True, slots=True)
class Later:
    """What a handler returns when what it needs will not be there for `wait_s` seconds, for a reason that `error` says.

    The job waits that long, queued, with the reason; no attempt is spent. How long altogether is the handler's to
    bound. For what takes hours or days: an error that is transient is tried again within minutes.
    """

    wait_s: float
    error: UnderstudyError


Handler = Callable[[JobContext], Awaitable[Effect | Move | Later | None]]
"""Does the work, outside any transaction, and so that it can be repeated from the start at any point."""

OnFailed = Callable[[Transaction, Job], Awaitable[None]]
"""Runs in the transaction that marks a job as failed for good; `job` carries the error's code."""


@dataclass(frozen=True, slots=True)
class Registration:
    """How jobs of one kind are worked on.

    `stages` are those that the handler reports, in order, each with its share of the whole in any unit: what a
    percentage of the job is made of. `stages_in` has those of the queues in which the shares are others.
    """

    handler: Handler
    on_failed: OnFailed | None = None
    stages: Mapping[str, float] = field(default_factory=dict[str, float])
    stages_in: Mapping[str, Mapping[str, float]] = field(default_factory=dict[str, Mapping[str, float]])


@dataclass(frozen=True, slots=True)
class Schedule:
    """A job to be queued every `every_s` seconds. Times that were missed are not made up for."""

    name: str
    queue: str
    kind: str
    payload: dict[str, JsonValue]
    every_s: int


@dataclass(frozen=True, slots=True)
class Lease:
    """A worker's right to one job; void as soon as another holds a newer `token`."""

    job_id: JobId
    token: UUID


@dataclass(frozen=True, slots=True)
class Complaint:
    """Why an attempt failed, as the person reads it."""

    code: str
    detail: str
    next_step: str


class Waker(Protocol):
    """Tells workers that a queue has work. Only a hint: whoever misses it is helped by the next sweep."""

    async def wake(self, queue: str) -> None:
        """Returns soon and never raises."""
        ...


class LeaseLost(UnderstudyError):
    """The job is no longer this worker's: what it did since must not count."""

    def __init__(self) -> None:
        super().__init__("lease_lost", "Another worker has taken over this job.")


class JobCancelled(UnderstudyError):
    """Somebody has cancelled the job: what it did so far must not count."""

    def __init__(self) -> None:
        super().__init__("cancelled", "This was cancelled.")


class JobStuck(UnderstudyError):
    """The job has shown no progress for too long, or takes too long altogether."""

    transient = True

    def __init__(self, seconds: float) -> None:
        super().__init__(
            "time_limit",
            f"This was ended after {seconds:.0f} seconds, because it got no further.",
            next_step="Try it once more; if it is ended again, leave this item out and report the job's id.",
        )
