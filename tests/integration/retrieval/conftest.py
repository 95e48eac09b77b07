"""A studio for each test."""

import pytest

from creators import Creator
from runtime.database import Database
from tests.integration.retrieval.studio import Studio


@pytest.fixture
def studio(database: Database) -> Studio:
    return Studio(database)


@pytest.fixture
async def bev(studio: Studio) -> Creator:
    return await studio.creator("bev")


@pytest.fixture
async def ada(studio: Studio) -> Creator:
    return await studio.creator("ada")
