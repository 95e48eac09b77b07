"""The origins of this installation: the one place where they are made from the settings.

The gateway, too, has them, to recognise addresses: an adapter must load what is heavy with its first `fetch` or
`discover`, never with its import.
"""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

from ingestion import Origins
from ingestion.origins.types import Origin
from runtime.http import OutsideClient
from runtime.settings import Settings


@asynccontextmanager
async def open_origins(settings: Settings) -> AsyncGenerator[Origins]:
    """Open what the settings name; everything is closed at the end of the block."""
    async with AsyncExitStack() as stack:
        outside = outside_client(settings)
        stack.push_async_callback(outside.aclose)
        # In the order in which they are asked: YouTube, podcasts, and last the web, which takes every address left.
        origins: list[Origin] = []
        yield Origins(origins)


def outside_client(settings: Settings) -> OutsideClient:
    """The guarded client that adapters fetch with; closing it belongs to the caller."""
    pairs = (pair.rpartition(":") for pair in settings.origins.trusted)
    return OutsideClient(trusted=frozenset((host, int(port)) for host, _, port in pairs))
