"""What `make bench-faults` measures, in a short form: nothing that was accepted is lost or done twice."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.faults import scenarios
from tests.faults.load import Load
from tests.faults.scenarios import SHORT, loaded

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
async def load(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Load]:
    """One house for all: what an earlier test has sent in must still be there at the end of the last."""
    async with loaded(tmp_path_factory.mktemp("faults") / "var", SHORT, seed=1) as made:
        yield made


async def test_killed_workers_cost_nothing(load: Load) -> None:
    done = await scenarios.kills(load, kills=3, sources=12, pace=SHORT)
    assert done.verdict.well, done
    assert (done.kills, done.never_retaken) == (3, 0)
    assert done.sources >= 12
    assert done.p99_s() <= 60


async def test_a_redis_that_forgets_everything_costs_nothing(load: Load) -> None:
    verdict = await scenarios.flushes(load, flushes=2, sources=8, pace=SHORT)
    assert verdict.well, verdict


async def test_a_postgresql_that_stops_at_once_loses_no_accepted_upload(load: Load) -> None:
    before = len(load.accepted)
    verdict = await scenarios.stops(load, stops=3, pace=SHORT)
    assert verdict.well, verdict
    assert len(load.accepted) > before


async def test_without_leases_the_harness_goes_red(tmp_path: Path) -> None:
    async with loaded(tmp_path / "var", SHORT, seed=1, leases=False) as load:
        done = await scenarios.kills(load, kills=1, sources=8, pace=SHORT)
    assert done.verdict.lost > 0
    assert not done.verdict.well
