"""Reading jobs: how far they are, when it is their turn, and when they are likely to end."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import LiteralString

from jobs.types import Job, JobState
from runtime.database import Transaction
from runtime.ids import JobId

# An expected end is told from so many jobs of a kind on: of fewer, one odd one decides.
MIN_SAMPLES = 3
# From here on a job's own pace says more than what others of its kind took: before, it has only begun.
TELLING_PERCENT = 20

_COLUMNS: LiteralString = (
    "SELECT id, queue, kind, fairness_key, payload, state, attempts, max_attempts, run_at, stage, progress_done,"
    " progress_total, error_code, error_detail, next_step, created_at, started_at, finished_at, priority, percent,"
    " cancel_asked"
)
_JOBS: LiteralString = _COLUMNS + ", result FROM jobs.jobs"
# For lists: results of archives are large.
_SUMMARIES: LiteralString = _COLUMNS + ", NULL AS result FROM jobs.jobs"


@dataclass(frozen=True, slots=True)
class _Place:
    id: JobId
    paused: bool
    position: int | None


@dataclass(frozen=True, slots=True)
class _Pace:
    """How long the latest jobs of a kind took, and how many of its queue are worked on now."""

    queue: str
    kind: str
    samples: int
    median_s: float
    mean_s: float
    running: int


async def get(tx: Transaction, job_id: JobId) -> Job | None:
    """One job, as its row has it."""
    return await tx.fetch_one(Job, _JOBS + " WHERE id = %s", (job_id,))


async def locked(tx: Transaction, job_id: JobId) -> Job | None:
    """The same; nobody else changes it until `tx` ends."""
    return await tx.fetch_one(Job, _JOBS + " WHERE id = %s FOR UPDATE", (job_id,))


async def several(tx: Transaction, job_ids: Sequence[JobId]) -> list[Job]:
    """Those of them that there are, as their rows have them."""
    return await tx.fetch_all(Job, _JOBS + " WHERE id = ANY(%s)", (job_ids,))


async def recent(
    tx: Transaction,
    *,
    limit: int,
    state: JobState | None,
    error_code: str | None,
    fairness_key: str | None,
    ending: str | None,
) -> list[Job]:
    """The latest jobs, newest first, as their rows have them, but without their results."""
    return await tx.fetch_all(
        Job,
        _SUMMARIES + " WHERE (%(state)s::text IS NULL OR state = %(state)s)"
        " AND (%(code)s::text IS NULL OR error_code = %(code)s)"
        " AND (%(key)s::text IS NULL OR fairness_key = %(key)s)"
        " AND (%(ending)s::text IS NULL OR right(id::text, length(%(ending)s)) = %(ending)s)"
        " ORDER BY number DESC LIMIT %(limit)s",
        {"state": state, "code": error_code, "key": fairness_key, "ending": ending, "limit": limit},
    )


async def described(tx: Transaction, jobs: Sequence[Job], now: datetime) -> list[Job]:
    """The same jobs with what follows from others: positions, pauses, expected ends."""
    pending = [job for job in jobs if job.state in {"queued", "running"}]
    if not pending:
        return list(jobs)
    waiting = [job.id for job in pending if job.state == "queued"]
    places = {place.id: place for place in (await _places(tx, waiting, now) if waiting else [])}
    paces = {(pace.queue, pace.kind): pace for pace in await _paces(tx, pending)}
    return [_described(job, places.get(job.id), paces.get((job.queue, job.kind)), now) for job in jobs]


def _described(job: Job, place: _Place | None, pace: _Pace | None, now: datetime) -> Job:
    if place is not None:
        job = replace(job, paused=place.paused, position=place.position)
    if job.state not in {"queued", "running"} or pace is None or pace.samples < MIN_SAMPLES:
        return job
    return replace(job, expected_end_at=_expected_end(job, pace, now))


def _expected_end(job: Job, pace: _Pace, now: datetime) -> datetime | None:
    """When the job ends if it goes as the latest of its kind went; None when that cannot be said."""
    if job.state == "queued":
        if job.position is None or pace.running == 0:
            return None
        wait_s = job.position * pace.mean_s / pace.running
        return now + timedelta(seconds=wait_s + pace.median_s)
    if job.started_at is None:
        return None
    took_s, percent = (now - job.started_at).total_seconds(), job.percent or 0
    whole_s = took_s * 100 / percent if percent >= TELLING_PERCENT else pace.median_s
    # One that takes longer than its kind does, and does not say how far it is, may end at any time.
    return job.started_at + timedelta(seconds=whole_s) if whole_s > took_s else None


async def _places(tx: Transaction, job_ids: Sequence[JobId], now: datetime) -> list[_Place]:
    """Where waiting jobs stand in their queues.

    All of a round of turns go before all of the next: a job is taken in the round that is its place among the ready
    ones of its key, and within a round keys come in the order in which they were served last.
    """
    return await tx.fetch_all(
        _Place,
        """
        WITH asked AS (
            SELECT id, queue, fairness_key FROM jobs.jobs WHERE id = ANY(%(ids)s) AND state = 'queued'
        ), ready AS (
            SELECT j.id, j.queue, j.fairness_key, row_number() OVER (
                PARTITION BY j.queue, j.fairness_key ORDER BY j.priority DESC, j.number) AS round
            FROM jobs.jobs j
            WHERE j.state = 'queued' AND j.run_at <= %(now)s AND j.queue IN (SELECT queue FROM asked)
              AND NOT EXISTS (SELECT 1 FROM jobs.pauses p WHERE (p.what, p.name) = ('key', j.fairness_key))
              AND NOT EXISTS (SELECT 1 FROM jobs.pauses p WHERE (p.what, p.name) = ('queue', j.queue))
        ), placed AS (
            SELECT r.id, row_number() OVER (
                PARTITION BY r.queue ORDER BY r.round, coalesce(t.turn, 0), r.fairness_key) AS position
            FROM ready r
            LEFT JOIN jobs.turns t ON t.queue = r.queue AND t.fairness_key = r.fairness_key
        )
        SELECT a.id, p.position, EXISTS (
            SELECT 1 FROM jobs.pauses p
            WHERE (p.what, p.name) IN (('key', a.fairness_key), ('queue', a.queue))) AS paused
        FROM asked a LEFT JOIN placed p ON p.id = a.id
        """,
        {"ids": list(job_ids), "now": now},
    )


async def _paces(tx: Transaction, jobs: Sequence[Job]) -> list[_Pace]:
    kinds = sorted({(job.queue, job.kind) for job in jobs})
    return await tx.fetch_all(
        _Pace,
        """
        SELECT k.queue, k.kind, p.samples, coalesce(p.median_s, 0)::float8 AS median_s,
               coalesce(p.mean_s, 0)::float8 AS mean_s,
               (SELECT count(*) FROM jobs.jobs r WHERE r.queue = k.queue AND r.state = 'running') AS running
        FROM unnest(%s::text[], %s::text[]) AS k (queue, kind)
        CROSS JOIN LATERAL (
            SELECT count(*) AS samples, avg(seconds) AS mean_s,
                   percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) AS median_s
            FROM (SELECT extract(epoch FROM j.finished_at - j.started_at) AS seconds
                  FROM jobs.jobs j WHERE j.queue = k.queue AND j.kind = k.kind AND j.state = 'succeeded'
                  ORDER BY j.finished_at DESC LIMIT 50) AS latest
        ) AS p
        """,
        ([queue for queue, _ in kinds], [kind for _, kind in kinds]),
    )
