"""The worker process, and the beat: `python -m apps.worker [beat]`.

This is the one bridge between Celery, which is synchronous, and the rest: each prefork child has one
`asyncio.Runner`, and in it everything that the jobs need. That is imported and opened after the fork, because
neither the index nor the model's threads survive one.
"""

import asyncio
import os
import socket
import sys
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import structlog
from celery import Celery, signals

from apps.health import serve_health
from jobs import Effect, Handler, JobContext, Registration, Runner, Schedule
from jobs.celery_bridge import Work, bind, build_celery, worker_arguments
from runtime.errors import UnderstudyError
from runtime.settings import Settings, load_settings
from runtime.telemetry import configure_logging, configure_tracing

if TYPE_CHECKING:
    from apps.assembly import Core

INGEST = "ingest"
RELAY = Schedule(name="relay_events", queue=INGEST, kind="runtime.relay_events", payload={}, every_s=10)

log = structlog.get_logger(__name__)


class Child:
    """What one prefork child holds from its start to its end."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._loop: asyncio.Runner | None = None
        self._stack = AsyncExitStack()
        self._runner: Runner | None = None

    def open(self, **_: object) -> None:
        """After the fork. What cannot be opened now is tried again with the first work."""
        configure_logging(self._settings.log, process="worker")
        configure_tracing(self._settings.telemetry, process="worker")
        self._loop = asyncio.Runner()
        try:
            self._runner = self._loop.run(self._open())
        except UnderstudyError as error:
            log.warning("worker_not_open", code=error.code)

    def run(self, work: Work) -> None:
        """Do `work` on this child's loop. Raises what opening raised, when that still fails."""
        if self._loop is None:
            return
        if self._runner is None:
            self._runner = self._loop.run(self._open())
        self._loop.run(work(self._runner))

    def close(self, **_: object) -> None:
        """Before the end of the child."""
        if self._loop is not None:
            self._loop.run(self._stack.aclose())
            self._loop.close()

    async def _open(self) -> Runner:
        from apps.assembly import open_core

        async with AsyncExitStack() as stack:
            core = await stack.enter_async_context(open_core(self._settings))
            handlers = {
                **core.ingestion.registrations(),
                RELAY.kind: Registration(await _relay_handler(core, stack)),
            }
            async with core.database.transaction() as tx:
                await core.queue.ensure_schedules(tx, [RELAY])
            self._stack = stack.pop_all()
        return Runner(
            database=core.database,
            queue=core.queue,
            handlers=handlers,
            clock=core.clock,
            jobs=self._settings.jobs,
            worker=f"{socket.gethostname()}:{os.getpid()}",
        )


async def _relay_handler(core: "Core", stack: AsyncExitStack) -> Handler:
    """Sends what waits in the outbox to the Redis stream."""
    from redis.asyncio import Redis

    from runtime.events import RedisStreamSink, relay

    redis = Redis.from_url(core.settings.redis.url.get_secret_value())
    stack.push_async_callback(redis.aclose)
    sink = RedisStreamSink(redis)

    async def handler(_: JobContext) -> Effect | None:
        await relay(core.database, sink, now=core.clock.now())
        return None

    return handler


def work(app: Celery, settings: Settings) -> None:
    """Be the worker until told to stop."""
    child = Child(settings)
    ready: list[bool] = []
    signals.worker_process_init.connect(child.open, weak=False)
    signals.worker_process_shutdown.connect(child.close, weak=False)
    signals.worker_ready.connect(lambda **_: ready.append(True), weak=False)
    bind(app, child.run)
    serve_health(settings.metrics.worker_port, lambda: bool(ready))
    app.worker_main(worker_arguments(queues=[INGEST], processes=1))


def main() -> None:
    """Be what the arguments say."""
    settings = load_settings()
    is_beat = sys.argv[1:] == ["beat"]
    configure_logging(settings.log, process="beat" if is_beat else "worker")
    app = build_celery(settings)
    if is_beat:
        serve_health(settings.metrics.beat_port, lambda: True)
        app.start(["beat"])
    else:
        work(app, settings)


if __name__ == "__main__":
    main()
