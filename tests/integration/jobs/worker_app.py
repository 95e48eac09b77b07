"""A worker or beat process, composed as the product's is, with the handlers that the tests need.

python -m tests.integration.jobs.worker_app {worker | beat}
"""

import asyncio
import ctypes
import os
import sys
import time
from collections.abc import Callable, Coroutine
from typing import Any

from celery import signals

from jobs import Effect, Heart, JobContext, JobQueue, Registration, Runner
from jobs.celery_bridge import CeleryWaker, bind, build_celery, worker_arguments
from runtime.clock import SystemClock
from runtime.database import Database, Transaction
from runtime.settings import Settings, load_settings
from runtime.telemetry import configure_logging
from tests.integration.jobs.workbench import QUEUE, mark


class Child:
    """What a forked child owns."""

    def __init__(self, settings: Settings, waker: CeleryWaker) -> None:
        self._settings = settings
        self._waker = waker

    def enter(self, **_: object) -> None:
        self._heart = Heart(self._open_database)
        self._loop = asyncio.Runner()
        self._loop.run(self._open())

    async def _open_database(self) -> Database:
        return await Database.open(self._settings.database.url.get_secret_value(), max_size=1)

    async def _open(self) -> None:
        settings, clock = self._settings, SystemClock()
        await self._heart.__aenter__()
        self._database = await Database.open(settings.database.url.get_secret_value())
        self._runner = Runner(
            database=self._database,
            queue=JobQueue(waker=self._waker, clock=clock, max_attempts=settings.jobs.max_attempts),
            handlers={
                "mark": Registration(self._mark),
                "stuck at first": Registration(self._stuck_at_first),
                "stuck in C": Registration(self._stuck_in_c),
                "stuck in a thread": Registration(self._stuck_in_a_thread),
                "large": Registration(self._large),
                "busy on the loop": Registration(self._busy_on_the_loop),
                "busy in threads": Registration(self._busy_in_threads),
            },
            clock=clock,
            jobs=settings.jobs,
            worker=str(os.getpid()),
            heart=self._heart,
        )

    def run(self, work: Callable[[Runner], Coroutine[Any, Any, None]]) -> None:
        self._loop.run(work(self._runner))

    async def _mark(self, context: JobContext) -> Effect:
        return lambda tx: mark(tx, str(context.job.payload["what"]))

    async def _stuck_in_c(self, _: JobContext) -> Effect:
        """Stands still in a C function that keeps the interpreter's lock, so that not even a thread goes on."""
        if await self._is_first():
            ctypes.PyDLL(None).sleep(600)
        return lambda tx: mark(tx, "done")

    async def _stuck_in_a_thread(self, _: JobContext) -> Effect:
        if await self._is_first():
            await asyncio.to_thread(time.sleep, 600)
        return lambda tx: mark(tx, "done")

    async def _busy_on_the_loop(self, _: JobContext) -> Effect:
        await self._is_first()
        self._spin()
        return lambda tx: mark(tx, "done")

    async def _busy_in_threads(self, _: JobContext) -> Effect:
        await self._is_first()
        await asyncio.gather(*(asyncio.to_thread(self._spin) for _ in range(4)))
        return lambda tx: mark(tx, "done")

    def _spin(self) -> None:
        """Keep a processor busy for longer than a lease, and not for so long that the watchdog bites."""
        until = time.monotonic() + 1.5 * self._settings.jobs.lease_s
        while time.monotonic() < until:
            pass

    async def _large(self, _: JobContext) -> Effect:
        self._ballast = bytearray(300 * 2**20)
        return lambda tx: mark(tx, f"pid {os.getpid()}")

    async def _is_first(self) -> bool:
        """Whether no process had this job before; tells the process id."""
        async with self._database.transaction() as tx:
            others = await tx.fetch_value("SELECT count(*) FROM marks WHERE what LIKE 'pid %%'")
            await mark(tx, f"pid {os.getpid()}")
        return not others

    async def _stuck_at_first(self, context: JobContext) -> Effect:
        """Tells its process id; goes on only in the second process that has it."""

        async def effect(tx: Transaction) -> None:
            await mark(tx, "done")

        if await self._is_first():
            await asyncio.Event().wait()
        return effect


def main() -> None:
    settings = load_settings()
    configure_logging(settings.log, process="test worker")
    app = build_celery(settings)
    child = Child(settings, CeleryWaker(app))
    bind(app, child.run, queues=[QUEUE], settings=settings.jobs)
    if sys.argv[1] == "beat":
        app.start(["beat"])
    else:
        signals.worker_process_init.connect(child.enter)
        app.worker_main(worker_arguments(queues=[QUEUE], processes=1))


if __name__ == "__main__":
    main()
