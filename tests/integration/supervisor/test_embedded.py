"""Everything as children of one process, with real servers and, in place of ours, tiny programs."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
import pytest

from apps.supervisor.leftovers import write_record
from apps.supervisor.lock import read_state
from apps.supervisor.ports import free_port
from tests.integration.supervisor.surroundings import REPOSITORY, line_of, start_python, until

# Prints one JSON object a line: the changes, then the state when all is up, at last how it ended.
COMMAND = """
import asyncio, dataclasses, json, os, sys
import psycopg
from pathlib import Path
from apps.supervisor.embedded import run_embedded
from runtime.errors import UnderstudyError
from runtime.settings import load_settings
from runtime.telemetry import configure_logging

def say(**words):
    print(json.dumps(words), flush=True)

def migrate(url):
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS starts (pid int)")
        connection.execute("INSERT INTO starts VALUES (%s)", (os.getpid(),))

async def use(running):
    say(**dataclasses.asdict(running.state))
    await asyncio.Event().wait()

def on_change(name, state, detail):
    say(name=name, state=state, detail=detail)

configure_logging(load_settings().log, process="supervisor")
try:
    asyncio.run(run_embedded(load_settings(), environ=os.environ, migrate=migrate, on_change=on_change, use=use,
                             root=Path(sys.argv[1])))
    say(ended="stopped")
except UnderstudyError as error:
    say(ended=error.code, detail=error.detail, next_step=error.next_step)
    sys.exit(1)
"""

WORKER = """
import os, signal, subprocess, sys
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
if os.environ.get("STUBBORN"):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
while True:
    signal.pause()
"""

GATEWAY = """
import http.server, json, os, sys, time
if os.environ.get("GATEWAY") == "broken":
    sys.exit("the gateway's last words")
if os.environ.get("GATEWAY") == "deaf":
    time.sleep(600)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({name: value for name, value in os.environ.items()}).encode())
http.server.HTTPServer(("127.0.0.1", int(os.environ["UNDERSTUDY_GATEWAY__PORT"])), Handler).serve_forever()
"""


LISTENER = """
import socket, sys
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    print("listening", flush=True)
    listener.accept()
"""


@dataclass
class Up:
    """A supervisor in a process of its own, and what it has said."""

    process: asyncio.subprocess.Process
    said: list[dict[str, Any]] = field(default_factory=list)

    async def hear(self, **words: object) -> dict[str, Any]:
        """Read on until it says something with these words in it."""
        async with asyncio.timeout(60):
            while True:
                assert self.process.stdout is not None
                line = await self.process.stdout.readline()
                assert line, f"it ended before it said {words}: {self.said}"
                heard = json.loads(line)
                self.said.append(heard)
                if words.items() <= heard.items():
                    return heard

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)


@dataclass
class Place:
    """A `var`, a port, and the tiny programs."""

    var: Path
    code: Path
    port: int
    started: list[Up] = field(default_factory=list)

    async def up(self, **environ: str) -> Up:
        ours = {
            "UNDERSTUDY_VAR": str(self.var),
            "UNDERSTUDY_GATEWAY__PORT": str(self.port),
            "UNDERSTUDY_METRICS__WORKER_PORT": "0",
            "UNDERSTUDY_METRICS__BEAT_PORT": "0",
        }
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", COMMAND, str(self.code)),
            env={**os.environ, **ours, **environ},
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
        )
        self.started.append(Up(process))
        return self.started[-1]

    def pid(self, name: str) -> int:
        """The number of a child that is running."""
        return int((self.var / "run" / f"{name}.pid").read_text().split()[0])

    def starts(self) -> int:
        state = read_state(self.var)
        assert state is not None
        with psycopg.connect(state.database_url) as connection:
            (count,) = connection.execute("SELECT count(*) FROM starts").fetchone() or (0,)
            return int(count)


@pytest.fixture
def code(open_folder: Path) -> Iterator[Path]:
    """A folder with an `apps` that is not the product's."""
    code = open_folder / "code"
    (code / "apps").mkdir(parents=True)
    (code / "apps" / "__init__.py").touch()
    for name in ("worker.py", "beat.py"):
        (code / "apps" / name).write_text(WORKER)
    (code / "apps" / "gateway.py").write_text(GATEWAY)
    return code


@pytest.fixture
async def place(open_folder: Path, code: Path) -> AsyncIterator[Place]:
    place = Place(open_folder / "var", code, free_port())
    yield place
    for up in place.started:
        if up.process.returncode is None:
            left = up.children()
            up.process.kill()
            for child in left:
                child.kill()
        await up.process.communicate()


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


async def test_up_serves_and_ctrl_c_stops_all_of_it(place: Place) -> None:
    up = await place.up()
    state = await up.hear(ready=True)
    ready = [word["name"] for word in up.said if word.get("state") == "ready"]
    assert set(ready[:2]) == {"postgres", "valkey"}
    assert set(ready[2:]) == {"worker", "beat", "gateway"}
    async with httpx.AsyncClient() as client:
        seen = (await client.get(state["gateway_url"])).json()
    assert seen["UNDERSTUDY_DATABASE__URL"] == state["database_url"]
    assert seen["UNDERSTUDY_REDIS__URL"].endswith("/0")
    assert seen["UNDERSTUDY_BROKER__URL"].endswith("/1")

    children = up.children()
    assert len(children) >= 7
    up.process.send_signal(signal.SIGINT)
    await up.hear(ended="stopped")
    assert await up.process.wait() == 0
    assert alive(children) == []
    stopped = [word["name"] for word in up.said if word.get("state") == "stopped"]
    assert set(stopped[:3]) == {"worker", "beat", "gateway"}
    assert {file.name for file in (place.var / "run").iterdir()} == {"lock", "worker-metrics"}


async def test_a_second_up_says_who_is_running_and_fails(place: Place) -> None:
    up = await place.up()
    await up.hear(ready=True)
    second = await place.up()
    refusal = await second.hear(ended="already_running")
    assert await second.process.wait() == 1
    assert f"process {up.process.pid}, http://127.0.0.1:{place.port}" in refusal["detail"]
    assert read_state(place.var) is not None
    up.process.send_signal(signal.SIGTERM)
    await up.hear(ended="stopped")


@pytest.mark.parametrize("name", ["worker", "gateway", "valkey", "postgres"])
async def test_a_child_that_is_killed_comes_back(place: Place, name: str) -> None:
    up = await place.up()
    await up.hear(ready=True)
    before = place.pid(name)
    os.kill(before, signal.SIGKILL)
    change = await up.hear(name=name, state="restarting")
    assert "was ended by signal 9" in change["detail"]
    await up.hear(name=name, state="ready")
    assert place.pid(name) != before
    assert place.starts() == 1
    up.process.send_signal(signal.SIGINT)
    await up.hear(ended="stopped")


async def test_after_a_kill_of_the_supervisor_its_children_end_and_the_next_up_mends_all(
    place: Place,
) -> None:
    up = await place.up(STUBBORN="yes")
    await up.hear(ready=True)
    children = up.children()
    direct = psutil.Process(up.process.pid).children()
    up.process.kill()
    await up.process.wait()
    await until(lambda: alive(direct) == [])
    assert (place.var / "run" / "state.json").exists()

    again = await place.up()
    await again.hear(ready=True)
    assert alive(children) == []
    assert place.starts() == 2
    again.process.send_signal(signal.SIGINT)
    await again.hear(ended="stopped")


async def test_a_gateway_left_by_a_killed_supervisor_does_not_hold_the_port(place: Place) -> None:
    left = start_python(LISTENER, str(place.port))
    assert line_of(left) == "listening"
    write_record(place.var / "run" / "gateway.pid", left.pid)
    up = await place.up()
    await up.hear(ready=True)
    left.communicate()
    up.process.send_signal(signal.SIGINT)
    await up.hear(ended="stopped")


async def test_a_taken_port_is_named_before_anything_starts(place: Place) -> None:
    server = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", place.port)
    up = await place.up()
    refusal = await up.hear(ended="port_taken")
    assert await up.process.wait() == 1
    assert f"process {os.getpid()}" in refusal["detail"]
    assert "--port" in refusal["next_step"]
    assert not (place.var / "postgres").exists()
    server.close()
    await server.wait_closed()


async def test_a_gateway_that_keeps_failing_ends_the_start_with_its_last_words(place: Place) -> None:
    up = await place.up(GATEWAY="broken")
    await up.hear(name="postgres", state="ready")
    children = up.children()
    failure = await up.hear(ended="service_keeps_failing")
    assert await up.process.wait() == 1
    assert "the gateway's last words" in failure["detail"]
    assert "gateway.log" in failure["next_step"]
    assert alive(children) == []


async def test_a_signal_during_the_start_stops_what_has_come_up(place: Place) -> None:
    up = await place.up(GATEWAY="deaf")
    await up.hear(name="worker", state="ready")
    children = up.children()
    up.process.send_signal(signal.SIGTERM)
    await up.hear(ended="stopped")
    assert await up.process.wait() == 0
    assert alive(children) == []


async def test_a_second_ctrl_c_does_not_wait_for_a_stubborn_child(place: Place) -> None:
    up = await place.up(STUBBORN="yes")
    await up.hear(ready=True)
    children = up.children()
    up.process.send_signal(signal.SIGINT)
    await up.hear(name="gateway", state="stopped")
    up.process.send_signal(signal.SIGINT)
    async with asyncio.timeout(8):  # the grace is ten seconds
        await up.hear(ended="stopped")
    assert alive(children) == []
