"""A shelf on the web, and a workshop that reads it through the guarded client."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from creators import Creator
from runtime.database import Database
from runtime.http import OutsideClient
from tests.integration.ingestion.shelf import Shelf, ShelfOrigin, open_shelf
from tests.integration.ingestion.workshop import Workshop


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    with open_shelf() as opened:
        yield opened


@pytest.fixture
async def workshop(database: Database, tmp_path: Path, shelf: Shelf) -> AsyncIterator[Workshop]:
    client = OutsideClient(trusted={("127.0.0.1", shelf.port)})
    yield Workshop(database, tmp_path, [ShelfOrigin(shelf.port, client)])
    await client.aclose()


@pytest.fixture
async def bev(workshop: Workshop) -> Creator:
    return await workshop.creator("bev")
