"""Putting work in, and looking at it."""

import asyncio

import pytest

from jobs import NewJob
from runtime.errors import NotFound
from runtime.ids import JobId, new_id
from tests.integration.jobs.workbench import QUEUE, Workbench, marking


async def test_a_wake_up_goes_out_after_the_commit_once_a_queue(bench: Workbench) -> None:
    async with bench.database.transaction() as tx:
        queue = bench.queue
        for number in range(50):
            await queue.enqueue(tx, NewJob(QUEUE, "mark", "a", {"number": number}))
        await queue.enqueue(tx, NewJob("other", "mark", "a", {}))
        assert bench.waker.woken == []
    assert bench.waker.woken == [QUEUE, "other"]


async def test_what_is_rolled_back_wakes_nobody(bench: Workbench) -> None:
    with pytest.raises(KeyError):
        async with bench.database.transaction() as tx:
            job_id = await bench.queue.enqueue(tx, NewJob(QUEUE, "mark", "a", {}))
            raise KeyError
    assert bench.waker.woken == []
    with pytest.raises(NotFound, match="no such job"):
        await bench.job(job_id)


async def test_of_one_dedupe_key_one_job_is_pending(bench: Workbench) -> None:
    bench.on("mark", marking("x"))
    first = await bench.add(dedupe_key="source")
    assert await bench.add(dedupe_key="source") == first
    assert await bench.add(dedupe_key="source", kind="other") != first
    await bench.claim()
    assert await bench.add(dedupe_key="source") == first
    async with bench.database.transaction() as tx:
        await tx.execute("UPDATE jobs.jobs SET state = 'failed', lease_token = NULL, lease_expires_at = NULL")
    assert await bench.add(dedupe_key="source") != first


async def test_of_one_dedupe_key_one_job_is_pending_though_many_add_it(bench: Workbench) -> None:
    added = await asyncio.gather(*(bench.add(dedupe_key="source") for _ in range(15)))
    assert len(set(added)) == 1


async def test_adding_does_not_wait_for_a_job_that_is_just_ending(bench: Workbench) -> None:
    """Its effect may wait for a lock that whoever adds holds: neither would ever go on."""
    first = await bench.add(dedupe_key="source")
    await bench.claim()
    async with bench.database.transaction() as ending:
        await ending.execute(
            "UPDATE jobs.jobs SET state = 'succeeded', lease_token = NULL, lease_expires_at = NULL"
        )
        async with asyncio.timeout(5):
            assert await bench.add(dedupe_key="source") == first


async def test_positions_tell_the_order_in_which_jobs_are_taken(bench: Workbench) -> None:
    added: list[JobId] = [await bench.add(key) for key in ("a", "a", "a", "b", "b", "c")]
    added.append(await bench.add("c", priority=3))
    await bench.claim()
    waiting = [job for job in [await bench.job(job_id) for job_id in added] if job.state == "queued"]
    assert [job.position for job in sorted(waiting, key=lambda job: job.position or 0)] == [1, 2, 3, 4, 5, 6]
    expected = [job.id for job in sorted(waiting, key=lambda job: job.position or 0)]
    assert [await bench.claim() for _ in expected] == expected


async def test_what_waits_for_its_time_has_no_position(bench: Workbench) -> None:
    job_id = await bench.add(run_at=bench.clock.now().replace(hour=1))
    assert (await bench.job(job_id)).position is None


async def test_the_latest_are_listed_first_and_can_be_chosen(bench: Workbench) -> None:
    a, b, c = await bench.add("a"), await bench.add("b"), await bench.add("a")
    await bench.claim()
    async with bench.database.transaction() as tx:
        queue = bench.queue
        everything = await queue.recent(tx, limit=10)
        assert [job.id for job in everything] == [c, b, a]
        assert [job.id for job in await queue.recent(tx, limit=10, state="queued")] == [c, b]
        assert [job.id for job in await queue.recent(tx, limit=1, fairness_key="a")] == [c]
        for length in (8, 36):
            assert [job.id for job in await queue.recent(tx, limit=9, ending=str(b)[-length:])] == [b]


async def test_results_are_of_single_jobs_and_not_of_lists(bench: Workbench) -> None:
    bench.on("mark", marking("x"))
    job_id = await bench.add()
    await bench.runner().drain(QUEUE)
    assert (await bench.job(job_id)).result == {"marked": "x"}
    async with bench.database.transaction() as tx:
        assert [job.result for job in await bench.queue.recent(tx, limit=9)] == [None]


async def test_an_unknown_job_is_said_to_be_unknown(bench: Workbench) -> None:
    with pytest.raises(NotFound) as caught:
        await bench.job(JobId(new_id()))
    assert caught.value.code == "job_not_found"
