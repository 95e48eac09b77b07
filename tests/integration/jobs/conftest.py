"""The workbench on a fresh database."""

import pytest

from runtime.database import Database
from tests.integration.jobs.workbench import Workbench


@pytest.fixture
async def bench(database: Database) -> Workbench:
    async with database.transaction() as tx:
        await tx.execute("CREATE TABLE marks (what text NOT NULL)")
    return Workbench(database)
