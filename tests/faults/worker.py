"""The product's worker with what the harness adds: jobs that only wait or do nothing, and a switch that takes the
leases away.

python -m tests.faults.worker
"""

import asyncio
import os
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

from apps import worker
from jobs import JobContext, Registration, store

WAIT = "faults.wait"
# Whoever has done one has come up.
HELLO = "faults.hello"
# Read here and not by the settings: the product has no such switches.
PORT = "UNDERSTUDY_TEST_WAIT_PORT"
NO_LEASE = "UNDERSTUDY_TEST_NO_LEASE"


async def wait(_: JobContext) -> None:
    """Ask a server that takes its time, as fetching from the network does."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(os.environ[PORT]))
    await reader.read()
    writer.close()


async def hello(_: JobContext) -> None:
    """Do nothing."""


def handlers(core: Any, stack: AsyncExitStack) -> Mapping[str, Registration]:
    from apps.handlers import product_handlers  # noqa: PLC0415 - in the child, as the product's worker does

    return {**product_handlers(core, stack), WAIT: Registration(wait), HELLO: Registration(hello)}


async def _nothing(*_: object) -> list[object]:
    return []


def main() -> None:
    # Nobody waits for an answer here, and a short lease is not to run out because others come first.
    worker.NICENESS = 0
    if os.environ.get(NO_LEASE):
        # A lease that never expires is none: what a dead worker held stays its.
        store.requeue_expired = _nothing
        store.exhausted = _nothing
    worker.main(handlers)


if __name__ == "__main__":
    main()
