"""What `make bench-faults` measures, in a short form: nothing that was accepted is lost or done twice."""

from pathlib import Path

import pytest

from tests.faults import scenarios
from tests.faults.scenarios import SHORT

pytestmark = pytest.mark.timeout(600)


async def test_killed_workers_cost_nothing(tmp_path: Path) -> None:
    done = await scenarios.kills(tmp_path / "var", kills=3, sources=12, pace=SHORT, seed=1)
    assert done.verdict.well, done
    assert (done.kills, done.never_retaken) == (3, 0)
    assert done.sources >= 12
    assert done.p99_s() <= 60


async def test_without_leases_the_harness_goes_red(tmp_path: Path) -> None:
    done = await scenarios.kills(tmp_path / "var", kills=2, sources=8, pace=SHORT, seed=1, leases=False)
    assert done.verdict.lost > 0
    assert not done.verdict.well


async def test_a_redis_that_forgets_everything_costs_nothing(tmp_path: Path) -> None:
    verdict, accepted = await scenarios.flushes(tmp_path / "var", flushes=2, sources=8, pace=SHORT, seed=1)
    assert verdict.well, verdict
    assert accepted == 8


async def test_a_postgresql_that_stops_at_once_loses_no_accepted_upload(tmp_path: Path) -> None:
    verdict, load = await scenarios.stops(tmp_path / "var", stops=3, pace=SHORT, seed=1)
    assert verdict.well, verdict
    assert load.accepted
