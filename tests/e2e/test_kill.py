"""A worker that is killed in mid-ingest costs nothing."""

import time
from pathlib import Path

import psutil
import psycopg
import pytest

from tests.e2e.conftest import add_channel
from tests.installation import Installation, installed

pytestmark = [pytest.mark.data, pytest.mark.timeout(600)]

CHANNEL = "chaincode-podcast"


def _kill_worker(installation: Installation) -> None:
    for process in installation.processes()["worker"]:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue


def _embedding(installation: Installation) -> bool:
    jobs = installation.get("/api/v1/jobs")["jobs"]
    return any(job["state"] == "running" and job["stage"] == "embed" for job in jobs)


def test_kill_of_the_worker_in_mid_ingest(test_data: Path, tmp_path: Path) -> None:
    channel = test_data / "creators" / CHANNEL
    with installed(
        tmp_path / "var", "--no-demo", UNDERSTUDY_JOBS__LEASE_S="3", UNDERSTUDY_JOBS__HEARTBEAT_S="1"
    ) as up:
        add_channel(up, channel)
        up.command("ingest", str(channel), "--creator", CHANNEL, "--no-wait")
        deadline = time.monotonic() + 60
        while not _embedding(up):
            assert time.monotonic() < deadline, "no job came to embedding"
        _kill_worker(up)
    with installed(tmp_path / "var", "--no-demo") as up:
        outcome = up.command("ingest", str(channel), "--creator", CHANNEL)
        states = [source["state"] for source in up.get(f"/api/v1/creators/{CHANNEL}/sources")["sources"]]
        doubled = _doubled_passages(up)
    assert "failed" not in outcome["counts"]
    assert states == ["ready"] * len(list(channel.glob("*.info.json")))
    assert doubled == []


def _doubled_passages(installation: Installation) -> list[tuple[object, ...]]:
    """Passages that stand twice in a source's published generation."""
    with psycopg.connect(installation.database_url()) as connection:
        return connection.execute(
            "SELECT l.source_id, p.text, p.header, l.start_ms FROM retrieval.placements l"
            " JOIN retrieval.passages p ON p.id = l.passage_id"
            " JOIN creators.readable_sources s ON s.id = l.source_id AND s.generation = l.generation"
            " GROUP BY 1, 2, 3, 4 HAVING count(*) > 1"
        ).fetchall()
