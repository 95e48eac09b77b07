"""Fakes of the ports that `jobs` owns."""

from jobs.types import Job
from runtime.database import Transaction


class NullWaker:
    """Wakes nobody."""

    async def wake(self, queue: str) -> None:
        """Do nothing."""


class RecordingWaker:
    """Remembers the queues it was asked to wake, in order."""

    def __init__(self) -> None:
        self.woken: list[str] = []

    async def wake(self, queue: str) -> None:
        """Note the queue."""
        self.woken.append(queue)


class RecordingContext:
    """A `JobContext` whose lease is never lost; remembers each report of progress."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self.reports: list[tuple[str, int, int]] = []

    @property
    def job(self) -> Job:
        return self._job

    async def progress(self, stage: str, done: int, total: int) -> None:
        """Note the report."""
        self.reports.append((stage, done, total))

    async def fence(self, tx: Transaction) -> None:
        """Let the transaction be."""
