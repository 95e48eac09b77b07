"""What a crash left is repaired, and what is due is queued, by however many sweepers."""

import asyncio

from jobs import Job, JobContext, Schedule
from runtime.database import Transaction
from runtime.ids import JobId
from tests.integration.jobs.workbench import LEASE_S, QUEUE, Gate, Workbench, mark, marking, until

FEEDS = Schedule("poll feeds", QUEUE, "feeds.poll", {"all": True}, every_s=600)


async def _jobs(bench: Workbench) -> list[Job]:
    async with bench.database.transaction() as tx:
        return await bench.queue.recent(tx, limit=100)


async def _ensure(bench: Workbench, *schedules: Schedule) -> None:
    async with bench.database.transaction() as tx:
        await bench.queue.ensure_schedules(tx, schedules)


async def _lose_worker(bench: Workbench) -> JobId | None:
    taken = await bench.claim()
    bench.clock.advance(LEASE_S + 1)
    return taken


async def test_a_lease_that_runs_is_left_alone(bench: Workbench) -> None:
    job_id = await bench.add()
    await bench.claim()
    bench.clock.advance(LEASE_S - 1)
    assert await bench.runner().sweep() == []
    assert (await bench.job(job_id)).state == "running"


async def test_what_a_dead_worker_held_is_taken_again(bench: Workbench) -> None:
    bench.on("mark", marking("x"))
    job_id = await bench.add()
    assert await _lose_worker(bench) == job_id
    assert await bench.runner().sweep() == [QUEUE]
    job = await bench.job(job_id)
    assert (job.state, job.attempts, job.error_code) == ("queued", 1, "worker_lost")
    await bench.runner().drain(QUEUE)
    job = await bench.job(job_id)
    assert (job.state, job.attempts, job.error_code) == ("succeeded", 2, None)


async def test_a_busy_worker_sweeps_too(bench: Workbench) -> None:
    """The process that does nothing else may be the only one."""
    gate = Gate("long")
    bench.on("long", gate)
    bench.on("lost", marking("lost"))
    await bench.add(kind="lost")
    await bench.claim()
    bench.clock.advance(LEASE_S - 1)
    await bench.add(kind="long")
    drain = asyncio.create_task(bench.runner().drain(QUEUE))
    await gate.begun.wait()
    bench.clock.advance(10)

    async def taken_again() -> bool:
        return [job.attempts for job in await _jobs(bench) if job.kind == "lost"] == [2]

    await until(taken_again)
    gate.let.set()
    assert await drain == 2
    assert await bench.marks() == ["long", "lost"]


async def test_what_keeps_killing_its_worker_ends_as_failed(bench: Workbench) -> None:
    told: list[str | None] = []

    async def on_failed(tx: Transaction, job: Job) -> None:
        told.append(job.error_code)
        await mark(tx, "told")

    bench.on("poison", marking("never"), on_failed)
    job_id = await bench.add(kind="poison")
    for _ in range(3):
        assert await _lose_worker(bench) == job_id
        await asyncio.gather(*(bench.runner(f"{n}").sweep() for n in range(4)))
    job = await bench.job(job_id)
    assert (job.state, job.attempts, job.error_code) == ("failed", 3, "worker_lost")
    assert job.next_step
    assert told == ["worker_lost"]
    assert await bench.marks() == ["told"]


async def test_a_job_that_lost_its_worker_runs_alone(bench: Workbench) -> None:
    """If it is the one that kills, it takes nobody with it; if it was beside that one, it gets through."""
    company: list[int] = []
    running: dict[JobId, bool] = {}

    async def handle(context: JobContext) -> None:
        running[context.job.id] = context.job.error_code is not None
        for _ in range(5):
            await bench.job(context.job.id)
            if any(running.values()):
                company.append(len(running) - 1)
        del running[context.job.id]

    bench.on("mark", handle)
    for _ in range(3):
        await bench.add()
        await bench.claim()
    bench.clock.advance(LEASE_S + 1)
    for urgency in (1, 1, 0, 0, 0, 0):  # some are at work when the first suspect comes
        await bench.add(priority=urgency)
    await bench.runner().sweep()
    assert await bench.runner().drain(QUEUE) == 9
    assert company == [0] * 15


async def test_the_sweep_wakes_queues_that_have_ready_work(bench: Workbench) -> None:
    await bench.add()
    await bench.add(run_at=bench.clock.now().replace(hour=1), kind="later")
    bench.waker.woken.clear()
    assert await bench.runner().sweep() == [QUEUE]
    assert bench.waker.woken == [QUEUE]


async def test_a_schedule_queues_once_however_many_sweep(bench: Workbench) -> None:
    await _ensure(bench, FEEDS)
    runners = [bench.runner(f"{number}") for number in range(8)]
    await asyncio.gather(*(runner.sweep() for runner in runners))
    (job,) = await _jobs(bench)
    assert (job.queue, job.kind, job.payload) == (QUEUE, "feeds.poll", {"all": True})


async def test_a_schedule_queues_again_each_time_it_is_due(bench: Workbench) -> None:
    bench.on("feeds.poll", marking("polled"))
    await _ensure(bench, FEEDS)
    for expected in (1, 2):
        await bench.runner().sweep()
        await bench.runner().drain(QUEUE)
        bench.clock.advance(599)
        await bench.runner().sweep()
        assert len(await _jobs(bench)) == expected
        bench.clock.advance(1)


async def test_missed_times_are_not_made_up_for(bench: Workbench) -> None:
    bench.on("feeds.poll", marking("polled"))
    await _ensure(bench, FEEDS)
    await bench.runner().sweep()
    await bench.runner().drain(QUEUE)
    bench.clock.advance(600 * 5 + 10)
    await bench.runner().sweep()
    await bench.runner().drain(QUEUE)
    await bench.runner().sweep()
    assert len(await _jobs(bench)) == 2


async def test_a_schedule_whose_last_job_is_pending_queues_no_other(bench: Workbench) -> None:
    await _ensure(bench, FEEDS)
    await bench.runner().sweep()
    bench.clock.advance(700)
    await bench.runner().sweep()
    assert len(await _jobs(bench)) == 1


async def test_schedules_can_be_ensured_again(bench: Workbench) -> None:
    await _ensure(bench, FEEDS, Schedule("gone", QUEUE, "gone", {}, every_s=60))
    await bench.runner().sweep()
    await _ensure(bench, FEEDS)
    await bench.runner().sweep()
    assert sorted(job.kind for job in await _jobs(bench)) == ["feeds.poll", "gone"]
    bench.on("feeds.poll", marking("polled"))
    bench.on("gone", marking("gone"))
    await bench.runner().drain(QUEUE)
    await _ensure(bench, Schedule("poll feeds", QUEUE, "feeds.poll", {}, every_s=60))
    bench.clock.advance(60)
    await bench.runner().sweep()
    assert [job.kind for job in await _jobs(bench) if job.state == "queued"] == ["feeds.poll"]
