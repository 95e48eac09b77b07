"""How a child learns that its worker stops."""

import asyncio

import pytest

from jobs.warm_stop import WarmStop


@pytest.fixture
def stop() -> WarmStop:
    return WarmStop()


async def test_work_that_ends_is_left_alone(stop: WarmStop) -> None:
    async def work() -> int:
        await asyncio.sleep(0)
        return 7

    assert await stop.guard(work()) == 7


async def test_work_may_tidy_up_when_the_worker_stops(stop: WarmStop) -> None:
    tidied: list[str] = []
    begun = asyncio.Event()

    async def work() -> None:
        try:
            begun.set()
            await asyncio.Event().wait()
        finally:
            for step in ("one", "two"):
                await asyncio.sleep(0)
                tidied.append(step)

    guarded = asyncio.create_task(stop.guard(work()))
    await begun.wait()
    stop.announce()
    assert await guarded is None
    assert tidied == ["one", "two"]


async def test_work_that_comes_after_does_not_begin(stop: WarmStop) -> None:
    stop.announce()
    async with asyncio.timeout(5):
        assert await stop.guard(asyncio.Event().wait()) is None


async def test_being_cancelled_otherwise_is_passed_on(stop: WarmStop) -> None:
    guarded = asyncio.create_task(stop.guard(asyncio.Event().wait()))
    await asyncio.sleep(0)
    guarded.cancel()
    with pytest.raises(asyncio.CancelledError):
        await guarded
