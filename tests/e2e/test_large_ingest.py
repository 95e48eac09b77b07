"""`understudy ingest` of a large archive: killed half way and run again it goes on, and nobody holds the file in memory.

`UNDERSTUDY_TEST_UPLOAD_MB` makes the file larger; 64 is the short form.
"""

import json
import os
import select
import signal
import socket
import subprocess
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import psycopg
import pytest

from tests.installation import COMMAND, Installation, environment, installed

SIZE = int(os.environ.get("UNDERSTUDY_TEST_UPLOAD_MB", "64")) * 2**20
# Three pieces of 8 MiB (one filling, one on its way, one of a library's own buffers), and slack.
MOST_GROWTH = 48 * 2**20
NOTES = "# Chains\n\nOil the chain every two hundred kilometres.\n"


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installed(tmp_path_factory.mktemp("ingest") / "var", "--no-demo") as installation:
        installation.command("creators", "add", "bev", "--name", "Bev")
        yield installation


class Line:
    """A way to the gateway that counts what goes there, and tells when it is `enough`."""

    def __init__(self, port: int, enough: int, told: Callable[[], None]) -> None:
        self._port, self._enough, self._told = port, enough, told
        self.sent = 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listening.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                here, _ = self._listening.accept()
                threading.Thread(target=self._carry, args=(here,), daemon=True).start()

    def _carry(self, here: socket.socket) -> None:
        with here, socket.create_connection(("127.0.0.1", self._port)) as there, suppress(OSError):
            while True:
                ready, _, _ = select.select([here, there], [], [])
                for end in ready:
                    data = end.recv(65536)
                    if not data:
                        return
                    (there if end is here else here).sendall(data)
                    self.sent += len(data) if end is here else 0
                    if self.sent >= self._enough:
                        self._told()


class Run:
    """`understudy ingest`, and the most memory that it and the gateway took."""

    def __init__(self, installation: Installation, path: Path, *, killed_at: int | None = None) -> None:
        self._gateway = installation.processes()["gateway"][0]
        at_first = self._gateway.memory_info().rss
        self._process: subprocess.Popen[bytes] | None = None
        url = installation.http.base_url
        line = Line(url.port or 80, killed_at or 2**62, self._kill)
        self._process = subprocess.Popen(
            [*COMMAND, "ingest", str(path), "--creator", "bev", "--json"],
            env=environment(installation.var, UNDERSTUDY_CLIENT__URL=line.url),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        with _peak(self._gateway) as peak:
            self._out, self._err = self._process.stdout, self._process.stderr
            assert self._out is not None
            assert self._err is not None
            self.printed = self._out.read()
            self.complained = self._err.read()
            _, self.status, used = os.wait4(self._process.pid, 0)
        self._process.returncode = self.status
        line.close()
        self.command_bytes = used.ru_maxrss * 1024
        self.gateway_growth = peak() - at_first
        self.sent = line.sent

    def _kill(self) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGKILL)


@contextmanager
def _peak(process: psutil.Process) -> Iterator[Callable[[], int]]:
    most, ended = 0, threading.Event()

    def look() -> None:
        nonlocal most
        while not ended.wait(0.01):
            most = max(most, process.memory_info().rss)

    watching = threading.Thread(target=look)
    watching.start()
    try:
        yield lambda: most
    finally:
        ended.set()
        watching.join()


def _packed(path: Path, size: int) -> Path:
    """Notes, and beside them noise that is named as a recording."""
    noise = os.urandom(2**20)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("notes.md", NOTES)
        with archive.open("talk.mp4", "w", force_zip64=True) as member:
            for _ in range(size // 2**20):
                member.write(noise)
    return path


def test_a_large_ingest_is_killed_goes_on_and_takes_no_memory(fresh: Installation, tmp_path: Path) -> None:
    small = Run(fresh, _packed(tmp_path / "small.zip", 2**20))
    large = _packed(tmp_path / "large.zip", SIZE)
    cut = Run(fresh, large, killed_at=SIZE // 2)
    assert os.WTERMSIG(cut.status) == signal.SIGKILL
    again = Run(fresh, large)
    assert again.printed, again.complained.decode()
    items = {item["name"]: item for item in json.loads(again.printed)["items"]}
    assert items["large.zip/notes.md"]["state"] == "unchanged", "it came with the small one"
    assert items["large.zip/talk.mp4"]["code"] == "media_not_recognised"
    assert cut.sent + again.sent < SIZE + 2 * 8 * 2**20, "at most the piece that was on its way is sent again"
    with psycopg.connect(fresh.database_url()) as connection:
        rows = connection.execute("SELECT state, received FROM ingestion.transfers").fetchall()
    assert rows == [("accepted", large.stat().st_size)]
    for run in (cut, again):
        assert run.command_bytes - small.command_bytes < MOST_GROWTH
        assert run.gateway_growth < MOST_GROWTH
