"""One thing that the supervisor keeps running, as one child process."""

from pathlib import Path
from typing import Protocol

from apps.supervisor.leftovers import end_leftover, record_of
from apps.supervisor.processes import Child, Command
from apps.supervisor.readiness import Probe, until_ready
from runtime.errors import Defect

GRACE_S = 10.0
READY_S = 60.0


class Service(Protocol):
    """What the supervisor can keep running."""

    @property
    def name(self) -> str:
        """A short word for people."""
        ...

    @property
    def log(self) -> Path:
        """The file its output goes to."""
        ...

    async def start(self) -> None:
        """Start it and return when it can be used. May be called again after it has ended.

        Raises Unavailable when trying again may help, another UnderstudyError when not.
        """
        ...

    async def exited(self) -> int:
        """Wait until it ends; the exit status, or minus the signal."""
        ...

    async def stop(self, grace_s: float = GRACE_S) -> None:
        """End it, by force after `grace_s` seconds. Does nothing when it is not running."""
        ...


class ChildService:
    """The part of a service that is the same for all: a child with its log and its record under `var`."""

    def __init__(self, name: str, var: Path) -> None:
        self.name = name
        self.var = var = var.resolve()  # children have other working directories
        self.log = var / "logs" / f"{name}.log"
        self._record = record_of(name, var)
        self._child: Child | None = None

    async def end_leftover(self) -> None:
        """End what a supervisor that was killed has left of this service."""
        await end_leftover(self._record)

    async def exited(self) -> int:
        """Wait until it ends; the exit status, or minus the signal."""
        if self._child is None:
            raise Defect("not_started", f"{self.name} was not started.")
        return await self._child.exited()

    async def stop(self, grace_s: float = GRACE_S) -> None:
        """End it, by force after `grace_s` seconds. Does nothing when it is not running."""
        if self._child is not None:
            await self._child.stop(grace_s)

    async def _run(self, command: Command, probe: Probe | None, *, ready_s: float) -> int:
        """Start the child and wait until the probe says yes; its process id. Without a probe, it only has to start.

        Raises Unavailable; then the child has ended.
        """
        self._child = child = Child.spawn(command, log=self.log, record=self._record)
        ready = False
        try:
            if probe is not None:
                await until_ready(self.name, probe, child.exited(), timeout_s=ready_s)
            ready = True
        finally:
            if not ready:
                await child.stop(0)
        return child.pid


class Program(ChildService):
    """A service that is one command line."""

    def __init__(
        self, name: str, var: Path, command: Command, *, probe: Probe | None = None, ready_s: float = READY_S
    ) -> None:
        super().__init__(name, var)
        self._command = command
        self._probe = probe
        self._ready_s = ready_s

    async def start(self) -> None:
        """Start it and wait for its probe. Raises Unavailable."""
        await self.end_leftover()
        await self._run(self._command, self._probe, ready_s=self._ready_s)
