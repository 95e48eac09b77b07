"""The wire for a session, YouTube behind it for a test, and the origin as a composition root makes it."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ingestion.origins.youtube.origin import YouTubeOrigin
from ingestion.origins.youtube.processes import Access
from tests.integration.ingestion.youtube.site import Site
from tests.integration.ingestion.youtube.wire import Wire


@pytest.fixture(scope="session")
def _wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    opened = Wire(tmp_path_factory.mktemp("wire"))
    yield opened
    opened.close()


@pytest.fixture
def wire(_wire: Wire) -> Wire:
    _wire.requests.clear()
    _wire.asked.clear()
    _wire.hold = None
    return _wire


@pytest.fixture
def site(wire: Wire) -> Site:
    wire.answer = Site()
    return wire.answer


@pytest.fixture
async def make(wire: Wire) -> AsyncIterator[Callable[..., YouTubeOrigin]]:
    """Make an origin; what belongs to `Access` is told apart by its name."""
    made: list[YouTubeOrigin] = []

    def build(*, proxy: str | None = None, cookie_file: Path | None = None, **named: Any) -> YouTubeOrigin:
        timeout_s = named.pop("timeout_s", 10)
        access = Access(proxy or wire.proxy(), cookie_file, wire.ca_file, timeout_s=timeout_s)
        made.append(YouTubeOrigin(access, **named))
        return made[-1]

    yield build
    for origin in made:
        await origin.aclose()
