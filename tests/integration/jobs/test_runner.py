"""A job's effect happens exactly once, and every end of it is told."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest

from jobs import Effect, Job, JobContext, Later, LeaseLost, NewJob
from jobs.failures import INTERNAL
from runtime.database import Transaction
from runtime.errors import InvalidInput, Unavailable
from runtime.ids import JobId
from tests.integration.jobs.workbench import LEASE_S, QUEUE, Gate, Workbench, mark, marking, until


async def _steal(bench: Workbench, job_id: JobId) -> None:
    """Another worker holds the job now."""
    async with bench.database.transaction() as tx:
        await tx.execute("UPDATE jobs.jobs SET lease_token = %s WHERE id = %s", (uuid4(), job_id))


async def test_done_with_its_effect_and_result(bench: Workbench) -> None:
    bench.on("mark", marking("x"))
    job_id = await bench.add()
    assert await bench.runner().drain(QUEUE) == 1
    job = await bench.job(job_id)
    assert (job.state, job.attempts, job.result, job.position) == ("succeeded", 1, {"marked": "x"}, None)
    assert job.started_at == job.finished_at == bench.clock.now()
    assert await bench.marks() == ["x"]


async def test_works_on_several_at_a_time_and_no_more(bench: Workbench) -> None:
    gate = Gate()
    bench.on("mark", gate)
    for _ in range(5):
        await bench.add()
    drain = asyncio.create_task(bench.runner(concurrency=3).drain(QUEUE))

    async def three_run() -> bool:
        return gate.calls == 3

    await until(three_run)
    assert [j.state for j in await _all(bench)].count("running") == 3
    gate.let.set()
    assert await drain == 5


async def test_a_job_that_comes_meanwhile_is_taken_while_another_is_long(bench: Workbench) -> None:
    long, short = Gate("long"), Gate("short")
    short.let.set()
    bench.on("long", long)
    bench.on("short", short)
    await bench.add(kind="long")
    drain = asyncio.create_task(bench.runner().drain(QUEUE))
    async with asyncio.timeout(10):
        await long.begun.wait()
        await bench.add("b", kind="short")
        await short.begun.wait()
        long.let.set()
        assert await drain == 2


async def test_an_effect_may_queue_the_next_of_its_own_key(bench: Workbench) -> None:
    async def handle(context: JobContext) -> Effect | None:
        if context.job.payload:
            return None

        async def effect(tx: Transaction) -> None:
            await bench.queue.enqueue(tx, NewJob(QUEUE, "again", "a", {"second": True}, dedupe_key="same"))

        return effect

    bench.on("again", handle)
    await bench.add(kind="again", dedupe_key="same")
    assert await bench.runner().drain(QUEUE) == 2


async def test_who_lost_the_lease_leaves_no_trace(bench: Workbench) -> None:
    gate = Gate("late")
    bench.on("mark", gate)
    job_id = await bench.add()
    drain = asyncio.create_task(bench.runner().drain(QUEUE))
    await gate.begun.wait()
    await _steal(bench, job_id)
    gate.let.set()
    await drain
    assert await bench.marks() == []
    assert (await bench.job(job_id)).state == "running"  # the other worker's


async def test_a_wait_is_shown_and_costs_no_attempt(bench: Workbench) -> None:
    waits = 3 * bench.settings.max_attempts

    async def handle(context: JobContext) -> Effect | Later:
        nonlocal waits
        waits -= 1
        if waits < 0:
            return lambda tx: mark(tx, "seen")
        return Later(7200, Unavailable("not_aired", "It is not aired yet.", next_step="Wait."))

    bench.on("mark", handle)
    job_id = await bench.add()
    while waits > 0:
        assert await bench.runner().drain(QUEUE) == 1
        job = await bench.job(job_id)
        assert (job.state, job.attempts, job.error_code, job.next_step) == ("queued", 0, "not_aired", "Wait.")
        # An eighth of an hour more, so that many do not come back together.
        assert job.run_at == bench.clock.now() + timedelta(seconds=7200 + 900)
        assert await bench.runner().drain(QUEUE) == 0
        bench.clock.advance(8100)
    assert await bench.runner().drain(QUEUE) == 1
    job = await bench.job(job_id)
    assert (job.state, job.attempts, job.error_code) == ("succeeded", 1, None)
    assert await bench.marks() == ["seen"]


async def test_a_wait_of_another_worker_s_job_does_not_count(bench: Workbench) -> None:
    async def handle(context: JobContext) -> Later:
        await _steal(bench, context.job.id)
        return Later(7200, Unavailable("not_aired", "It is not aired yet."))

    bench.on("mark", handle)
    job_id = await bench.add()
    await bench.runner().drain(QUEUE)
    job = await bench.job(job_id)
    assert (job.state, job.error_code) == ("running", None)


async def test_the_heartbeat_keeps_the_lease(bench: Workbench) -> None:
    gate = Gate()
    bench.on("mark", gate)
    job_id = await bench.add()
    drain = asyncio.create_task(bench.runner(heartbeat_s=0.01).drain(QUEUE))
    await gate.begun.wait()
    bench.clock.advance(LEASE_S - 1)

    async def renewed() -> bool:
        return await _expiry_s(bench, job_id) >= LEASE_S

    await until(renewed)
    gate.let.set()
    await drain
    assert (await bench.job(job_id)).state == "succeeded"


async def _expiry_s(bench: Workbench, job_id: JobId) -> float:
    async with bench.database.transaction() as tx:
        expires_at = await tx.fetch_value("SELECT lease_expires_at FROM jobs.jobs WHERE id = %s", (job_id,))
    return (expires_at - bench.clock.now()) / timedelta(seconds=1)


async def test_the_heartbeat_stops_work_that_counts_no_more(bench: Workbench) -> None:
    stopped = asyncio.Event()
    begun = asyncio.Event()

    async def handle(_: JobContext) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    bench.on("endless", handle)
    job_id = await bench.add(kind="endless")
    drain = asyncio.create_task(bench.runner(heartbeat_s=0.01).drain(QUEUE))
    await begun.wait()
    await _steal(bench, job_id)
    async with asyncio.timeout(10):
        await drain
    assert stopped.is_set()


async def test_progress_and_fence_refuse_once_the_lease_is_lost(bench: Workbench) -> None:
    refused: list[str] = []

    async def handle(context: JobContext) -> None:
        await _steal(bench, context.job.id)
        with pytest.raises(LeaseLost):
            await context.progress("embed", 0, 1)
        refused.append("progress")
        async with bench.database.transaction() as tx:
            with pytest.raises(LeaseLost):
                await context.fence(tx)
        refused.append("fence")

    bench.on("mark", handle)
    await bench.add()
    await bench.runner().drain(QUEUE)
    assert refused == ["progress", "fence"]


async def test_progress_is_written_twice_a_second_and_at_each_stage(bench: Workbench) -> None:
    seen: list[tuple[str | None, int | None, int | None]] = []

    async def handle(context: JobContext) -> None:
        async def report(stage: str, done: int) -> None:
            await context.progress(stage, done, 9)
            job = await bench.job(context.job.id)
            seen.append((job.stage, job.progress_done, job.progress_total))

        await report("extract", 0)
        await report("extract", 1)
        bench.clock.advance(0.6)
        await report("extract", 2)
        await report("embed", 0)

    bench.on("mark", handle)
    await bench.add()
    await bench.runner().drain(QUEUE)
    assert seen == [("extract", 0, 9), ("extract", 0, 9), ("extract", 2, 9), ("embed", 0, 9)]


async def test_a_crash_within_the_effect_leaves_nothing_and_the_next_attempt_counts_once(
    bench: Workbench,
) -> None:
    crashes = [True, False]

    async def handle(_: JobContext) -> Effect:
        async def effect(tx: Transaction) -> None:
            await mark(tx, "once")
            if crashes.pop(0):
                await tx.execute("SELECT pg_terminate_backend(pg_backend_pid())")

        return effect

    bench.on("mark", handle)
    job_id = await bench.add()
    await bench.runner().drain(QUEUE)
    job = await bench.job(job_id)
    assert (job.state, job.error_code) == ("queued", "database_unreachable")
    assert await bench.marks() == []
    bench.clock.advance(60)
    await bench.runner().drain(QUEUE)
    assert await bench.marks() == ["once"]
    assert (await bench.job(job_id)).error_code is None


async def test_what_is_transient_is_tried_until_attempts_are_used_up(bench: Workbench) -> None:
    waits: list[float] = []

    async def handle(_: JobContext) -> None:
        raise Unavailable("index_unreachable", "The index does not answer.", next_step="Start it.")

    bench.on("mark", handle)
    job_id = await bench.add()
    for _ in range(3):
        assert await bench.runner().drain(QUEUE) == 1
        job = await bench.job(job_id)
        waits.append((job.run_at - bench.clock.now()) / timedelta(seconds=1))
        assert await bench.runner().drain(QUEUE) == 0
        bench.clock.advance(60)
    assert waits[:2] == [2, 4]
    assert (job.state, job.attempts) == ("failed", 3)
    assert (job.error_code, job.error_detail, job.next_step) == (
        "index_unreachable",
        "The index does not answer.",
        "Start it.",
    )


async def test_what_stays_wrong_fails_at_once_and_tells_its_room(bench: Workbench) -> None:
    told: list[Job] = []

    async def handle(_: JobContext) -> None:
        raise InvalidInput("captions_broken", "No cue.", next_step="Export them again.")

    async def on_failed(tx: Transaction, job: Job) -> None:
        told.append(job)
        await mark(tx, "told")

    bench.on("mark", handle, on_failed)
    job_id = await bench.add()
    await bench.runner().drain(QUEUE)
    job = await bench.job(job_id)
    assert (job.state, job.attempts, job.error_code) == ("failed", 1, "captions_broken")
    assert told == [job]
    assert await bench.marks() == ["told"]


async def test_our_own_mistake_is_tried_once_more(bench: Workbench) -> None:
    async def handle(_: JobContext) -> None:
        raise KeyError("secret words")

    bench.on("mark", handle)
    job_id = await bench.add()
    await bench.runner().drain(QUEUE)
    assert (await bench.job(job_id)).state == "queued"
    bench.clock.advance(60)
    await bench.runner().drain(QUEUE)
    job = await bench.job(job_id)
    assert (job.state, job.attempts, job.error_code) == ("failed", 2, "internal_error")
    assert job.error_detail == INTERNAL.detail


async def test_a_room_that_breaks_on_a_failure_does_not_keep_the_job_from_its_end(bench: Workbench) -> None:
    async def handle(_: JobContext) -> None:
        raise InvalidInput("captions_broken", "No cue.")

    async def on_failed(tx: Transaction, _: Job) -> None:
        await mark(tx, "half")
        raise KeyError

    bench.on("mark", handle, on_failed)
    job_id = await bench.add()
    await bench.runner().drain(QUEUE)
    assert (await bench.job(job_id)).error_code == "captions_broken"
    assert await bench.marks() == []


async def test_a_kind_nobody_knows_waits_for_a_worker_that_does(bench: Workbench) -> None:
    job_id = await bench.add(kind="newer")
    await bench.runner().drain(QUEUE)
    job = await bench.job(job_id)
    assert (job.state, job.error_code) == ("queued", "job_kind_unknown")


async def test_one_job_that_breaks_does_not_disturb_another(bench: Workbench) -> None:
    async def handle(_: JobContext) -> None:
        raise KeyError

    bench.on("broken", handle)
    bench.on("mark", marking("whole"))
    await bench.add(kind="broken")
    await bench.add("b")
    assert await bench.runner().drain(QUEUE) == 2
    assert await bench.marks() == ["whole"]


async def test_a_stopped_worker_gives_its_jobs_back_at_once_and_uncounted(bench: Workbench) -> None:
    gate = Gate()
    bench.on("mark", gate)
    job_id = await bench.add()
    drain = asyncio.create_task(bench.runner().drain(QUEUE))
    await gate.begun.wait()
    drain.cancel()
    with pytest.raises(asyncio.CancelledError):
        await drain
    job = await bench.job(job_id)
    assert (job.state, job.attempts, job.position) == ("queued", 0, 1)
    gate.let.set()
    assert await bench.runner("two").drain(QUEUE) == 1
    assert await bench.marks() == ["done"]


async def test_drain_ends_early_while_the_database_is_away(bench: Workbench) -> None:
    await bench.add()
    await bench.database.close()
    async with asyncio.timeout(10):
        assert await bench.runner().drain(QUEUE) == 0


async def _all(bench: Workbench) -> list[Job]:
    async with bench.database.transaction() as tx:
        return await bench.queue.recent(tx, limit=100)
