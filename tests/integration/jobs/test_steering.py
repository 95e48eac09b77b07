"""Cancelling, retrying, reordering and pausing jobs; where they stand and when they are likely to end."""

import asyncio
from datetime import timedelta

import pytest

from jobs import Effect, Job, JobCancelled, JobContext, JobQueue, Move, NewJob, Steering
from jobs.types import Registration
from runtime.database import Transaction
from runtime.errors import Conflict, InvalidInput, Unavailable
from runtime.ids import JobId
from tests.integration.jobs.workbench import LEASE_S, QUEUE, Gate, Workbench, mark, marking, until


async def _cancel(bench: Workbench, job_id: JobId) -> Job:
    async with bench.database.transaction() as tx:
        return await bench.queue.cancel(tx, job_id)


async def _retry(bench: Workbench, job_id: JobId) -> Job:
    async with bench.database.transaction() as tx:
        return await bench.queue.retry(tx, job_id)


async def _broken(_: JobContext) -> None:
    raise InvalidInput("captions_broken", "No cue.", next_step="Export them again.")


def _telling(bench: Workbench) -> None:
    """Have the room leave a trace of what it is told."""

    async def on_cancelled(_: JobQueue, tx: Transaction, job: Job) -> None:
        await mark(tx, f"cancelled {job.attempts}")

    async def on_retried(_: JobQueue, tx: Transaction, job: Job) -> None:
        await mark(tx, f"retried {job.state}")

    bench.steering["mark"] = Steering(on_cancelled, on_retried)


async def test_a_waiting_job_is_cancelled_at_once_and_its_room_told(bench: Workbench) -> None:
    _telling(bench)
    job = await _cancel(bench, await bench.add())
    assert (job.state, job.error_code, job.finished_at) == ("cancelled", "cancelled", bench.clock.now())
    assert job.next_step
    assert await bench.claim() is None
    assert await bench.marks() == ["cancelled 0"]
    assert (await _cancel(bench, job.id)).state == "cancelled"
    assert await bench.marks() == ["cancelled 0"]


@pytest.mark.parametrize("way", ["progress", "fence", "effect"])
async def test_a_running_job_ends_cancelled_and_leaves_nothing(bench: Workbench, way: str) -> None:
    _telling(bench)

    async def handle(context: JobContext) -> Effect:
        assert (await _cancel(bench, context.job.id)).cancel_asked
        if way == "progress":
            await context.progress("embed", 0, 1)
        if way == "fence":
            async with bench.database.transaction() as tx:
                await mark(tx, "half")
                await context.fence(tx)
        return lambda tx: mark(tx, "done")

    bench.on("mark", handle)
    job_id = await bench.add()
    assert await bench.runner().drain(QUEUE) == 1
    job = await bench.job(job_id)
    assert (job.state, job.cancel_asked, job.attempts) == ("cancelled", False, 1)
    assert await bench.marks() == ["cancelled 1"]


async def test_a_handler_that_reports_nothing_is_cancelled_by_the_heartbeat(bench: Workbench) -> None:
    gate = Gate()
    bench.on("mark", gate)
    job_id = await bench.add()
    drain = asyncio.create_task(bench.runner(heartbeat_s=0.01).drain(QUEUE))
    await gate.begun.wait()
    await _cancel(bench, job_id)
    async with asyncio.timeout(10):
        await drain
    assert (await bench.job(job_id)).state == "cancelled"
    assert await bench.marks() == []


@pytest.mark.parametrize("error", [KeyError("x"), Unavailable("away", "Away."), InvalidInput("bad", "Bad.")])
async def test_a_cancelled_job_that_breaks_is_cancelled_all_the_same(
    bench: Workbench, error: Exception
) -> None:
    async def handle(context: JobContext) -> None:
        await _cancel(bench, context.job.id)
        raise error

    bench.on("mark", handle)
    job_id = await bench.add()
    await bench.runner().drain(QUEUE)
    assert (await bench.job(job_id)).state == "cancelled"


async def test_a_cancelled_job_whose_worker_died_or_stopped_is_not_taken_again(bench: Workbench) -> None:
    job_id = await bench.add()
    await bench.claim()
    await _cancel(bench, job_id)
    bench.clock.advance(LEASE_S + 1)
    assert await bench.runner().sweep() == []
    assert (await bench.job(job_id)).state == "cancelled"
    gate = Gate()
    bench.on("mark", gate)
    stopped = await bench.add()
    drain = asyncio.create_task(bench.runner().drain(QUEUE))
    await gate.begun.wait()
    await _cancel(bench, stopped)
    drain.cancel()
    await asyncio.gather(drain, return_exceptions=True)
    assert (await bench.job(stopped)).state == "cancelled"


async def test_what_has_ended_cannot_be_cancelled_nor_what_has_not_be_retried(bench: Workbench) -> None:
    bench.on("mark", marking("x"))
    job_id = await bench.add()
    with pytest.raises(Conflict, match="queued"):
        await _retry(bench, job_id)
    await bench.runner().drain(QUEUE)
    with pytest.raises(Conflict) as caught:
        await _cancel(bench, job_id)
    assert caught.value.code == "job_ended"
    with pytest.raises(Conflict) as caught:
        await _retry(bench, job_id)
    assert caught.value.code == "job_not_retryable"


async def test_a_retried_job_has_all_its_attempts_before_it(bench: Workbench) -> None:
    _telling(bench)
    bench.on("mark", _broken)
    job_id = await bench.add()
    await bench.runner().drain(QUEUE)
    bench.waker.woken.clear()
    job = await _retry(bench, job_id)
    assert (job.id, job.state, job.attempts, job.max_attempts) == (job_id, "queued", 0, 3)
    assert (job.error_code, job.finished_at, job.position) == (None, None, 1)
    assert bench.waker.woken == [QUEUE]
    bench.on("mark", marking("done"))
    await bench.runner().drain(QUEUE)
    assert await bench.marks() == ["done", "retried failed"]


async def test_a_retry_beside_a_pending_job_of_the_same_key_is_that_job(bench: Workbench) -> None:
    bench.on("mark", _broken)
    failed = await bench.add(dedupe_key="source")
    await bench.runner().drain(QUEUE)
    pending = await bench.add(dedupe_key="source")
    assert (await _retry(bench, failed)).id == pending
    assert (await bench.job(failed)).state == "failed"


async def test_a_more_urgent_job_goes_before_the_others_of_its_key(bench: Workbench) -> None:
    first, second = await bench.add(), await bench.add()
    async with bench.database.transaction() as tx:
        job = await bench.queue.prioritise(tx, second, 5)
    assert (job.priority, job.position) == (5, 1)
    assert [await bench.claim(), await bench.claim()] == [second, first]


@pytest.mark.parametrize("what", ["queue", "key"])
async def test_nothing_of_what_is_paused_is_begun(bench: Workbench, what: str) -> None:
    paused = await bench.add("a")
    name = QUEUE if what == "queue" else "a"
    async with bench.database.transaction() as tx:
        await bench.queue.pause(tx, what, name)
    other = await bench.add("b")
    expected = [None, None] if what == "queue" else [other, None]
    job = await bench.job(paused)
    assert (job.paused, job.position) == (True, None)
    assert [await bench.claim(), await bench.claim()] == expected
    bench.waker.woken.clear()
    assert await bench.runner().sweep() == []
    async with bench.database.transaction() as tx:
        assert await bench.queue.is_paused(tx, what, name)
        await bench.queue.resume(tx, what, name)
    assert bench.waker.woken == [QUEUE]
    assert await bench.claim() == paused


async def test_queues_tell_how_much_they_hold(bench: Workbench) -> None:
    await bench.add()
    await bench.add()
    await bench.claim()
    async with bench.database.transaction() as tx:
        await bench.queue.pause(tx, "queue", "speech")
        found = await bench.queue.queues(tx)
    assert [(q.name, q.queued, q.running, q.paused) for q in found] == [
        (QUEUE, 1, 1, False),
        ("speech", 0, 0, True),
    ]


async def test_lists_can_be_narrowed_by_code(bench: Workbench) -> None:
    bench.on("broken", _broken)
    bench.on("mark", marking("x"))
    broken = await bench.add(kind="broken")
    await bench.add()
    await bench.runner().drain(QUEUE)
    async with bench.database.transaction() as tx:
        found = await bench.queue.recent(tx, limit=9, error_code="captions_broken")
    assert [job.id for job in found] == [broken]


async def test_a_job_goes_on_in_another_queue_as_the_same_job(bench: Workbench) -> None:
    seen: list[str] = []

    async def handle(context: JobContext) -> Effect | Move:
        seen.append(context.job.queue)
        return Move("speech") if context.job.queue == QUEUE else (lambda tx: mark(tx, "heard"))

    bench.on("mark", handle)
    job_id = await bench.add()
    bench.waker.woken.clear()
    await bench.runner().drain(QUEUE)
    job = await bench.job(job_id)
    assert (job.state, job.queue, job.attempts, job.position) == ("queued", "speech", 0, 1)
    assert bench.waker.woken == ["speech"]
    await bench.runner().drain("speech")
    assert seen == [QUEUE, "speech"]
    assert await bench.marks() == ["heard"]


async def test_one_loop_works_on_all_queues_and_keeps_their_numbers(bench: Workbench) -> None:
    gate = Gate()
    bench.on("mark", gate)
    for queue in (QUEUE, "speech"):
        async with bench.database.transaction() as tx:
            for _ in range(5):
                await bench.queue.enqueue(tx, NewJob(queue, "mark", "a", {}))
    runner = bench.runner(concurrency=3, slots={"speech": 1})
    drain = asyncio.create_task(runner.drain(QUEUE, "speech"))

    async def four_run() -> bool:
        return gate.calls == 4

    await until(four_run)
    async with bench.database.transaction() as tx:
        found = {queue.name: queue.running for queue in await bench.queue.queues(tx)}
    assert found == {QUEUE: 3, "speech": 1}
    gate.let.set()
    assert await drain == 10


async def test_a_worn_process_finishes_what_it_has_and_begins_nothing(bench: Workbench) -> None:
    gate = Gate()
    bench.on("mark", gate)
    first = await bench.add()
    drain = asyncio.create_task(bench.runner().drain(QUEUE, is_worn=gate.begun.is_set))
    await gate.begun.wait()
    second = await bench.add()
    gate.let.set()
    assert await drain == 1
    assert ((await bench.job(first)).state, (await bench.job(second)).state) == ("succeeded", "queued")


async def test_a_job_that_gets_no_further_is_ended_and_tried_again_elsewhere(bench: Workbench) -> None:
    gate = Gate()
    bench.on("mark", gate)
    job_id = await bench.add()
    runner = bench.runner(heartbeat_s=0.01, stall_s=100)
    drain = asyncio.create_task(runner.drain(QUEUE))
    await gate.begun.wait()
    bench.clock.advance(LEASE_S)
    bench.clock.advance(71)
    async with asyncio.timeout(10):
        await drain
    job = await bench.job(job_id)
    assert (job.state, job.error_code, runner.has_stuck) == ("queued", "time_limit", True)
    bench.clock.advance(300)
    assert await runner.drain(QUEUE) == 0  # this process is to be replaced
    gate.let.set()
    assert await bench.runner("two").drain(QUEUE) == 1
    assert await bench.marks() == ["done"]


async def test_percentages_are_of_the_whole_job_and_never_go_back(bench: Workbench) -> None:
    seen: list[int | None] = []

    async def handle(context: JobContext) -> None:
        for stage, done in (("read", 0), ("write", 0), ("write", 5), ("odd", 0), ("read", 1)):
            await context.progress(stage, done, 10)
            bench.clock.advance(1)
            seen.append((await bench.job(context.job.id)).percent)

    bench.handlers["mark"] = Registration(handle, stages={"read": 1, "write": 3})
    job_id = await bench.add()
    await bench.runner().drain(QUEUE)
    assert seen == [0, 25, 62, 62, 62]
    assert (await bench.job(job_id)).percent == 100


async def test_an_expected_end_is_told_when_it_is_known_and_not_before(bench: Workbench) -> None:
    async def handle(_: JobContext) -> None:
        bench.clock.advance(10)

    bench.on("mark", handle)
    for _ in range(3):
        unknown = await bench.job(await bench.add())
        assert unknown.expected_end_at is None
        await bench.runner(concurrency=1).drain(QUEUE)
    running, waiting = await bench.add(), await bench.add()
    assert (await bench.job(waiting)).expected_end_at is None  # nobody works
    await bench.claim()
    now = bench.clock.now()
    assert (await bench.job(running)).expected_end_at == now + timedelta(seconds=10)
    assert (await bench.job(waiting)).expected_end_at == now + timedelta(seconds=20)
    bench.clock.advance(11)
    assert (await bench.job(running)).expected_end_at is None  # it is late, and nobody knows how much


async def test_jobs_end_when_it_was_foretold_and_in_the_order_of_their_positions(bench: Workbench) -> None:
    """One after the other, each as long as those before; keys take turns, and an urgent one goes first."""
    told: dict[JobId, Job] = {}
    ended: list[JobId] = []

    async def handle(context: JobContext) -> None:
        if not told:
            told.update({job_id: await bench.job(job_id) for job_id in added})
        bench.clock.advance(10)
        ended.append(context.job.id)

    async def quick(_: JobContext) -> None:
        bench.clock.advance(10)

    bench.on("mark", quick)
    for _ in range(3):
        await bench.add()
    runner = bench.runner(concurrency=1)
    await runner.drain(QUEUE)
    bench.on("mark", handle)
    added = [await bench.add(key) for key in ("a", "a", "b", "b", "c")]
    added.append(await bench.add("a", priority=5))
    await runner.drain(QUEUE)
    waited = sorted(set(added) - {ended[0]}, key=lambda job_id: told[job_id].position or 0)
    assert ended[1:] == waited
    for job_id in waited:
        assert told[job_id].expected_end_at == (await bench.job(job_id)).finished_at


async def test_jobs_are_removed_some_time_after_their_end_and_others_never(bench: Workbench) -> None:
    bench.on("mark", marking("x"))
    ended = await bench.add()
    await bench.runner().drain(QUEUE)
    waiting = await bench.add(run_at=bench.clock.now() + timedelta(days=90))
    bench.clock.advance(29 * 86_400)
    await bench.runner().sweep()
    assert (await bench.job(ended)).state == "succeeded"
    bench.clock.advance(2 * 86_400)
    await bench.runner(keep_ended_days=0).sweep()
    assert (await bench.job(ended)).state == "succeeded"
    await bench.runner().sweep()
    async with bench.database.transaction() as tx:
        assert [job.id for job in await bench.queue.recent(tx, limit=9)] == [waiting]


async def test_handlers_are_told_of_the_cancel_by_an_error_of_its_own(bench: Workbench) -> None:
    told: list[bool] = []

    async def handle(context: JobContext) -> None:
        await _cancel(bench, context.job.id)
        for _ in range(2):
            with pytest.raises(JobCancelled):
                await context.progress("embed", 0, 1)
            told.append(True)

    bench.on("mark", handle)
    await bench.add()
    await bench.runner().drain(QUEUE)
    assert told == [True, True]
