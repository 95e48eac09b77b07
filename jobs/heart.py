"""Renewing leases from a thread of its own, which work that keeps the processor or the event loop busy does not stop.

On the loop of the jobs a heartbeat would wait for whatever a job does there. And a worker gives way to other processes
(it has a niceness), which on a full machine could make it wait for longer than a lease lasts; on Linux a thread that was
started before its process became nice does not wait for those.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from typing import Any, Self

from runtime.database import Database


class Heart:
    """A thread with an event loop, from here to `stop()`; within `async with` it has a database of its own, too."""

    def __init__(self, open_database: Callable[[], Awaitable[Database]]) -> None:
        """`open_database` is awaited on the thread's loop. The thread is as nice as the one that calls this."""
        self._open_database = open_database
        self._database: Database | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="heart", daemon=True)
        self._thread.start()

    async def __aenter__(self) -> Self:
        """Raises as `open_database` does."""
        self._database = await self._there(_awaited(self._open_database()))
        return self

    async def __aexit__(self, *_: object) -> None:
        database, self._database = self._database, None
        if database is not None:
            await self._there(database.close())

    def stop(self) -> None:
        """End the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def begin(self, beat: Callable[[Database], Coroutine[Any, Any, None]]) -> "Future[None]":
        """Run `beat` on the thread's loop, with its database; to be cancelled when it is needed no longer."""
        assert self._database is not None  # noqa: S101 - within `async with`
        return asyncio.run_coroutine_threadsafe(beat(self._database), self._loop)

    async def _there(self, work: Coroutine[Any, Any, Any]) -> Any:
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))


async def _awaited(opening: Awaitable[Database]) -> Database:
    return await opening
