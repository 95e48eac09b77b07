"""Celery as the alarm clock: a message only says that a queue has work, SQL chooses the job.

Losing a message costs the time until the next sweep, doubling one costs nothing; so Redis may forget all of it.

The worker's composition root does, before Celery forks:

    app = build_celery(settings)
    bind(app, run, queues=["parse"], settings=settings.jobs)
    app.worker_main(worker_arguments(queues=["parse"], processes=1))

and in each child, on the signal `worker_process_init`, opens one `asyncio.Runner` and in it the database, the
handlers and a `jobs.Runner`; on `worker_process_shutdown` it closes them. `run(work)` is called in the child, in
its main thread, and runs `work(runner)` to its end on that loop. Whoever stops the worker sends SIGTERM to the
worker itself and not to its children: those are told by `bind`, give their leases back, and end.

No task has a time limit of Celery's, because one drain lasts as long as there is work: each job has its own
(`jobs.leases`), and a child whose loop stands still is ended by the kernel (`jobs.watchdog`). A child that has
become too large, or has a job in it that cannot be ended, takes nothing new, waits for the rest, and is replaced.
A process that only queues jobs needs `build_celery` and `CeleryWaker`. The beat is
`app.start(["--quiet", "beat"])`.
"""

# Celery and kombu come without types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, cast
from urllib.parse import parse_qsl, urlencode

import structlog
from billiard.compat import mem_rss
from celery import Celery, signals
from celery.beat import ScheduleEntry, Scheduler
from kombu.entity import Queue
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from jobs.runner import Runner
from jobs.warm_stop import WarmStop
from jobs.watchdog import watchdog
from runtime.errors import UnderstudyError
from runtime.settings import JobSettings, Settings

DRAIN = "jobs.drain"
SWEEP = "jobs.sweep"
SWEEP_QUEUE = "sweep"

# A message that a dead worker had taken comes back after this; a sweep has repaired more by then.
VISIBILITY_S = 60
# A child that has not come up after this is started again.
OPENING_S = 120.0
CONNECT_TIMEOUT_S = 1.0
# Longer than a blocking read of the worker, which is one second.
SOCKET_TIMEOUT_S = 3.0
# How long an accepted upload may wait for a broker that hangs.
WAKE_TIMEOUT_S = 2.0
# A loop that stands still for that many leases has lost all it held; only its process can still be saved.
STILL_FOR_LEASES = 2

Work = Callable[[Runner], Coroutine[Any, Any, None]]

log = structlog.get_logger(__name__)


class CeleryWaker:
    """Sends wake-ups through the broker: the `Waker` of a running system."""

    def __init__(self, app: Celery) -> None:
        self._app = app

    async def wake(self, queue: str) -> None:
        """See `Waker`. A queue in which a wake-up waits already gets no other: that one is read after this call."""
        try:
            async with asyncio.timeout(WAKE_TIMEOUT_S):
                await asyncio.to_thread(_send_unless_waiting, self._app, DRAIN, queue, [queue])
        except (KombuError, RedisError, OSError) as error:
            log.warning("wake_failed", queue=queue, reason=type(error).__name__)


class SparseScheduler(Scheduler):
    """A beat that keeps nothing on disk and sends nothing into a queue where its last message still waits."""

    def apply_async(
        self, entry: ScheduleEntry, producer: Any = None, advance: bool = True, **kwargs: Any
    ) -> Any:
        """Send an entry whose time has come, unless nobody has taken the last one."""
        with self.app.producer_or_acquire() as sender:
            if _waiting(sender.channel, cast("dict[str, str]", entry.options)["queue"]):
                return None
        return super().apply_async(entry, producer=producer, advance=advance, **kwargs)


def _for_kombu(url: str) -> str:
    """The broker's address. Kombu has other words for a socket and its database, and would not look at certificates."""
    scheme, _, rest = url.partition("://")
    place, _, query = rest.partition("?")
    options = dict(parse_qsl(query))
    if scheme == "unix":
        scheme, options = "redis+socket", {"virtual_host": options.pop("db", "0"), **options}
    elif scheme == "rediss":
        options = {"ssl_cert_reqs": "required", **options}
    return f"{scheme}://{place}" + (f"?{urlencode(options, safe='/')}" if options else "")


def build_celery(settings: Settings) -> Celery:
    """The Celery application, for any process. Connects to nothing yet; holds no task before `bind`."""
    app = Celery(
        "understudy", broker=_for_kombu(settings.broker.url.get_secret_value()), set_as_current=False
    )
    app.conf.update(
        accept_content=["json"],
        task_serializer="json",
        result_backend=None,
        result_expires=None,
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_default_queue=SWEEP_QUEUE,
        # Looked at between two messages; `bind` sees to it that a child that is too large comes to an end of its own.
        worker_max_memory_per_child=settings.jobs.child_memory_mb * 1024 or None,
        worker_prefetch_multiplier=1,
        # A child that opens the index and the model on a busy machine is not a dead one.
        worker_proc_alive_timeout=OPENING_S,
        # What would only keep an idle machine busy.
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        # The broker may go and come back; work goes on meanwhile, because its leases are in PostgreSQL.
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        broker_transport_options={
            "visibility_timeout": VISIBILITY_S,
            "socket_connect_timeout": CONNECT_TIMEOUT_S,
            "socket_timeout": SOCKET_TIMEOUT_S,
            # Of a process that sends: it fails at once, and a sweep makes good for it.
            "max_retries": 0,
        },
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        beat_scheduler="jobs.celery_bridge:SparseScheduler",
        beat_schedule={
            SWEEP: {
                "task": SWEEP,
                "schedule": settings.jobs.sweep_s,
                "options": {"queue": SWEEP_QUEUE, "expires": max(1.0, settings.jobs.sweep_s)},
            }
        },
    )
    return app


def bind(app: Celery, run: Callable[[Work], None], *, queues: Sequence[str], settings: JobSettings) -> None:
    """Give the application its tasks, in the process that is to fork; `run` is called in the children.

    Whichever of the worker's `queues` a message names, all of them are worked on.
    """
    stop = WarmStop()
    limit_kb = settings.child_memory_mb * 1024

    def is_worn() -> bool:
        return bool(limit_kb) and mem_rss() > limit_kb

    def drain(queue: str) -> None:
        async def work(runner: Runner) -> None:
            async with watchdog(STILL_FOR_LEASES * settings.lease_s):
                await stop.guard(runner.drain(*queues, is_worn=is_worn))
            if runner.has_stuck or is_worn():
                await asyncio.to_thread(_wake_unless_away, app, DRAIN, queue, [queue])
            if runner.has_stuck:
                # The thread that is stuck would keep the process from any other end. It holds nothing any more.
                log.warning("child_replaced", reason="stuck")
                os.kill(os.getpid(), signal.SIGKILL)

        _run_logged(run, work, "drain_failed")

    def sweep() -> None:
        async def work(runner: Runner) -> None:
            await stop.guard(runner.sweep())

        _run_logged(run, work, "sweep_failed")

    def sweep_at_start(**_: object) -> None:
        # What was given back or left behind at the last stop need not wait for the beat.
        _wake_unless_away(app, SWEEP, SWEEP_QUEUE, [])

    app.task(name=DRAIN)(drain)
    app.task(name=SWEEP)(sweep)
    signals.worker_shutting_down.connect(stop.announce, weak=False)
    signals.worker_process_init.connect(stop.enter_child, weak=False)
    signals.worker_ready.connect(sweep_at_start, weak=False)
    signals.setup_logging.connect(_leave_logging, weak=False)


def worker_arguments(*, queues: Sequence[str], processes: int) -> list[str]:
    """For `app.worker_main`: these queues and the sweeps, in `processes` children."""
    return [
        "--quiet",
        "worker",
        "--pool=prefork",
        f"--concurrency={processes}",
        f"--queues={','.join([*queues, SWEEP_QUEUE])}",
        "--without-gossip",
        "--without-mingle",
        "--without-heartbeat",
    ]


def _run_logged(run: Callable[[Work], None], work: Work, event: str) -> None:
    try:
        run(work)
    except UnderstudyError as error:
        log.warning(event, code=error.code)


def _leave_logging(**_: object) -> None:
    """Keep Celery from setting up logging, which the composition root has done."""


def _send_unless_waiting(app: Celery, task: str, queue: str, args: list[str]) -> None:
    with app.producer_or_acquire() as producer:
        if _waiting(producer.channel, queue) == 0:
            app.send_task(task, args, queue=queue, producer=producer, retry=False, ignore_result=True)


def _wake_unless_away(app: Celery, task: str, queue: str, args: list[str]) -> None:
    try:
        _send_unless_waiting(app, task, queue, args)
    except (KombuError, RedisError, OSError) as error:
        log.warning("wake_failed", queue=queue, reason=type(error).__name__)


def _waiting(channel: Any, queue: str) -> int:
    """How many messages nobody has taken yet."""
    return Queue(queue, channel=channel).queue_declare().message_count
