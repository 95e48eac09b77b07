"""Watching jobs: one connection of the process hears what changes, one read serves all who watch.

PostgreSQL tells of each change that commits (`NOTIFY`, by a trigger); what no change of the job itself tells, such as
its position when others are taken, and what is missed while the server is away, is found by looking again and again.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import replace
from uuid import UUID

import structlog

from jobs.queue import JobQueue
from jobs.types import Job
from runtime.database import Database
from runtime.errors import Defect, UnderstudyError
from runtime.ids import JobId

CHANNEL = "jobs_changed"
# How soon a change is seen that nobody has told of.
POLL_S = 2.0
# A burst of changes is read once.
GATHER_S = 0.1

log = structlog.get_logger(__name__)


class _Watcher:
    """One who watches: the latest state that has not been fetched yet, whatever came in between."""

    def __init__(self) -> None:
        self._latest: Job | None = None
        self._news = asyncio.Event()

    def put(self, job: Job) -> None:
        self._latest = job
        self._news.set()

    def end(self) -> None:
        """There will be no news any more."""
        self._latest = None
        self._news.set()

    async def next(self) -> Job:
        await self._news.wait()
        self._news.clear()
        if self._latest is None:
            raise Defect("watch_broken", "Jobs cannot be watched now.", next_step="Ask for the job itself.")
        return self._latest


class JobWatch:
    """Tells any number of watchers in this process how jobs change. `close()` belongs to whoever made it."""

    def __init__(self, *, database: Database, queue: JobQueue, poll_s: float = POLL_S) -> None:
        self._database = database
        self._queue = queue
        self._poll_s = poll_s
        self._watchers: dict[JobId, set[_Watcher]] = {}
        self._changed: set[JobId] = set()
        self._told = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def follow(self, job_id: JobId) -> AsyncGenerator[Job]:
        """The job as it is, and again at each change, until it has ended. Raises NotFound `job_not_found`.

        States that come faster than they are fetched are left out, never the last one. Raises Defect `watch_broken`.
        """
        watcher = _Watcher()
        self._watchers.setdefault(job_id, set()).add(watcher)
        try:
            self._start()
            async with self._database.transaction() as tx:
                job = await self._queue.get(tx, job_id)
            yield job
            while job.finished_at is None:
                before, job = job, await watcher.next()
                # The expected end is another one at each look: alone it is no change.
                if replace(job, expected_end_at=before.expected_end_at) != before:
                    yield job
        finally:
            self._leave(job_id, watcher)

    async def close(self) -> None:
        """Hang up."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self) -> None:
        if not self._tasks:
            self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._look())]
            for task in self._tasks:
                task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Nobody waits for news of a task that broke; whoever watches next has it begin again."""
        if task.cancelled() or (error := task.exception()) is None:
            return
        log.error("watch_broken", exc_info=error)
        for watchers in self._watchers.values():
            for watcher in watchers:
                watcher.end()
        for other in self._tasks:
            other.cancel()
        self._tasks = []

    def _leave(self, job_id: JobId, watcher: _Watcher) -> None:
        self._watchers[job_id].discard(watcher)
        if not self._watchers[job_id]:
            del self._watchers[job_id]
        if not self._watchers:
            for task in self._tasks:
                task.cancel()
            self._tasks = []

    async def _listen(self) -> None:
        while True:
            try:
                async for payload in self._database.notices(CHANNEL):
                    if (job_id := JobId(UUID(payload))) in self._watchers:
                        self._changed.add(job_id)
                        self._told.set()
            except UnderstudyError as error:
                log.warning("watch_deaf", code=error.code)
            await asyncio.sleep(self._poll_s)

    async def _look(self) -> None:
        """Read what has changed, once for all watchers; every `poll_s` everything that is watched."""
        time = asyncio.get_running_loop().time
        whole_at = time()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(whole_at + self._poll_s):
                    await self._told.wait()
                    await asyncio.sleep(GATHER_S)
            self._told.clear()
            wanted, self._changed = self._changed, set()
            if time() >= whole_at + self._poll_s:
                wanted, whole_at = set(self._watchers), time()
            try:
                await self._read([job_id for job_id in wanted if job_id in self._watchers])
            except UnderstudyError as error:
                log.warning("watch_blind", code=error.code)

    async def _read(self, job_ids: list[JobId]) -> None:
        async with self._database.transaction() as tx:
            jobs = await self._queue.several(tx, job_ids)
        for job in jobs:
            for watcher in self._watchers.get(job.id, ()):
                watcher.put(job)
