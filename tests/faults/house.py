"""Servers, gateway, beat and workers of the harness: real processes, each of which can be killed alone."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import psutil

from apps.secrets import ADMIN_KEY_FILE
from apps.supervisor.postgres import EmbeddedPostgres
from apps.supervisor.readiness import http_ready
from apps.supervisor.valkey import EmbeddedValkey
from runtime.database import Database
from runtime.migrations import migrate
from tests.installation import ROOT, environment, free_port

# Random kills may hit one job often, which is then rightly given up for the one that kills its workers.
ATTEMPTS = 100


class House:
    """One installation under `var`. PostgreSQL is durable, as in the product."""

    def __init__(self, var: Path, environ: dict[str, str]) -> None:
        self.var = var
        self.postgres, self.valkey = EmbeddedPostgres(var), EmbeddedValkey(var)
        self.workers: list[subprocess.Popen[bytes]] = []
        self.port, self._extra = free_port(), environ
        self._others: list[subprocess.Popen[bytes]] = []
        self._owned = AsyncExitStack()
        self.database: Database
        self.http: httpx.AsyncClient

    async def start(self, *, workers: int) -> None:
        self.var.mkdir(parents=True, exist_ok=True)
        await asyncio.gather(self.postgres.start(), self.valkey.start())
        await asyncio.to_thread(migrate, self.postgres.url())
        self.database = await Database.open(self.postgres.url(), max_size=4)
        self._owned.push_async_callback(self.database.close)
        self._others = [self._spawn("apps.gateway"), self._spawn("apps.beat")]
        for _ in range(workers):
            self.add_worker()
        ready = http_ready("127.0.0.1", self.port)
        while not await ready():
            if any(process.poll() is not None for process in self._others):
                raise RuntimeError(f"a process did not start; see the logs in {self.var}")
            await asyncio.sleep(0.1)
        key = (self.var / "secrets" / ADMIN_KEY_FILE).read_text(encoding="utf-8").strip()
        self.http = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{self.port}",
            headers={"Authorization": f"Bearer {key}"},
            timeout=60,
            trust_env=False,
        )
        self._owned.push_async_callback(self.http.aclose)

    async def stop(self) -> None:
        for process in (*self.workers, *self._others):
            process.terminate()
        for process in (*self.workers, *self._others):
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                _kill(process)
        await self._owned.aclose()
        await self.valkey.stop()
        await self.postgres.remove()

    def add_worker(self) -> None:
        self.workers.append(self._spawn("tests.faults.worker"))

    def kill_worker(self, pid: int, *, whole: bool) -> set[int]:
        """`kill -9` of the child `pid`, or of its whole worker, which is then started anew; the killed ones."""
        for worker in self.workers:
            children = children_of(worker.pid)
            if pid not in children:
                continue
            victims = {worker.pid, *children} if whole else {pid}
            for victim in victims:
                _signal(victim, signal.SIGKILL)
            if whole:
                worker.wait()
                self.workers.remove(worker)
                self.add_worker()
            return victims
        return set()

    async def flush(self) -> None:
        """Have Redis forget everything, then end it at once and start it again."""
        from redis.asyncio import Redis  # noqa: PLC0415

        async with Redis.from_url(self.valkey.url()) as client:
            await client.flushall()
        await self.valkey.stop(0)
        await self.valkey.start()

    async def stop_postgres(self) -> None:
        """Immediate shutdown: no checkpoint, all connections dropped; then start it again."""
        pid = int((self.postgres.data / "postmaster.pid").read_text().splitlines()[0])
        os.kill(pid, signal.SIGQUIT)
        await self.postgres.exited()
        await self.postgres.start()

    def environ(self) -> dict[str, str]:
        return environment(
            self.var,
            UNDERSTUDY_DATABASE__URL=self.postgres.url(),
            UNDERSTUDY_REDIS__URL=self.valkey.url(0),
            UNDERSTUDY_BROKER__URL=self.valkey.url(1),
            UNDERSTUDY_GATEWAY__PORT=str(self.port),
            UNDERSTUDY_JOBS__MAX_ATTEMPTS=str(ATTEMPTS),
            MALLOC_ARENA_MAX="2",
            **self._extra,
        )

    def _spawn(self, module: str) -> subprocess.Popen[bytes]:
        with (self.var / f"{module}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", module], cwd=ROOT, env=self.environ(), stdout=log, stderr=log
            )


@asynccontextmanager
async def housed(var: Path, *, workers: int = 2, **environ: str) -> AsyncGenerator[House]:
    """A running house for the length of a block."""
    house = House(var, environ)
    try:
        await house.start(workers=workers)
        yield house
    finally:
        await house.stop()


def children_of(pid: int) -> set[int]:
    try:
        return {child.pid for child in psutil.Process(pid).children(recursive=True)}
    except psutil.NoSuchProcess:
        return set()


def _kill(process: subprocess.Popen[bytes]) -> None:
    for pid in (*children_of(process.pid), process.pid):
        _signal(pid, signal.SIGKILL)
    process.wait()


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
