"""Background work, as the administrator sees it."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from gateway.bodies import JobBody, JobsBody
from gateway.parts import FromParts, require_admin
from runtime.ids import JobId

State = Literal["queued", "running", "succeeded", "failed", "cancelled"]

router = APIRouter(prefix="/api/v1/jobs", tags=["jobs"], dependencies=[Depends(require_admin)])


@router.get("")
async def list_jobs(
    parts: FromParts,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    state: Annotated[State | None, Query()] = None,
) -> JobsBody:
    """List the latest jobs. Needs the administrator key."""
    async with parts.database.transaction() as tx:
        found = await parts.jobs.recent(tx, limit=limit, state=state)
    return JobsBody(jobs=[JobBody.of(job) for job in found])


@router.get("/{job_id}")
async def show_job(job_id: UUID, parts: FromParts) -> JobBody:
    """A job and how far it is. Needs the administrator key."""
    async with parts.database.transaction() as tx:
        return JobBody.of(await parts.jobs.get(tx, JobId(job_id)))
