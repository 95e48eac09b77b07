"""Background work, as the administrator sees and steers it."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Response

from gateway.job_bodies import (
    JobBody,
    JobsBody,
    JobSummaryBody,
    PauseBody,
    PriorityRequest,
    QueueBody,
    QueuesBody,
)
from gateway.parts import FromParts, Parts, find_creator, require_admin
from gateway.streaming import EventStream, Update
from jobs import JobState
from runtime.ids import JobId

Reference = Annotated[str, Path(max_length=100, description="Id or handle of a creator.")]
QueueName = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_.-]{0,62}$")]

router = APIRouter(prefix="/api/v1", tags=["jobs"], dependencies=[Depends(require_admin)])


@router.get("/jobs")
async def list_jobs(
    parts: FromParts,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    state: Annotated[JobState | None, Query()] = None,
    code: Annotated[str | None, Query(max_length=100, description="Only those that ended with it.")] = None,
    creator: Annotated[str | None, Query(max_length=100, description="Id or handle.")] = None,
    ending: Annotated[
        str | None, Query(pattern="^[0-9a-f-]{4,36}$", description="Only those whose id ends so.")
    ] = None,
) -> JobsBody:
    """List the latest jobs, without their results. Needs the administrator key."""
    async with parts.database.transaction() as tx:
        key = None
        if creator is not None:
            key = str((await find_creator(parts, tx, creator, is_admin=True)).id)
        found = await parts.jobs.recent(
            tx, limit=limit, state=state, error_code=code, fairness_key=key, ending=ending
        )
    return JobsBody(jobs=[JobSummaryBody.of(job) for job in found])


@router.get("/jobs/{job_id}")
async def show_job(job_id: UUID, parts: FromParts) -> JobBody:
    """A job and how far it is. Needs the administrator key."""
    async with parts.database.transaction() as tx:
        return JobBody.of(await parts.jobs.get(tx, JobId(job_id)))


@router.get(
    "/jobs/{job_id}/events",
    response_class=Response,
    responses={200: {"content": {"text/event-stream": {}}, "description": "Server-sent events."}},
)
async def watch_job(job_id: UUID, parts: FromParts) -> EventStream:
    """Send the job as it is (`job`), again at each change, and once it has ended (`end`). Needs the administrator key."""
    return EventStream(_events(parts, JobId(job_id)))


async def _events(parts: Parts, job_id: JobId) -> AsyncGenerator[Update]:
    seq = 0
    async with aclosing(parts.watch.follow(job_id)) as states:
        async for job in states:
            seq += 1
            name = "job" if job.finished_at is None else "end"
            yield Update(seq, name, JobBody.of(job).model_dump(mode="json"))


@router.post("/jobs/{job_id}/cancel")
async def cancel_job(job_id: UUID, parts: FromParts) -> JobBody:
    """Cancel a job: at once while it waits, at its next step while it runs. Needs the administrator key."""
    async with parts.database.transaction() as tx:
        return JobBody.of(await parts.jobs.cancel(tx, JobId(job_id)))


@router.post("/jobs/{job_id}/retry")
async def retry_job(job_id: UUID, parts: FromParts) -> JobBody:
    """Try a failed or cancelled job again; the job that does it. Needs the administrator key."""
    async with parts.database.transaction() as tx:
        return JobBody.of(await parts.jobs.retry(tx, JobId(job_id)))


@router.patch("/jobs/{job_id}")
async def prioritise_job(job_id: UUID, body: PriorityRequest, parts: FromParts) -> JobBody:
    """Say how urgent a job is among those of its creator. Needs the administrator key."""
    async with parts.database.transaction() as tx:
        return JobBody.of(await parts.jobs.prioritise(tx, JobId(job_id), body.priority))


@router.get("/queues")
async def list_queues(parts: FromParts) -> QueuesBody:
    """List the queues that have pending jobs or are paused. Needs the administrator key."""
    async with parts.database.transaction() as tx:
        return QueuesBody(queues=[QueueBody.of(queue) for queue in await parts.jobs.queues(tx)])


@router.post("/queues/{name}/pause")
async def pause_queue(name: QueueName, parts: FromParts) -> PauseBody:
    """Begin no job of a queue any more. Needs the administrator key."""
    async with parts.database.transaction() as tx:
        await parts.jobs.pause(tx, "queue", name)
    return PauseBody(paused=True)


@router.post("/queues/{name}/resume")
async def resume_queue(name: QueueName, parts: FromParts) -> PauseBody:
    """Go on with a queue. Needs the administrator key."""
    async with parts.database.transaction() as tx:
        await parts.jobs.resume(tx, "queue", name)
    return PauseBody(paused=False)


@router.post("/creators/{creator_id}/ingestion/pause")
async def pause_creator(creator_id: Reference, parts: FromParts) -> PauseBody:
    """Begin no job of a creator any more; those that run go on to their end. Needs the administrator key."""
    async with parts.database.transaction() as tx:
        creator = await find_creator(parts, tx, creator_id, is_admin=True)
        await parts.jobs.pause(tx, "key", str(creator.id))
    return PauseBody(paused=True)


@router.post("/creators/{creator_id}/ingestion/resume")
async def resume_creator(creator_id: Reference, parts: FromParts) -> PauseBody:
    """Go on with a creator's jobs. Needs the administrator key."""
    async with parts.database.transaction() as tx:
        creator = await find_creator(parts, tx, creator_id, is_admin=True)
        await parts.jobs.resume(tx, "key", str(creator.id))
    return PauseBody(paused=False)
