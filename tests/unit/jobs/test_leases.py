"""A lease while the database is away, or its heartbeat breaks."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from jobs import Job, LeaseLost
from jobs.leases import LeasedJob
from jobs.types import Lease
from runtime.errors import Unavailable
from runtime.ids import JobId, new_id
from runtime.settings import JobSettings
from runtime.testing import FixedClock

LEASE_S = 30.0
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class AwayDatabase:
    """Refuses every transaction, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = asyncio.Semaphore(0)

    @asynccontextmanager
    async def transaction(self):
        self.asked.release()
        raise Unavailable("database_unreachable", "PostgreSQL does not answer.")
        yield


class BrokenDatabase:
    """What no outage looks like."""

    def transaction(self):
        raise TypeError("not a database")


def _leased(database: AwayDatabase | BrokenDatabase, clock: FixedClock) -> LeasedJob:
    job_id = JobId(new_id())
    unset = dict.fromkeys(
        ("stage", "progress_done", "progress_total", "error_code", "error_detail", "next_step", "result")
    )
    job = Job(
        **unset,
        id=job_id,
        queue="ingest",
        kind="mark",
        fairness_key="a",
        payload={},
        state="running",
        attempts=1,
        max_attempts=3,
        run_at=NOW,
        created_at=NOW,
        started_at=NOW,
        finished_at=None,
    )
    return LeasedJob(
        job,
        Lease(job_id, uuid4()),
        database=database,
        clock=clock,
        settings=JobSettings(lease_s=LEASE_S, heartbeat_s=0.001),
    )


async def test_a_heartbeat_that_breaks_ends_the_work_and_is_told() -> None:
    leased = _leased(BrokenDatabase(), FixedClock())
    with capture_logs() as logs, pytest.raises(LeaseLost):
        async with asyncio.timeout(10), leased.kept():
            await asyncio.Event().wait()
    assert [line["event"] for line in logs] == ["heartbeat_broken"]


async def test_work_goes_on_until_another_may_have_the_job() -> None:
    database, clock = AwayDatabase(), FixedClock()
    leased = _leased(database, clock)
    clock.advance(LEASE_S - 1)
    went_on = False
    with pytest.raises(LeaseLost):
        async with leased.kept():
            for _ in range(5):
                await database.asked.acquire()
            went_on = True
            clock.advance(2)
            async with asyncio.timeout(10):
                await asyncio.Event().wait()
    assert went_on
    with pytest.raises(LeaseLost):
        await leased.progress("embed", 0, 1)


async def test_being_cancelled_is_not_taken_for_a_lost_lease() -> None:
    leased = _leased(AwayDatabase(), FixedClock())
    begun = asyncio.Event()

    async def work() -> None:
        async with leased.kept():
            begun.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
