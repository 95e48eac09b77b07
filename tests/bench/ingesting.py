"""How fast content gets in, beside the embedder alone on the same passages in the same run."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg

from tests.bench.figures import Figure, at_most, plain
from tests.bench.memory import PeakMemory
from tests.e2e.conftest import add_channel, channels
from tests.installation import ROOT, Installation


def ingest_all(installation: Installation, data: Path) -> float:
    """Send all channels, wait until all is ready; seconds."""
    began = time.perf_counter()
    for channel in channels(data):
        installation.command("ingest", str(channel), "--creator", channel.name, "--no-wait")
    return time.perf_counter() - began + ingest_again(installation, data)


def ingest_again(installation: Installation, data: Path) -> float:
    """Send all channels, each until it is ready before the next; seconds."""
    began = time.perf_counter()
    for channel in channels(data):
        installation.command("ingest", str(channel), "--creator", channel.name)
    return time.perf_counter() - began


def measure(installation: Installation, data: Path) -> Iterator[Figure]:
    """Ingest everything, then the embedder alone, then everything again."""
    for channel in channels(data):
        add_channel(installation, channel)
    worker = installation.processes()["worker"][0]
    with PeakMemory(psutil.Process(worker.pid)) as memory:
        wall = ingest_all(installation, data)
    alone = embedder_alone(installation)
    yield plain("ingest of all channels", f"{wall:.1f} s")
    yield plain("the embedder alone on the same passages, best of its settings", f"{alone:.1f} s")
    yield at_most("ingest / embedder alone", wall / alone, 1.25, "×")
    yield at_most("peak memory of the worker and its children (PSS)", memory.peak / 2**20, 800, "MB")
    before = _work_done(installation)
    again = ingest_again(installation, data)
    yield at_most("the same again, unchanged", again, 10, "s")
    yield at_most("embeddings, index writes and jobs made by that", _work_done(installation) - before, 0, "")


def embedder_alone(installation: Installation) -> float:
    """Seconds that the model needs for all passages of the installation, in a process of its own."""
    ran = subprocess.run(
        [sys.executable, "-m", "tests.bench.embedder_alone", installation.database_url()],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return float(ran.stdout.strip().splitlines()[-1])


def _work_done(installation: Installation) -> int:
    """Jobs, embeddings and indexed passages so far, each counted once."""
    with psycopg.connect(installation.database_url()) as connection:
        row = connection.execute(
            "SELECT (SELECT count(*) FROM jobs.jobs) + (SELECT count(*) FROM retrieval.embeddings)"
            " + (SELECT count(*) FROM retrieval.passages)"
        ).fetchone()
    return row[0] if row else 0
