"""The statements of the room. Times come in as parameters: the clock belongs to the caller."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import LiteralString
from uuid import UUID

from jobs.types import Complaint, Lease, NewJob, Schedule
from runtime.database import JsonValue, Params, Transaction, as_json
from runtime.ids import JobId, new_id


async def find_pending(tx: Transaction, kind: str, dedupe_key: str) -> JobId | None:
    """The queued or running job of this kind and key."""
    return await tx.fetch_value(
        "SELECT id FROM jobs.jobs WHERE kind = %s AND dedupe_key = %s AND state IN ('queued', 'running')",
        (kind, dedupe_key),
    )


async def is_running(tx: Transaction, kind: str, dedupe_key: str) -> bool:
    """Whether somebody works on the job of this kind and key."""
    return await tx.fetch_value(
        "SELECT EXISTS (SELECT FROM jobs.jobs WHERE kind = %s AND dedupe_key = %s AND state = 'running')",
        (kind, dedupe_key),
    )


async def insert(tx: Transaction, new: NewJob, *, max_attempts: int, now: datetime) -> JobId | None:
    """Add a job and its key's place in the round of turns; None when one of its dedupe key is pending."""
    return await tx.fetch_value(
        """
        WITH turn AS (
            INSERT INTO jobs.turns (queue, fairness_key)
            SELECT %(queue)s, %(fairness_key)s
            WHERE NOT EXISTS (
                SELECT 1 FROM jobs.turns WHERE queue = %(queue)s AND fairness_key = %(fairness_key)s)
            ON CONFLICT DO NOTHING
        )
        INSERT INTO jobs.jobs (id, queue, kind, fairness_key, dedupe_key, payload, priority, max_attempts,
                               run_at, created_at)
        VALUES (%(id)s, %(queue)s, %(kind)s, %(fairness_key)s, %(dedupe_key)s, %(payload)s, %(priority)s,
                %(max_attempts)s, %(run_at)s, %(now)s)
        ON CONFLICT (kind, dedupe_key) WHERE state IN ('queued', 'running') DO NOTHING
        RETURNING id
        """,
        {
            "id": new_id(),
            "queue": new.queue,
            "kind": new.kind,
            "fairness_key": new.fairness_key,
            "dedupe_key": new.dedupe_key,
            "payload": as_json(new.payload),
            "priority": new.priority,
            "max_attempts": max_attempts,
            "run_at": new.run_at or now,
            "now": now,
        },
    )


_CLAIM: LiteralString = """
WITH RECURSIVE waiting AS (
    (SELECT fairness_key FROM jobs.jobs WHERE queue = %(queue)s AND state = 'queued'
     ORDER BY fairness_key LIMIT 1)
    UNION ALL
    SELECT (SELECT j.fairness_key FROM jobs.jobs j
            WHERE j.queue = %(queue)s AND j.state = 'queued' AND j.fairness_key > w.fairness_key
            ORDER BY j.fairness_key LIMIT 1)
    FROM waiting w WHERE w.fairness_key IS NOT NULL
), keys AS MATERIALIZED (
    SELECT w.fairness_key, coalesce(t.turn, 0) AS turn
    FROM waiting w LEFT JOIN jobs.turns t ON t.queue = %(queue)s AND t.fairness_key = w.fairness_key
    WHERE w.fairness_key IS NOT NULL
      AND NOT EXISTS (SELECT 1 FROM jobs.pauses p WHERE p.what = 'key' AND p.name = w.fairness_key)
      AND NOT EXISTS (SELECT 1 FROM jobs.pauses p WHERE p.what = 'queue' AND p.name = %(queue)s)
    ORDER BY turn, w.fairness_key
), chosen AS MATERIALIZED (
    (SELECT head.id, free.fairness_key AS served
     FROM keys
     CROSS JOIN LATERAL (
         SELECT t.fairness_key FROM jobs.turns t
         WHERE t.queue = %(queue)s AND t.fairness_key = keys.fairness_key AND t.turn = keys.turn
           AND (SELECT true FROM jobs.jobs j
                WHERE j.queue = %(queue)s AND j.fairness_key = keys.fairness_key
                  AND j.state = 'queued' AND j.run_at <= %(now)s
                ORDER BY j.priority DESC, j.number LIMIT 1)
         FOR UPDATE SKIP LOCKED
     ) AS free
     CROSS JOIN LATERAL (
         SELECT j.id FROM jobs.jobs j
         WHERE j.queue = %(queue)s AND j.fairness_key = free.fairness_key
           AND j.state = 'queued' AND j.run_at <= %(now)s
         ORDER BY j.priority DESC, j.number LIMIT 1 FOR UPDATE SKIP LOCKED
     ) AS head
     LIMIT 1)
    UNION ALL
    (SELECT head.id, NULL
     FROM keys
     CROSS JOIN LATERAL (
         SELECT j.id FROM jobs.jobs j
         WHERE j.queue = %(queue)s AND j.fairness_key = keys.fairness_key
           AND j.state = 'queued' AND j.run_at <= %(now)s
         ORDER BY j.priority DESC, j.number LIMIT 1 FOR UPDATE SKIP LOCKED
     ) AS head
     LIMIT 1)
    LIMIT 1
), served AS (
    UPDATE jobs.turns t SET turn = nextval('jobs.turn_order')
    FROM chosen WHERE t.queue = %(queue)s AND t.fairness_key = chosen.served
)
UPDATE jobs.jobs j
SET state = 'running', attempts = j.attempts + 1, lease_token = %(token)s,
    lease_expires_at = %(expires_at)s, worker = %(worker)s, started_at = %(now)s,
    stage = NULL, progress_done = NULL, progress_total = NULL, percent = NULL
FROM chosen WHERE j.id = chosen.id
RETURNING j.id
"""


async def claim(
    tx: Transaction, queue: str, *, token: UUID, worker: str, now: datetime, expires_at: datetime
) -> JobId | None:
    """Lease the job whose turn it is; None when there is none that is ready and free.

    The key served longest ago comes first, within it the highest priority, then the oldest job. Who takes a key's
    turn locks it, so that claims at the same time go to different keys (or, where there is only one, to its next
    jobs) and none waits. A turn that has been taken since this statement began is seen as taken.
    """
    # Index order is right for every step here, whatever the statistics said when the plan was made: a plan made
    # while the table was small reads all of it when it has grown.
    await tx.execute(
        "SELECT set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),"
        " set_config('enable_sort', 'off', true)"
    )
    return await tx.fetch_value(
        _CLAIM,
        {"queue": queue, "token": token, "worker": worker, "now": now, "expires_at": expires_at},
    )


async def fence(tx: Transaction, lease: Lease) -> bool | None:
    """Whether the job is to be cancelled; None when the lease is lost. Else it is held until `tx` ends."""
    return await tx.fetch_value(
        "SELECT cancel_asked FROM jobs.jobs WHERE id = %s AND lease_token = %s AND state = 'running' FOR UPDATE",
        (lease.job_id, lease.token),
    )


async def extend(tx: Transaction, lease: Lease, expires_at: datetime) -> bool | None:
    """Renew the lease; answers as `fence` does."""
    return await tx.fetch_value(
        "UPDATE jobs.jobs SET lease_expires_at = %s WHERE id = %s AND lease_token = %s AND state = 'running'"
        " RETURNING cancel_asked",
        (expires_at, lease.job_id, lease.token),
    )


async def set_progress(
    tx: Transaction, lease: Lease, stage: str, done: int, total: int, percent: int | None
) -> bool | None:
    """Write how far the job is; answers as `fence` does."""
    return await tx.fetch_value(
        "UPDATE jobs.jobs SET stage = %s, progress_done = %s, progress_total = %s, percent = %s"
        " WHERE id = %s AND lease_token = %s AND state = 'running' RETURNING cancel_asked",
        (stage, done, total, percent, lease.job_id, lease.token),
    )


# A job that is to be cancelled ends in no other way: what follows leaves it alone, and `mark_cancelled` ends it.


async def mark_cancelled(tx: Transaction, lease: Lease, why: Complaint, now: datetime) -> bool:
    """End the job as cancelled; False when the lease is lost, or nobody asked for it."""
    return await _touched(
        tx,
        "UPDATE jobs.jobs SET state = 'cancelled', cancel_asked = false, finished_at = %s, lease_token = NULL,"
        " lease_expires_at = NULL, error_code = %s, error_detail = %s, next_step = %s"
        " WHERE id = %s AND lease_token = %s AND state = 'running' AND cancel_asked",
        (now, why.code, why.detail, why.next_step, lease.job_id, lease.token),
    )


async def mark_succeeded(tx: Transaction, lease: Lease, now: datetime) -> bool:
    """End the job well; False when the lease is lost."""
    return await _touched(
        tx,
        "UPDATE jobs.jobs SET state = 'succeeded', percent = 100, finished_at = %s, lease_token = NULL,"
        " lease_expires_at = NULL, error_code = NULL, error_detail = NULL, next_step = NULL"
        " WHERE id = %s AND lease_token = %s AND state = 'running' AND NOT cancel_asked",
        (now, lease.job_id, lease.token),
    )


async def set_result(tx: Transaction, job_id: JobId, result: dict[str, JsonValue]) -> None:
    """Keep what the effect returned."""
    await tx.execute("UPDATE jobs.jobs SET result = %s WHERE id = %s", (as_json(result), job_id))


async def mark_failed(
    tx: Transaction, lease: Lease, why: Complaint, now: datetime, *, expired_before: datetime | None = None
) -> bool:
    """End the job badly; False when the lease is lost, or did not expire before the time given."""
    return await _touched(
        tx,
        "UPDATE jobs.jobs SET state = 'failed', finished_at = %(now)s, lease_token = NULL,"
        " lease_expires_at = NULL, error_code = %(code)s, error_detail = %(detail)s, next_step = %(next_step)s"
        " WHERE id = %(id)s AND lease_token = %(token)s AND state = 'running' AND NOT cancel_asked"
        " AND lease_expires_at < coalesce(%(expired_before)s, 'infinity'::timestamptz)",
        {
            "now": now,
            "code": why.code,
            "detail": why.detail,
            "next_step": why.next_step,
            "id": lease.job_id,
            "token": lease.token,
            "expired_before": expired_before,
        },
    )


async def put_off(
    tx: Transaction, lease: Lease, why: Complaint, run_at: datetime, *, counted: bool = True
) -> bool:
    """Have the job tried again from `run_at` on; False when the lease is lost. `counted`: an attempt was spent."""
    return await _touched(
        tx,
        "UPDATE jobs.jobs SET state = 'queued', run_at = %s, lease_token = NULL, lease_expires_at = NULL,"
        " attempts = attempts - %s, error_code = %s, error_detail = %s, next_step = %s"
        " WHERE id = %s AND lease_token = %s AND state = 'running' AND NOT cancel_asked",
        (run_at, 0 if counted else 1, why.code, why.detail, why.next_step, lease.job_id, lease.token),
    )


async def release(tx: Transaction, lease: Lease) -> bool:
    """Give the job back as if it had never been taken; False when the lease is lost."""
    return await _touched(
        tx,
        "UPDATE jobs.jobs SET state = 'queued', attempts = attempts - 1, lease_token = NULL,"
        " lease_expires_at = NULL, stage = NULL, progress_done = NULL, progress_total = NULL, percent = NULL"
        " WHERE id = %s AND lease_token = %s AND state = 'running' AND NOT cancel_asked",
        (lease.job_id, lease.token),
    )


async def move(tx: Transaction, lease: Lease, queue: str, now: datetime) -> bool:
    """Give the job to another queue, as if it had never been taken; False when the lease is lost."""
    return await _touched(
        tx,
        """
        WITH moved AS (
            UPDATE jobs.jobs SET state = 'queued', queue = %(queue)s, run_at = %(now)s, attempts = attempts - 1,
                lease_token = NULL, lease_expires_at = NULL
            WHERE id = %(id)s AND lease_token = %(token)s AND state = 'running' AND NOT cancel_asked
            RETURNING fairness_key
        ), turn AS (
            INSERT INTO jobs.turns (queue, fairness_key) SELECT %(queue)s, fairness_key FROM moved
            ON CONFLICT DO NOTHING
        )
        SELECT 1 FROM moved
        """,
        {"queue": queue, "now": now, "id": lease.job_id, "token": lease.token},
    )


async def requeue_expired(tx: Transaction, why: Complaint, now: datetime) -> list[JobId]:
    """Queue again what dead workers held, where attempts are left."""
    return await tx.fetch_values(
        "UPDATE jobs.jobs SET state = 'queued', run_at = %(now)s, lease_token = NULL, lease_expires_at = NULL,"
        " error_code = %(code)s, error_detail = %(detail)s, next_step = %(next_step)s"
        " WHERE id IN (SELECT id FROM jobs.jobs WHERE state = 'running' AND lease_expires_at < %(now)s"
        " AND attempts < max_attempts AND NOT cancel_asked FOR UPDATE SKIP LOCKED) RETURNING id",
        {"now": now, "code": why.code, "detail": why.detail, "next_step": why.next_step},
    )


async def exhausted(tx: Transaction, now: datetime) -> list[Lease]:
    """Leases that ended with their workers, of jobs that have no attempt left or are to be cancelled."""
    return await tx.fetch_all(
        Lease,
        "SELECT id AS job_id, lease_token AS token FROM jobs.jobs"
        " WHERE state = 'running' AND lease_expires_at < %s"
        " AND (attempts >= max_attempts OR cancel_asked)",
        (now,),
    )


async def ready_queues(tx: Transaction, now: datetime) -> list[str]:
    """Queues with a job that could be taken, by name."""
    return await tx.fetch_values(
        """
        WITH RECURSIVE names AS (
            (SELECT queue FROM jobs.jobs WHERE state = 'queued' ORDER BY queue LIMIT 1)
            UNION ALL
            SELECT (SELECT j.queue FROM jobs.jobs j WHERE j.state = 'queued' AND j.queue > n.queue
                    ORDER BY j.queue LIMIT 1)
            FROM names n WHERE n.queue IS NOT NULL
        )
        SELECT queue FROM names
        WHERE NOT EXISTS (SELECT 1 FROM jobs.pauses p WHERE p.what = 'queue' AND p.name = names.queue)
          AND EXISTS (SELECT 1 FROM jobs.jobs j
                      WHERE j.queue = names.queue AND j.state = 'queued' AND j.run_at <= %s
                        AND NOT EXISTS (SELECT 1 FROM jobs.pauses p
                                        WHERE p.what = 'key' AND p.name = j.fairness_key))
        ORDER BY queue
        """,
        (now,),
    )


async def replace_schedules(tx: Transaction, schedules: Sequence[Schedule], now: datetime) -> None:
    """Have exactly these; those that stay keep the time of their next run, unless it is too far off now."""
    await tx.execute("DELETE FROM jobs.schedules WHERE name <> ALL(%s)", ([s.name for s in schedules],))
    await tx.execute_many(
        """
        INSERT INTO jobs.schedules AS s (name, queue, kind, payload, every_s, next_run_at)
        VALUES (%(name)s, %(queue)s, %(kind)s, %(payload)s, %(every_s)s, %(now)s)
        ON CONFLICT (name) DO UPDATE
        SET queue = excluded.queue, kind = excluded.kind, payload = excluded.payload, every_s = excluded.every_s,
            next_run_at = least(s.next_run_at, %(latest)s)
        """,
        [
            {
                "name": schedule.name,
                "queue": schedule.queue,
                "kind": schedule.kind,
                "payload": as_json(schedule.payload),
                "every_s": schedule.every_s,
                "now": now,
                "latest": now + timedelta(seconds=schedule.every_s),
            }
            for schedule in sorted(schedules, key=lambda s: s.name)
        ],
    )


async def take_due_schedules(tx: Transaction, now: datetime) -> list[Schedule]:
    """Those whose time has come, moved on to their next; another sweep does not see them."""
    return await tx.fetch_all(
        Schedule,
        """
        UPDATE jobs.schedules s
        SET next_run_at = s.next_run_at + make_interval(secs => s.every_s * (
            1 + floor(extract(epoch FROM %(now)s - s.next_run_at) / s.every_s)))
        FROM (SELECT name FROM jobs.schedules WHERE next_run_at <= %(now)s FOR UPDATE SKIP LOCKED) AS due
        WHERE s.name = due.name
        RETURNING s.name, s.queue, s.kind, s.payload, s.every_s
        """,
        {"now": now},
    )


async def _touched(tx: Transaction, query: LiteralString, params: Params) -> bool:
    return await tx.execute(query, params) > 0
