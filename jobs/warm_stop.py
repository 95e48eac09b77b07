"""How the forked children of a worker learn that it stops, so that they can give back what they hold."""

import asyncio
import os
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


class WarmStop:
    """Tells the children of a worker that it is stopping, or gone: a pipe that ends when its one writer does."""

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()
        self._parent = os.getpid()
        self._writing = True

    def announce(self, **_: object) -> None:
        """In the worker: it is to stop."""
        self._close_writer()

    def enter_child(self, **_: object) -> None:
        """In a child, once: the pipe must not stay open because of it."""
        if os.getpid() != self._parent:
            self._close_writer()

    def _close_writer(self) -> None:
        if self._writing:
            self._writing = False
            os.close(self._writer)

    async def guard(self, work: Coroutine[Any, Any, Result]) -> Result | None:
        """Do `work`; cancelled when the worker stops, and then None."""
        loop = asyncio.get_running_loop()
        task = loop.create_task(work)
        stopped = False

        def stop() -> None:
            nonlocal stopped
            stopped = True
            loop.remove_reader(self._reader)
            task.cancel()

        loop.add_reader(self._reader, stop)
        try:
            return await task
        except asyncio.CancelledError:
            if stopped:
                return None
            raise
        finally:
            loop.remove_reader(self._reader)
