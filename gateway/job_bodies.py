"""What travels about background work."""

from datetime import datetime
from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from jobs import Job, QueueState


class JobSummaryBody(BaseModel):
    """Background work, as lists have it. `position` is 1 for the job that its queue takes next; null unless it waits.

    `percent` is of the whole job, `progress_done` of `progress_total` of its stage. `expected_end_at` is null while
    nothing is known to tell it by. A queued job is not begun before `run_at`: one that waits for something says in its
    error what that is.
    """

    id: UUID
    queue: str
    kind: str
    state: str
    attempts: int
    max_attempts: int
    priority: int
    paused: bool
    cancel_asked: bool
    position: int | None
    run_at: datetime
    expected_end_at: datetime | None
    percent: int | None
    stage: str | None
    progress_done: int | None
    progress_total: int | None
    error_code: str | None
    error_detail: str | None
    next_step: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @classmethod
    def of(cls, job: Job) -> Self:
        return cls(**{name: getattr(job, name) for name in cls.model_fields})


class JobBody(JobSummaryBody):
    """A job with what came of it, which of an archive can be thousands of items."""

    result: dict[str, Any] | None


class JobsBody(BaseModel):
    """Jobs, newest first."""

    jobs: list[JobSummaryBody]


class PriorityRequest(BaseModel):
    """How urgent a job is among those of its creator: 0 unless said otherwise, more is sooner."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    priority: int = Field(ge=-100, le=100)


class PauseBody(BaseModel):
    """Whether anything new is begun."""

    paused: bool


class QueueBody(BaseModel):
    """A queue: how many jobs wait in it and run, and whether anything new is begun."""

    name: str
    queued: int
    running: int
    paused: bool

    @classmethod
    def of(cls, state: QueueState) -> "QueueBody":
        return cls(name=state.name, queued=state.queued, running=state.running, paused=state.paused)


class QueuesBody(BaseModel):
    """The queues that have pending jobs or are paused, by name."""

    queues: list[QueueBody]
