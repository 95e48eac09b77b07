"""Watching: each change is told at once, on one connection for however many watch, and without it by looking."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
from structlog.testing import capture_logs

from jobs import Job, JobContext, JobWatch
from runtime.errors import Defect, NotFound
from runtime.ids import JobId, new_id
from tests.integration.jobs.workbench import QUEUE, Gate, Workbench, marking, until

LONG_S = 600.0


@pytest.fixture
async def watch(bench: Workbench) -> AsyncIterator[JobWatch]:
    """One that is told of changes, and would look only long after."""
    made = JobWatch(database=bench.database, queue=bench.queue, poll_s=LONG_S)
    yield made
    await made.close()


async def _listeners(bench: Workbench) -> int:
    async with bench.database.transaction() as tx:
        return await tx.fetch_value(
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%%' AND datname = current_database()"
        )


async def _listening(bench: Workbench) -> None:
    async def listens() -> bool:
        return await _listeners(bench) == 1

    await until(listens)


async def _follow(watch: JobWatch, job_id: JobId) -> list[Job]:
    return [job async for job in watch.follow(job_id)]


async def test_changes_are_told_until_the_end(bench: Workbench, watch: JobWatch) -> None:
    async def handle(context: JobContext) -> None:
        await context.progress("embed", 1, 2)

    bench.on("mark", handle)
    job_id = await bench.add()
    async with asyncio.timeout(20), aclosing(watch.follow(job_id)) as states:
        first = await anext(states)
        assert (first.state, first.position) == ("queued", 1)
        await _listening(bench)
        await bench.claim()
        assert (await anext(states)).state == "running"
        async with bench.database.transaction() as tx:
            await bench.queue.prioritise(tx, job_id, 3)
        assert (await anext(states)).priority == 3
        bench.clock.advance(60)
        await bench.runner().sweep()
        await bench.runner().drain(QUEUE)
        rest = [job async for job in states]
    assert rest[-1].state == "succeeded"
    assert all(job.finished_at is None for job in rest[:-1])


async def test_a_hundred_watchers_share_one_connection(bench: Workbench, watch: JobWatch) -> None:
    gate = Gate()
    bench.on("mark", gate)
    job_ids = [await bench.add() for _ in range(4)]
    watching = [asyncio.create_task(_follow(watch, job_ids[n % 4])) for n in range(100)]
    await _listening(bench)
    drain = asyncio.create_task(bench.runner().drain(QUEUE))
    await gate.begun.wait()
    assert await _listeners(bench) == 1
    gate.let.set()
    async with asyncio.timeout(30):
        assert await drain == 4
        seen = await asyncio.gather(*watching)
    assert {states[-1].state for states in seen} == {"succeeded"}

    async def hung_up() -> bool:
        return await _listeners(bench) == 0

    await until(hung_up)


async def test_what_nobody_told_of_is_found_by_looking(bench: Workbench) -> None:
    """The server has dropped the listener; and a position changes when others are taken."""
    watch = JobWatch(database=bench.database, queue=bench.queue, poll_s=0.05)
    first, second = await bench.add(), await bench.add()
    async with asyncio.timeout(20), aclosing(watch.follow(second)) as states:
        assert (await anext(states)).position == 2
        await _listening(bench)
        async with bench.database.transaction() as tx:
            await tx.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%%'"
                " AND datname = current_database()"
            )
        assert await bench.claim() == first
        assert (await anext(states)).position == 1
        await _listening(bench)  # again
    await watch.close()


async def test_a_job_that_has_ended_is_told_once_and_one_that_is_none_is_refused(
    bench: Workbench, watch: JobWatch
) -> None:
    bench.on("mark", marking("x"))
    job_id = await bench.add()
    await bench.runner().drain(QUEUE)
    assert [job.state for job in await _follow(watch, job_id)] == ["succeeded"]
    with pytest.raises(NotFound):
        await _follow(watch, JobId(new_id()))


async def test_a_watch_that_breaks_lets_nobody_wait_and_begins_again(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id, queue = await bench.add(), bench.queue
    watch = JobWatch(database=bench.database, queue=queue, poll_s=0.01)
    with monkeypatch.context() as broken:
        broken.setattr(queue, "several", None)
        with capture_logs() as logs, pytest.raises(Defect) as caught:
            async with asyncio.timeout(20):
                await _follow(watch, job_id)
    assert caught.value.code == "watch_broken"
    assert [line["event"] for line in logs] == ["watch_broken"]
    bench.on("mark", marking("x"))
    async with asyncio.timeout(20), aclosing(watch.follow(job_id)) as states:
        assert (await anext(states)).state == "queued"
        await bench.runner().drain(QUEUE)
        assert [job async for job in states][-1].state == "succeeded"
    await watch.close()
