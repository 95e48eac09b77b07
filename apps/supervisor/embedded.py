"""The embedded mode: which services there are, in which order, and until when."""

import asyncio
import contextlib
import os
import shutil
import signal
import sys
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from apps.supervisor.leftovers import end_leftover, record_of
from apps.supervisor.lock import RunningState, VarLock
from apps.supervisor.ports import LOOPBACK, ensure_free
from apps.supervisor.postgres import EmbeddedPostgres
from apps.supervisor.processes import FRUGAL, Command
from apps.supervisor.readiness import Probe, http_ready, nearest_host
from apps.supervisor.service import GRACE_S, Program
from apps.supervisor.supervising import OnChange, Supervisor
from apps.supervisor.valkey import EmbeddedValkey
from runtime.clock import SystemClock
from runtime.settings import ROOT, GatewaySettings, Settings

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PROGRAMS = {
    "worker": ("apps.worker",),
    "beat": ("apps.beat",),
    "gateway": ("apps.gateway",),
}

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Running:
    """Everything is up. Whoever called `start_embedded` calls `stop`."""

    state: RunningState
    supervisor: Supervisor
    _owned: AsyncExitStack

    async def stop(self, grace_s: float = GRACE_S) -> None:
        """Stop all children, the latest first, and let go of `var`. Called again: with less patience."""
        await self.supervisor.stop(grace_s)
        await self._owned.aclose()


async def start_embedded(
    settings: Settings,
    *,
    environ: Mapping[str, str],
    migrate: Callable[[str], None],
    on_change: OnChange,
    root: Path = ROOT,
) -> Running:
    """Start everything under `settings.var`: servers, then `migrate(database_url)`, then our own processes.

    The children see `environ` with the URLs added, and find their code in `root`. Raises Conflict `already_running` or `port_taken`, and what
    `Supervisor.start` and `migrate` raise; then nothing is left running.
    """
    async with AsyncExitStack() as stack:
        lock = stack.enter_context(VarLock(settings.var))
        state = RunningState(pid=os.getpid(), gateway_url=_gateway_url(settings.gateway))
        lock.publish(state)
        await asyncio.gather(*(end_leftover(record_of(name, settings.var)) for name in _PROGRAMS))
        _ensure_ports(settings)
        supervisor = Supervisor(on_change=on_change, clock=SystemClock())
        stack.push_async_callback(supervisor.stop)
        postgres, valkey = EmbeddedPostgres(settings.var), EmbeddedValkey(settings.var)
        await supervisor.start(postgres, valkey)
        state = replace(
            state, database_url=postgres.url(), redis_url=valkey.url(0), broker_url=valkey.url(1), ready=True
        )
        await asyncio.to_thread(migrate, state.database_url)
        _empty(_metrics_folder(settings))
        await supervisor.start(*_programs(settings, _child_environ(settings, environ, state), root))
        lock.publish(state)
        return Running(state, supervisor, stack.pop_all())


async def run_embedded(
    settings: Settings,
    *,
    environ: Mapping[str, str],
    migrate: Callable[[str], None],
    on_change: OnChange,
    use: Callable[[Running], Awaitable[Result]],
    root: Path = ROOT,
) -> Result | None:
    """`start_embedded`, then `use`, then stop all. The answer of `use`, or None when a signal came first.

    SIGINT, SIGTERM and SIGHUP cancel `use`; a second one ends the children by force. Belongs in the main thread.
    """

    async def work() -> Result:
        running = await start_embedded(
            settings, environ=environ, migrate=migrate, on_change=on_change, root=root
        )
        try:
            return await _use(running, use)
        finally:
            try:
                await running.stop()
            except asyncio.CancelledError:
                await running.stop(0)
                raise

    working = asyncio.create_task(work())
    with _signals(working.cancel) as came:
        try:
            return await working
        except asyncio.CancelledError:
            if came:
                return None
            raise


async def _use(running: Running, use: Callable[[Running], Awaitable[Result]]) -> Result:
    """Await `use`, unless a service breaks for good first."""
    using = asyncio.ensure_future(use(running))
    breaking = asyncio.create_task(running.supervisor.broken())
    try:
        await asyncio.wait({using, breaking}, return_when=asyncio.FIRST_COMPLETED)
        if breaking.done():
            breaking.result()
        return using.result()
    finally:
        using.cancel()
        breaking.cancel()
        await asyncio.gather(using, breaking, return_exceptions=True)


@contextlib.contextmanager
def _signals(stop: Callable[[], object]) -> Generator[list[signal.Signals]]:
    """Have `stop` called at every signal that asks for the end; gives the list of those that came."""
    came: list[signal.Signals] = []

    def note(number: signal.Signals) -> None:
        came.append(number)
        stop()

    loop = asyncio.get_running_loop()
    # What nohup(1) has us ignore stays ignored.
    numbers = [n for n in _STOP_SIGNALS if n != signal.SIGHUP or signal.getsignal(n) != signal.SIG_IGN]
    for number in numbers:
        loop.add_signal_handler(number, note, number)
    try:
        yield came
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def _ensure_ports(settings: Settings) -> None:
    ensure_free(settings.gateway.host, settings.gateway.port, remedy="Run ./understudy up --port {port}")
    for name, port in (("WORKER", settings.metrics.worker_port), ("BEAT", settings.metrics.beat_port)):
        if port:
            remedy = f"Set UNDERSTUDY_METRICS__{name}_PORT={{port}}, or 0 for no metrics."
            ensure_free(LOOPBACK, port, remedy=remedy)


def _metrics_folder(settings: Settings) -> Path:
    """Where the worker's children, who serve no HTTP, leave their metrics for the worker to show."""
    return settings.var.resolve() / "run" / "worker-metrics"


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def _programs(settings: Settings, environ: Mapping[str, str], root: Path) -> list[Program]:
    metrics = settings.metrics
    environs = {"worker": {**environ, "PROMETHEUS_MULTIPROC_DIR": str(_metrics_folder(settings))}}
    probes: dict[str, Probe | None] = {
        "worker": http_ready(LOOPBACK, metrics.worker_port) if metrics.worker_port else None,
        "beat": http_ready(LOOPBACK, metrics.beat_port) if metrics.beat_port else None,
        "gateway": http_ready(settings.gateway.host, settings.gateway.port),
    }
    return [
        Program(
            name,
            settings.var,
            Command((sys.executable, "-m", *words), environs.get(name, environ), root),
            probe=probes[name],
        )
        for name, words in _PROGRAMS.items()
    ]


def _child_environ(settings: Settings, environ: Mapping[str, str], state: RunningState) -> dict[str, str]:
    """What the children are told by name, so that options of the command line hold for them too."""
    return {
        **environ,
        "PYTHONUNBUFFERED": "1",
        **FRUGAL,
        "UNDERSTUDY_VAR": str(settings.var.resolve()),
        "UNDERSTUDY_GATEWAY__HOST": settings.gateway.host,
        "UNDERSTUDY_GATEWAY__PORT": str(settings.gateway.port),
        "UNDERSTUDY_DATABASE__URL": state.database_url,
        "UNDERSTUDY_REDIS__URL": state.redis_url,
        "UNDERSTUDY_BROKER__URL": state.broker_url,
    }


def _gateway_url(gateway: GatewaySettings) -> str:
    host = nearest_host(gateway.host)
    return f"http://[{host}]:{gateway.port}" if ":" in host else f"http://{host}:{gateway.port}"
