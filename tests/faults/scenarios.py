"""The scenarios: each takes the load of a house, and most end with a verdict on all of it."""

import asyncio
import math
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from jobs import JobQueue, NewJob
from jobs.celery_bridge import CeleryWaker, build_celery
from runtime.clock import SystemClock
from runtime.settings import load_settings
from tests.faults.house import House, children_of, housed
from tests.faults.load import (
    START_S,
    Held,
    Load,
    Verdict,
    held_by,
    judge,
    open_pids,
    pending,
    retaken_after_s,
    running_pids,
    settle,
)
from tests.faults.worker import HELLO, NO_LEASE, PORT, WAIT

# How long one job of the second worker's scenario waits for the outside.
WAIT_S = 0.25
# How often a kill takes the worker with its children, and not one of these alone.
WHOLE = 0.3


@dataclass(frozen=True)
class Pace:
    """The times of leases; the product's own unless a run is to be short."""

    lease_s: float = 30
    heartbeat_s: float = 8
    sweep_s: float = 5

    def environ(self) -> dict[str, str]:
        return {
            "UNDERSTUDY_JOBS__LEASE_S": str(self.lease_s),
            "UNDERSTUDY_JOBS__HEARTBEAT_S": str(self.heartbeat_s),
            "UNDERSTUDY_JOBS__SWEEP_S": str(self.sweep_s),
        }

    @property
    def patience_s(self) -> float:
        """Longer than a worker needs to come up and a lease to expire."""
        return 3 * (self.lease_s + self.sweep_s) + 45


SHORT = Pace(lease_s=5, heartbeat_s=1, sweep_s=1)


@dataclass(frozen=True)
class Killed:
    """What kills cost. `retaken_s`: how long each job that lost its worker waited for the next."""

    verdict: Verdict
    sources: int
    kills: int
    retaken_s: tuple[float, ...]
    never_retaken: int

    def p99_s(self) -> float:
        return percentile(self.retaken_s, 0.99)


async def kills(load: Load, *, kills: int, sources: int, pace: Pace) -> Killed:
    """`kill -9` of workers, children alone and whole ones, while they work."""
    house, chance, before = load.house, load.random, len(load.accepted)
    held: list[Held] = []
    done = 0
    for number in range(kills):
        await load.send(math.ceil(sources * (number + 1) / kills) - math.ceil(sources * number / kills))
        if await _at_work(load, pace) is None:
            break
        await asyncio.sleep(chance.uniform(0, 0.3))
        if (victim := await _at_work(load, pace)) is None:
            break
        pids = house.kill_worker(victim, whole=chance.random() < WHOLE)
        held += await held_by(house.database, pids, datetime.now(UTC))
        done += bool(pids)
    await settle(house.database, patience_s=pace.patience_s)
    waited = [await retaken_after_s(house.database, one) for one in held]
    retaken = tuple(one for one in waited if one is not None)
    accepted = len(load.accepted) - before
    return Killed(await judge(load), accepted, done, retaken, len(waited) - len(retaken))


async def _at_work(load: Load, pace: Pace) -> int | None:
    """A living process that has a job, beside another that has had one; None when nobody works any more.

    Where all are killed at once, what is measured is how fast a process starts. More is sent when nothing is left.
    """
    house = load.house
    queue = _queue(house)
    deadline = time.monotonic() + pace.patience_s + START_S
    while time.monotonic() < deadline:
        alive = {pid for worker in house.workers for pid in children_of(worker.pid)}
        at_work = alive.intersection(await running_pids(house.database))
        is_open = len(alive.intersection(await open_pids(house.database))) > 1
        if at_work and is_open:
            return load.random.choice(sorted(at_work))
        if not await pending(house.database):
            if is_open:
                await load.send(2)
            else:
                await _greet(house, queue)
        await asyncio.sleep(0.02 if is_open else 0.2)
    return None


async def _greet(house: House, queue: JobQueue) -> None:
    """Give more jobs than one process has places for, which cost nothing, so that another one shows itself."""
    async with house.database.transaction() as tx:
        for number in range(8):
            await queue.enqueue(tx, NewJob("parse", HELLO, f"key {number % 3}", {}))


async def flushes(load: Load, *, flushes: int, sources: int, pace: Pace) -> Verdict:
    """Redis forgets everything and is started again in mid-ingest."""
    for number in range(flushes):
        await load.send(math.ceil(sources * (number + 1) / flushes) - math.ceil(sources * number / flushes))
        await _at_work(load, pace)
        await asyncio.sleep(load.random.uniform(0, 0.5))
        await load.house.flush()
    await settle(load.house.database, patience_s=pace.patience_s)
    return await judge(load)


async def stops(load: Load, *, stops: int, pace: Pace) -> Verdict:
    """PostgreSQL is stopped at once and started again while items keep coming in."""
    ended = asyncio.Event()

    async def keep_sending() -> None:
        while not ended.is_set():
            await load.send(1)
            await asyncio.sleep(load.random.uniform(0.1, 0.4))

    sending = asyncio.create_task(keep_sending())
    for _ in range(stops):
        await asyncio.sleep(load.random.uniform(0.5, 2.5))
        await load.house.stop_postgres()
    ended.set()
    await sending
    await settle(load.house.database, patience_s=pace.patience_s)
    return await judge(load)


async def accepting(load: Load, *, uploads: int) -> float:
    """p95 of accepting an upload, in seconds, one after the other, while the workers work."""
    load.took_s.clear()
    await load.send(uploads)
    return percentile(load.took_s, 0.95)


@asynccontextmanager
async def loaded(
    var: Path, pace: Pace, *, seed: int, workers: int = 2, leases: bool = True
) -> AsyncGenerator[Load]:
    """A house with creators in it, for the length of a block; without `leases`, workers have none."""
    environ = pace.environ() | ({} if leases else {NO_LEASE: "1"})
    async with housed(var, workers=workers, **environ) as house:
        load = Load(house, Random(seed))  # noqa: S311 - nothing secret
        await load.open()
        yield load


async def second_worker(var: Path, *, jobs: int) -> float:
    """How many times as fast two workers are as one, on jobs that wait for something outside."""

    async def slow(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(WAIT_S)
        writer.close()

    async with await asyncio.start_server(slow, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with housed(var, workers=1, **{PORT: str(port)}) as house:
            alone_s = await _timed(house, jobs)
            house.add_worker()
            await _until_open(house, 2)
            return alone_s / await _timed(house, jobs)


async def _timed(house: House, count: int) -> float:
    """Seconds from queueing so many waiting jobs to the end of the last."""
    await _until_open(house, 1)
    queue = _queue(house)
    began = time.perf_counter()
    async with house.database.transaction() as tx:
        for number in range(count):
            await queue.enqueue(tx, NewJob("parse", WAIT, f"key {number % 3}", {}))
    await settle(house.database, patience_s=120)
    return time.perf_counter() - began


async def _until_open(house: House, workers: int) -> None:
    """Until so many workers have worked: waits for the start of their processes."""
    seen: set[str] = set()
    deadline = time.monotonic() + 120
    while len(seen) < workers and time.monotonic() < deadline:
        queue = _queue(house)
        async with house.database.transaction() as tx:
            for number in range(8 * workers):
                await queue.enqueue(tx, NewJob("parse", WAIT, f"key {number % 3}", {}))
        await settle(house.database, patience_s=60)
        async with house.database.transaction() as tx:
            seen |= set(
                await tx.fetch_values("SELECT DISTINCT worker FROM jobs.jobs WHERE worker IS NOT NULL")
            )


def _queue(house: House) -> JobQueue:
    settings = load_settings(
        {name: value for name, value in house.environ().items() if name.startswith("UNDERSTUDY_")}
    )
    return JobQueue(waker=CeleryWaker(build_celery(settings)), clock=SystemClock(), max_attempts=3)


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest-rank percentile; 0 of nothing."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0
