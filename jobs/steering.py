"""The statements by which people change what waits: cancel, retry, reorder, pause, remove."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from jobs.types import Complaint
from runtime.database import Transaction
from runtime.ids import JobId

Pausable = Literal["queue", "key"]


@dataclass(frozen=True, slots=True)
class QueueState:
    """A queue, or what is known of it: how many wait and run, and whether nothing new is begun."""

    name: str
    queued: int
    running: int
    paused: bool


async def cancel_queued(tx: Transaction, job_id: JobId, why: Complaint, now: datetime) -> None:
    """End a waiting job as cancelled."""
    await tx.execute(
        "UPDATE jobs.jobs SET state = 'cancelled', finished_at = %s, error_code = %s, error_detail = %s,"
        " next_step = %s WHERE id = %s AND state = 'queued'",
        (now, why.code, why.detail, why.next_step, job_id),
    )


async def ask_to_cancel(tx: Transaction, job_id: JobId) -> None:
    """Have the worker of a running job end it as cancelled."""
    await tx.execute(
        "UPDATE jobs.jobs SET cancel_asked = true WHERE id = %s AND state = 'running'", (job_id,)
    )


async def pending_twin(tx: Transaction, job_id: JobId) -> JobId | None:
    """The queued or running job of the same kind and dedupe key as this one, which has ended."""
    return await tx.fetch_value(
        "SELECT o.id FROM jobs.jobs j JOIN jobs.jobs o ON o.kind = j.kind AND o.dedupe_key = j.dedupe_key"
        " WHERE j.id = %s AND o.state IN ('queued', 'running')",
        (job_id,),
    )


async def queue_again(tx: Transaction, job_id: JobId, *, max_attempts: int, now: datetime) -> None:
    """Have an ended job done after all, with all its attempts before it."""
    await tx.execute(
        "UPDATE jobs.jobs SET state = 'queued', attempts = 0, max_attempts = %s, run_at = %s, stage = NULL,"
        " progress_done = NULL, progress_total = NULL, percent = NULL, error_code = NULL, error_detail = NULL,"
        " next_step = NULL, started_at = NULL, finished_at = NULL"
        " WHERE id = %s AND state IN ('failed', 'cancelled')",
        (max_attempts, now, job_id),
    )


async def set_priority(tx: Transaction, job_id: JobId, priority: int) -> None:
    """Say how urgent the job is among those of its key."""
    await tx.execute("UPDATE jobs.jobs SET priority = %s WHERE id = %s", (priority, job_id))


async def pause(tx: Transaction, what: Pausable, name: str, now: datetime) -> None:
    """Begin nothing new of it from now on."""
    await tx.execute(
        "INSERT INTO jobs.pauses (what, name, paused_at) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
        (what, name, now),
    )


async def resume(tx: Transaction, what: Pausable, name: str) -> None:
    """Go on with it."""
    await tx.execute("DELETE FROM jobs.pauses WHERE what = %s AND name = %s", (what, name))


async def is_paused(tx: Transaction, what: Pausable, name: str) -> bool:
    """Whether nothing new of it is begun."""
    return await tx.fetch_value(
        "SELECT EXISTS (SELECT 1 FROM jobs.pauses WHERE what = %s AND name = %s)", (what, name)
    )


async def queues(tx: Transaction) -> list[QueueState]:
    """Every queue that has pending jobs or is paused, by name."""
    return await tx.fetch_all(
        QueueState,
        """
        WITH pending AS (
            SELECT queue AS name, count(*) FILTER (WHERE state = 'queued') AS queued,
                   count(*) FILTER (WHERE state = 'running') AS running
            FROM jobs.jobs WHERE state IN ('queued', 'running') GROUP BY queue
        )
        SELECT name, coalesce(p.queued, 0) AS queued, coalesce(p.running, 0) AS running,
               s.name IS NOT NULL AS paused
        FROM pending p
        FULL JOIN (SELECT name FROM jobs.pauses WHERE what = 'queue') AS s USING (name)
        ORDER BY name
        """,
    )


async def purge(tx: Transaction, ended_before: datetime, *, at_most: int) -> int:
    """Remove jobs that ended before then, the oldest first; returns how many."""
    return await tx.execute(
        "DELETE FROM jobs.jobs WHERE id IN (SELECT id FROM jobs.jobs WHERE finished_at < %s"
        " ORDER BY finished_at LIMIT %s FOR UPDATE SKIP LOCKED)",
        (ended_before, at_most),
    )
