"""Whose turn it is, and that nobody takes a job twice."""

import asyncio

import pytest

from jobs import JobContext, NewJob
from runtime.database import Transaction
from runtime.ids import JobId
from tests.integration.jobs.workbench import QUEUE, Workbench, until


async def _add_many(bench: Workbench, key: str, count: int) -> list[JobId]:
    async with bench.database.transaction() as tx:
        return [await bench.queue.enqueue(tx, NewJob(QUEUE, "mark", key, {})) for _ in range(count)]


async def _drain_keys(bench: Workbench) -> list[str]:
    keys: list[str] = []
    while (taken := await bench.claim()) is not None:
        keys.append((await bench.job(taken)).fairness_key)
    return keys


async def test_within_a_key_priority_then_age_decides(bench: Workbench) -> None:
    plain = await _add_many(bench, "a", 3)
    urgent = await bench.add("a", priority=5)
    assert [await bench.claim() for _ in range(5)] == [urgent, *plain, None]


async def test_keys_take_turns(bench: Workbench) -> None:
    await _add_many(bench, "a", 4)
    await _add_many(bench, "b", 2)
    await _add_many(bench, "c", 1)
    assert await _drain_keys(bench) == ["a", "b", "c", "a", "b", "a", "a"]


async def test_a_large_import_delays_a_single_upload_by_one_item(bench: Workbench) -> None:
    await _add_many(bench, "import", 2000)
    first = await bench.claim()
    single = await bench.add("single")
    assert first is not None
    assert single in [await bench.claim(), await bench.claim()]


@pytest.mark.parametrize("slots", [1, 3])
async def test_beside_a_large_import_a_single_upload_waits_for_one_item_a_slot(
    bench: Workbench, slots: int
) -> None:
    """With a real runner: what begins after the upload came in, and before it."""
    begun: list[str] = []

    async def handle(context: JobContext) -> None:
        begun.append(context.job.fairness_key)
        if len(begun) == 10:
            await bench.add("single")
            begun.append("here it comes")

    bench.on("mark", handle)
    await _add_many(bench, "import", 2000)
    drain = asyncio.create_task(bench.runner(concurrency=slots).drain(QUEUE))

    async def served() -> bool:
        return "single" in begun

    await until(served)
    drain.cancel()
    await asyncio.gather(drain, return_exceptions=True)
    assert begun.index("single") - begun.index("here it comes") - 1 <= slots


async def test_a_key_that_was_served_last_waits_its_turn_though_it_was_idle(bench: Workbench) -> None:
    await bench.add("a")
    await _add_many(bench, "b", 2)
    assert await bench.claim() is not None  # a
    assert await bench.claim() is not None  # b
    await bench.add("a")
    assert await _drain_keys(bench) == ["a", "b"]


async def test_a_job_is_not_taken_before_its_time(bench: Workbench) -> None:
    late = await bench.add(run_at=bench.clock.now().replace(hour=1))
    assert await bench.claim() is None
    bench.clock.advance(3600)
    assert await bench.claim() == late


async def test_another_queue_is_left_alone(bench: Workbench) -> None:
    await bench.add()
    assert await bench.claim("other") is None


async def test_twenty_claimers_never_take_the_same_job(bench: Workbench) -> None:
    added = await _add_many(bench, "a", 60) + await _add_many(bench, "b", 40)
    taken: list[JobId] = []

    async def claimer() -> None:
        while (job := await bench.claim()) is not None:
            taken.append(job)

    await asyncio.gather(*(claimer() for _ in range(20)))
    assert sorted(taken) == sorted(added)


async def test_claims_at_the_same_time_serve_each_key_once(bench: Workbench) -> None:
    keys = [f"key {number}" for number in range(20)]
    for key in keys:
        await _add_many(bench, key, 5)
    for _ in range(5):
        round_ = await asyncio.gather(*(bench.claim() for _ in keys))
        served = [(await bench.job(job)).fairness_key for job in round_ if job is not None]
        assert sorted(served) == sorted(keys)


async def test_claims_at_the_same_time_do_not_wait_for_each_other(bench: Workbench) -> None:
    """One claim stays open; others, even of the same and only key, go past it."""
    first, second = await _add_many(bench, "a", 2)
    async with bench.database.transaction() as tx:
        held = await tx.fetch_value("SELECT id FROM jobs.jobs WHERE id = %s FOR UPDATE", (first,))
        await tx.execute("SELECT 1 FROM jobs.turns FOR UPDATE")
        assert held == first
        async with asyncio.timeout(5):
            assert await bench.claim() == second
            assert await bench.claim() is None


async def test_ten_thousand_waiting_jobs_are_not_read(bench: Workbench) -> None:
    """Even with the worst plan there is: kept since the table was small."""
    await _add_many(bench, "a", 20)
    async with bench.database.transaction() as tx:
        await tx.execute("ANALYZE jobs.jobs")
    for _ in range(15):
        await bench.claim()
    async with bench.database.transaction() as tx:
        await tx.execute(
            "INSERT INTO jobs.jobs (id, queue, kind, fairness_key, payload, max_attempts, run_at, created_at)"
            " SELECT uuidv7(), %s, 'mark', 'a', '{}', 3, %s, %s FROM generate_series(1, 10000)",
            (QUEUE, bench.clock.now(), bench.clock.now()),
        )
    async with bench.database.transaction() as tx:
        before = await _rows_read(tx)
        await bench.claim_in(tx)
        assert await _rows_read(tx) - before < 50


async def _rows_read(tx: Transaction) -> int:
    return await tx.fetch_value(
        "SELECT seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables"
        " WHERE relid = 'jobs.jobs'::regclass"
    )
