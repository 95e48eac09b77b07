"""Ending a process whose event loop stands still, even in C code that holds the interpreter's lock."""

import asyncio
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager


@asynccontextmanager
async def watchdog(limit_s: float) -> AsyncGenerator[None]:
    """Have the kernel end this process by SIGALRM if its loop stands still for `limit_s` seconds in the block.

    The default action of a signal needs nothing of the process, so that nothing in it can be in the way. Belongs in
    the main thread.
    """
    signal.signal(signal.SIGALRM, signal.SIG_DFL)

    async def feed() -> None:
        while True:
            signal.setitimer(signal.ITIMER_REAL, limit_s)
            await asyncio.sleep(limit_s / 4)

    feeding = asyncio.create_task(feed())
    try:
        yield
    finally:
        feeding.cancel()
        await asyncio.wait({feeding})
        signal.setitimer(signal.ITIMER_REAL, 0)
