"""Keeping services running: started in order, restarted when they die, stopped in reverse order."""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

import structlog

from apps.supervisor.logfiles import last_lines
from apps.supervisor.readiness import how_it_ended
from apps.supervisor.service import GRACE_S, Service
from runtime.clock import Clock
from runtime.errors import Unavailable

log = structlog.get_logger(__name__)


class State(StrEnum):
    """What a service is doing."""

    STARTING = "starting"
    READY = "ready"
    RESTARTING = "restarting"
    FAILING = "failing"
    """It has died several times in a row. It is still tried again, with the longest pause."""
    STOPPING = "stopping"
    STOPPED = "stopped"


OnChange = Callable[[str, State, str], None]
"""Called with the name of a service, its new state, and a sentence or lines for people ("" if there is nothing
to say)."""


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """How a dead service comes back. Times in seconds.

    The pause doubles from `first_s` to `longest_s`, each time shortened by up to a half at random, so that
    services which died together do not come back together. One that was up for `settled_s` starts anew.
    """

    first_s: float = 0.5
    longest_s: float = 30.0
    settled_s: float = 30.0
    failing_after: int = 3
    """So many deaths in a row are a crash loop."""


@dataclass(slots=True)
class _Kept:
    service: Service
    deaths: int = 0
    ready_since: float = 0.0
    was_ready: bool = False


class Supervisor:
    """Keeps what it has started running until `stop`."""

    def __init__(
        self,
        *,
        on_change: OnChange,
        clock: Clock,
        policy: RestartPolicy | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """`sleep` waits for so many seconds; `chance` gives a number from 0 to 1."""
        self._on_change = on_change
        self._clock = clock
        self._policy = policy or RestartPolicy()
        self._sleep = sleep
        self._chance = chance
        self._groups: list[tuple[Service, ...]] = []
        self._keepers: list[asyncio.Task[None]] = []

    async def start(self, *services: Service) -> None:
        """Start services side by side; returns when all of them can be used.

        Raises what makes one of them impossible, Unavailable `service_keeps_failing` among it. What has been
        started then is left to `stop`.
        """
        self._groups.append(services)
        starts = [asyncio.create_task(self._begin(service)) for service in services]
        try:
            await asyncio.gather(*starts)
        finally:
            await _cancel(starts)

    async def stop(self, grace_s: float = GRACE_S) -> None:
        """Stop all, the latest started first; each gets `grace_s` seconds to end in order.

        May be called again while it runs, with less patience.
        """
        await _cancel(self._keepers)
        for group in reversed(self._groups):
            await asyncio.gather(*(self._end(service, grace_s) for service in group))
        self._groups.clear()

    async def broken(self) -> None:
        """Wait until something happens that no restart can mend, and raise it."""
        done, _ = await asyncio.wait(self._keepers, return_when=asyncio.FIRST_COMPLETED)
        for keeper in done:
            keeper.result()

    async def _begin(self, service: Service) -> None:
        kept = _Kept(service)
        await self._bring_up(kept)
        self._keepers.append(asyncio.create_task(self._keep(kept)))

    async def _keep(self, kept: _Kept) -> None:
        while True:
            status = await kept.service.exited()
            if self._clock.monotonic() - kept.ready_since >= self._policy.settled_s:
                kept.deaths = 0
            await self._after_death(kept, how_it_ended(status))
            await self._bring_up(kept)

    async def _bring_up(self, kept: _Kept) -> None:
        """Start a service, again and again until it can be used."""
        while True:
            self._report(kept.service, State.STARTING)
            try:
                await kept.service.start()
            except Unavailable as error:
                await self._after_death(kept, str(error), error)
            else:
                kept.ready_since = self._clock.monotonic()
                kept.was_ready = True
                self._report(kept.service, State.READY)
                return

    async def _after_death(self, kept: _Kept, reason: str, cause: Unavailable | None = None) -> None:
        """Count it, say it, and pause before the next try; give up if the service never came up."""
        service = kept.service
        kept.deaths += 1
        log.warning("service_died", service=service.name, deaths=kept.deaths)
        if kept.deaths >= self._policy.failing_after:
            said = "\n".join([reason, *last_lines(service.log)])
            self._report(service, State.FAILING, said)
            if not kept.was_ready:
                raise Unavailable(
                    "service_keeps_failing",
                    f"{service.name} does not start: {said}",
                    next_step=f"Its log is {service.log}.",
                ) from cause
        pause = self._pause(kept.deaths)
        self._report(service, State.RESTARTING, f"{reason.rstrip('.')}; next try in {pause:.1f} s")
        await self._sleep(pause)

    def _pause(self, deaths: int) -> float:
        doublings = min(deaths - 1, 16)  # far past the longest pause, and far from an overflow
        longest = min(self._policy.longest_s, self._policy.first_s * 2**doublings)
        return longest * (0.5 + self._chance() / 2)

    async def _end(self, service: Service, grace_s: float) -> None:
        self._report(service, State.STOPPING)
        await service.stop(grace_s)
        self._report(service, State.STOPPED)

    def _report(self, service: Service, state: State, detail: str = "") -> None:
        # A terminal that was closed must not keep the services from being stopped.
        with contextlib.suppress(OSError):
            self._on_change(service.name, state, detail)


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
