"""The scenarios: each on a house of its own, each with a verdict."""

import asyncio
import math
import time
from collections.abc import Sequence
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
    Held,
    Load,
    Verdict,
    held_by,
    judge,
    retaken_after_s,
    running_pids,
    settle,
)
from tests.faults.worker import NO_LEASE, PORT, WAIT

# How long one job of the second worker's scenario waits for the outside.
WAIT_S = 0.25
# What a worker may take to come up on a machine that has other things to do.
START_S = 120


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
        return 3 * (self.lease_s + self.sweep_s) + 15


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


async def kills(var: Path, *, kills: int, sources: int, pace: Pace, seed: int, leases: bool = True) -> Killed:
    """`kill -9` of workers, children alone and whole ones, while they work."""
    chance = Random(seed)  # noqa: S311 - nothing secret
    environ = pace.environ() | ({} if leases else {NO_LEASE: "1"})
    held: list[Held] = []
    async with housed(var, **environ) as house:
        load = Load(house, chance)
        await load.open()
        done = 0
        for number in range(kills):
            await load.send(math.ceil(sources * (number + 1) / kills) - load.sent)
            victim = await _at_work(house, load, pace)
            if victim is None:
                break
            await asyncio.sleep(chance.uniform(0, 0.3))
            at = datetime.now(UTC)
            having = await running_pids(house.database)
            pids = house.kill_worker(
                victim if victim in having else chance.choice(having or [victim]), whole=chance.random() < 0.3
            )
            held += await held_by(house.database, pids, at)
            done += bool(pids)
        await settle(house.database, patience_s=pace.patience_s)
        waited = [await retaken_after_s(house.database, one) for one in held]
        verdict = await judge(load)
    retaken = tuple(one for one in waited if one is not None)
    return Killed(verdict, len(load.accepted), done, retaken, len(waited) - len(retaken))


async def _at_work(house: House, load: Load, pace: Pace) -> int | None:
    """A process that has a job; more is sent when nothing is left to do. None when nobody works any more."""
    deadline = time.monotonic() + pace.patience_s + START_S
    while time.monotonic() < deadline:
        if pids := await running_pids(house.database):
            live = [pid for pid in pids if _lives(house, pid)]
            if live:
                return load.random.choice(live)
        if await settle(house.database, patience_s=0.3):
            await load.send(2)
        await asyncio.sleep(0.05)
    return None


def _lives(house: House, pid: int) -> bool:
    return any(pid in children_of(worker.pid) for worker in house.workers)


async def flushes(var: Path, *, flushes: int, sources: int, pace: Pace, seed: int) -> tuple[Verdict, int]:
    """Redis forgets everything and is started again in mid-ingest; the verdict, and how many were accepted."""
    chance = Random(seed)  # noqa: S311 - nothing secret
    async with housed(var, **pace.environ()) as house:
        load = Load(house, chance)
        await load.open()
        for number in range(flushes):
            await load.send(math.ceil(sources * (number + 1) / flushes) - load.sent)
            await _at_work(house, load, pace)
            await asyncio.sleep(chance.uniform(0, 0.5))
            await house.flush()
        await settle(house.database, patience_s=pace.patience_s)
        return await judge(load), len(load.accepted)


async def stops(var: Path, *, stops: int, pace: Pace, seed: int) -> tuple[Verdict, Load]:
    """PostgreSQL is stopped at once and started again while items keep coming in."""
    chance = Random(seed)  # noqa: S311 - nothing secret
    async with housed(var, **pace.environ()) as house:
        load = Load(house, chance)
        await load.open()
        ended = asyncio.Event()

        async def keep_sending() -> None:
            while not ended.is_set():
                await load.send(1)
                await asyncio.sleep(chance.uniform(0.1, 0.4))

        sending = asyncio.create_task(keep_sending())
        for _ in range(stops):
            await asyncio.sleep(chance.uniform(0.5, 2.5))
            await house.stop_postgres()
        ended.set()
        await sending
        await settle(house.database, patience_s=pace.patience_s)
        return await judge(load), load


async def accepting(var: Path, *, uploads: int, seed: int) -> float:
    """p95 of accepting an upload, in seconds, one after the other, while the workers work."""
    async with housed(var, workers=1) as house:
        load = Load(house, Random(seed))  # noqa: S311 - nothing secret
        await load.open()
        await load.send(uploads)
        return percentile(load.took_s, 0.95)


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
