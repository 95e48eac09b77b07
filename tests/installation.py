"""A whole installation of its own, started as an operator starts it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

ROOT = Path(__file__).resolve().parents[1]
# The command as a person types it; the tests of an extra run it in the environment that has the extra.
IS_USUAL = Path(sys.prefix).resolve() == ROOT / ".venv"
COMMAND = [str(ROOT / "understudy")] if IS_USUAL else [sys.executable, "-m", "apps.command"]


@dataclass
class Installation:
    """A running `./understudy up` on a folder of its own."""

    var: Path
    process: subprocess.Popen[bytes]
    ready_s: float
    http: httpx.Client

    def command(self, *arguments: str, check: bool = True) -> dict[str, Any]:
        """Run `./understudy ... --json` against it; the JSON it prints."""
        ran = subprocess.run(
            [*COMMAND, *arguments, "--json"],
            env=environment(self.var),
            capture_output=True,
            text=True,
            check=False,
        )
        if check and ran.returncode:
            raise RuntimeError(f"understudy {' '.join(arguments)}: {ran.stdout[-2000:]}{ran.stderr[-2000:]}")
        return json.loads(ran.stdout)

    def get(self, path: str) -> dict[str, Any]:
        """What the gateway answers the administrator."""
        return self.http.get(path, headers=self._admin()).raise_for_status().json()

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """What the gateway answers the administrator who posts this."""
        return self.http.post(path, json=body, headers=self._admin()).raise_for_status().json()

    def _admin(self) -> dict[str, str]:
        key = (self.var / "secrets" / "admin.key").read_text(encoding="utf-8").strip()
        return {"Authorization": f"Bearer {key}"}

    def database_url(self) -> str:
        """Its PostgreSQL."""
        state = json.loads((self.var / "run" / "state.json").read_text(encoding="utf-8"))
        return state["database_url"]

    def processes(self) -> dict[str, list[psutil.Process]]:
        """Its processes by the part they belong to; a part's own children are with it."""
        parts: dict[str, list[psutil.Process]] = {"supervisor": [psutil.Process(self.process.pid)]}
        for child in psutil.Process(self.process.pid).children():
            line = " ".join(child.cmdline())
            part = next(
                (p for p in ("beat", "worker", "gateway", "postgres", "valkey") if p in line), "other"
            )
            parts.setdefault(part, []).extend([child, *child.children(recursive=True)])
        return parts

    def stop(self) -> None:
        self.http.close()
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=60)


def environment(var: Path, **more: str) -> dict[str, str]:
    """The caller's environment, with an installation of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("UNDERSTUDY_")}
    ports = {"UNDERSTUDY_METRICS__WORKER_PORT": "0", "UNDERSTUDY_METRICS__BEAT_PORT": "0"}
    return {**kept, **ports, "PYTHONPATH": str(ROOT), "UNDERSTUDY_VAR": str(var), **more}


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(var: Path, *options: str, **more: str) -> Installation:
    """Start an installation and wait until it is ready; `ready_s` says how long that took."""
    port = free_port()
    began = time.perf_counter()
    with (var.parent / f"{var.name}.log").open("ab") as log:
        process = subprocess.Popen(
            [*COMMAND, "up", "--port", str(port), *options],
            env=environment(var, **more),
            stdout=log,
            stderr=log,
        )
    http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120, trust_env=False)
    while not _ready(http):
        if process.poll() is not None or time.perf_counter() - began > 120:
            raise RuntimeError(f"understudy up did not get ready; see {log.name}")
        time.sleep(0.02)
    return Installation(var, process, time.perf_counter() - began, http)


def _ready(http: httpx.Client) -> bool:
    try:
        return http.get("/ready").status_code == 200
    except httpx.TransportError:
        return False


@contextmanager
def installed(var: Path, *options: str, **more: str) -> Iterator[Installation]:
    """An installation for the length of a block."""
    installation = start(var, *options, **more)
    try:
        yield installation
    finally:
        installation.stop()


def machine() -> str:
    """What the figures were measured on, in one line."""
    model = next(
        (
            line.split(":")[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        "unknown processor",
    )
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{os.cpu_count()} cores ({model}), {memory:.0f} GiB, Python {sys.version.split()[0]},"
        f" {time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime())}"
    )
