# pyright: reportUnknownMemberType=false, reportUnknownLambdaType=false
# Celery and redis are typed in part only.
"""The worker process: `python -m apps.worker [--queues parse,embed,speech] [--concurrency N]`.

This is the one bridge between Celery, which is synchronous, and the rest: each prefork child has one
`asyncio.Runner`, and in it everything that the jobs need. That is imported and opened after the fork, because
neither the index nor the model's threads survive one.
"""

import argparse
import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING

import structlog
from celery import Celery, signals

from apps.health import serve_health
from jobs import Heart, Registration, Runner
from jobs.celery_bridge import Work, bind, build_celery, worker_arguments
from runtime.database import Database
from runtime.errors import UnderstudyError
from runtime.settings import Settings, load_settings
from runtime.telemetry import configure_logging, configure_tracing

if TYPE_CHECKING:
    from apps.assembly import Core

# By what the work needs most: see docs/adr/0007.
QUEUES = ("parse", "embed", "speech")
# How often what waits in the outbox is sent on while there is work, in seconds; each sweep does it too.
RELAY_EVERY_S = 5
# How long Redis may be silent before what is being sent waits for the next time: the end of the work waits for it.
SEND_TIMEOUT_S = 5
# About a ninth of the share of processor time that other processes get, when there is not enough for all.
NICENESS = 10

Relay = Callable[[], Awaitable[int]]
Handlers = Callable[["Core", AsyncExitStack], Mapping[str, Registration]]

log = structlog.get_logger(__name__)


class Child:
    """What one prefork child holds from its start to its end."""

    def __init__(self, settings: Settings, handlers: Handlers) -> None:
        self._settings = settings
        self._handlers = handlers
        self._loop: asyncio.Runner | None = None
        self._stack = AsyncExitStack()
        self._opened: tuple[Runner, Relay] | None = None
        self._heart: Heart | None = None

    def open(self, **_: object) -> None:
        """After the fork. What cannot be opened now is tried again with the first work."""
        configure_logging(self._settings.log, process="worker")
        configure_tracing(self._settings.telemetry, process="worker")
        self._heart = Heart(self._database)
        # Where both share a machine, whoever waits for an answer comes first. What is started from here on, threads and
        # processes, is as nice as this thread; on other systems than Linux, so is the heart.
        os.nice(NICENESS)
        self._loop = asyncio.Runner()
        try:
            self._opened = self._loop.run(self._open(self._heart))
        except UnderstudyError as error:
            log.warning("worker_not_open", code=error.code)

    def run(self, work: Work) -> None:
        """Do `work` on this child's loop. Raises what opening raised, when that still fails."""
        if self._loop is None or self._heart is None:
            return
        if self._opened is None:
            self._opened = self._loop.run(self._open(self._heart))
        self._loop.run(work_and_relay(work, *self._opened))

    def close(self, **_: object) -> None:
        """Before the end of the child."""
        if self._loop is not None and self._heart is not None:
            self._loop.run(self._stack.aclose())
            self._loop.close()
            self._heart.stop()

    async def _open(self, heart: Heart) -> tuple[Runner, Relay]:
        from redis.asyncio import Redis

        from apps.assembly import open_core
        from apps.handlers import product_schedules
        from runtime.events import RedisStreamSink, relay

        async with AsyncExitStack() as stack:
            await stack.enter_async_context(heart)
            core = await stack.enter_async_context(open_core(self._settings))
            redis = await stack.enter_async_context(
                Redis.from_url(self._settings.redis.url.get_secret_value(), socket_timeout=SEND_TIMEOUT_S)
            )
            sink = RedisStreamSink(redis)
            handlers = self._handlers(core, stack)
            async with core.database.transaction() as tx:
                await core.queue.ensure_schedules(tx, product_schedules(core))
            self._stack = stack.pop_all()
        runner = Runner(
            database=core.database,
            queue=core.queue,
            handlers=handlers,
            clock=core.clock,
            jobs=self._settings.jobs,
            worker=f"{socket.gethostname()}:{os.getpid()}",
            slots={"speech": self._settings.jobs.speech_concurrency},
            heart=heart,
        )
        return runner, lambda: relay(core.database, sink, now=core.clock.now())

    async def _database(self) -> Database:
        """The one connection of the heart."""
        url = self._settings.database.url.get_secret_value()
        return await Database.open(url, max_size=1, timeout_s=self._settings.database.timeout_s)


async def work_and_relay(work: Work, runner: Runner, relay: Relay) -> None:
    """Do `work`, and send on what waits in the outbox: before, all the while, and after.

    A sink that is away is tried again. Any other error of the relay is logged at once, and raised after the work is done.
    """
    done = asyncio.Event()
    relaying = asyncio.create_task(_relay_until(done, relay))
    try:
        await work(runner)
    finally:
        done.set()
        await relaying


async def _relay_until(done: asyncio.Event, relay: Relay) -> None:
    is_last = False
    try:
        while not is_last:
            is_last = done.is_set()
            await _relay_all(relay)
            with suppress(TimeoutError):
                await asyncio.wait_for(done.wait(), RELAY_EVERY_S)
    except Exception:
        log.exception("relay_broken")
        raise


async def _relay_all(relay: Relay) -> None:
    try:
        while await relay():
            pass
    except UnderstudyError as error:
        log.warning("relay_failed", code=error.code)


def work(app: Celery, settings: Settings, queues: Sequence[str], handlers: Handlers) -> None:
    """Be a worker of these queues until told to stop."""
    child = Child(settings, handlers)
    ready: list[bool] = []
    signals.worker_process_init.connect(child.open, weak=False)
    signals.worker_process_shutdown.connect(child.close, weak=False)
    signals.worker_ready.connect(lambda **_: ready.append(True), weak=False)
    bind(app, child.run, queues=queues, settings=settings.jobs)
    serve_health(settings.metrics.worker_port, lambda: bool(ready))
    app.worker_main(worker_arguments(queues=queues, processes=1))


def _product_handlers(core: "Core", stack: AsyncExitStack) -> Mapping[str, Registration]:
    from apps.handlers import product_handlers

    return product_handlers(core, stack)


def main(handlers: Handlers = _product_handlers) -> None:
    """Be a worker."""
    options = argparse.ArgumentParser(prog="python -m apps.worker")
    options.add_argument("--queues", default=",".join(QUEUES))
    options.add_argument("--concurrency", type=int)
    given = options.parse_args()
    settings = load_settings()
    if given.concurrency:
        jobs = settings.jobs.model_copy(update={"concurrency": given.concurrency})
        settings = settings.model_copy(update={"jobs": jobs})
    configure_logging(settings.log, process="worker")
    work(build_celery(settings), settings, given.queues.split(","), handlers)


if __name__ == "__main__":
    main()
