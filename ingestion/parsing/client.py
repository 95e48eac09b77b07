"""The caller's side: starts the fork server, hands it files, and checks what comes back."""

import asyncio
import json
import shutil
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from ingestion.documents import DocumentText
from ingestion.parsing.kinds import kind_of
from ingestion.parsing.types import Limits
from ingestion.parsing.wire import WireError, read_answer, refusal
from runtime.errors import Unavailable
from runtime.settings import ROOT

_START_S: Final = 60
# What the server needs, at the most, to notice that a limit is passed and say so; the import of the libraries too.
_GRACE_S: Final = 60
_CHUNK: Final = 1 << 20
_MESSAGE_BYTES: Final = 512
_RUN: Final = "import sys; sys.path.insert(0, {root!r}); from ingestion.parsing.server import main; main()"

log = structlog.get_logger(__name__)


def _environment(folder: Path) -> dict[str, str]:
    """All that the server and its children see of the environment: no secret, no proxy, no second thread."""
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin",
        "LANG": "C.UTF-8",
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "DO_NOT_TRACK": "1",
        "SCARF_NO_ANALYTICS": "true",
        "UNSTRUCTURED_DISABLE_NOTICE": "1",
        "OMP_THREAD_LIMIT": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }


@dataclass(frozen=True, slots=True)
class _Server:
    process: subprocess.Popen[bytes]
    control: socket.socket
    folder: Path

    def stop(self) -> None:
        """End it and its children; wait until it has."""
        self.control.close()  # by which it knows
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class ForkServerParser:
    """A `DocumentParser`. Its server starts with the first file, and again when it has ended."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._server: _Server | None = None
        self._starting = asyncio.Lock()

    async def parse(self, name: str, data: bytes) -> DocumentText:
        """See `DocumentParser`."""
        if not data:
            raise refusal("document_empty")
        kind = kind_of(name, data)
        if kind is None or kind == "text":
            raise refusal("document_type_unsupported")
        wall_s = self._limits.wall_s(len(data))
        try:
            async with asyncio.timeout(wall_s + _GRACE_S):
                answer = await self._ask(kind, data, wall_s)
        except TimeoutError as error:
            await self.close()
            raise refusal("document_too_slow") from error
        try:
            return await asyncio.to_thread(read_answer, answer)
        except WireError as error:
            if not answer:
                raise _unavailable("It ended before it had read the document.") from error
            raise refusal("document_unreadable") from error

    async def close(self) -> None:
        """See `DocumentParser`."""
        server, self._server = self._server, None
        if server is not None:
            await asyncio.to_thread(server.stop)

    async def _ask(self, kind: str, data: bytes, wall_s: float) -> bytes:
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                await self._hand_over(theirs, self._request(kind, len(data), wall_s))
            ours.setblocking(False)
            reader, writer = await asyncio.open_unix_connection(sock=ours)
        except BaseException:
            ours.close()
            raise
        try:
            sending = asyncio.create_task(_send(writer, data))
            answer = await _receive(reader, self._limits.output_bytes + _CHUNK)
            sending.cancel()
            await asyncio.wait({sending})
        finally:
            writer.close()
        return answer

    def _request(self, kind: str, size: int, wall_s: float) -> bytes:
        limits = {
            "wall_s": wall_s,
            "memory_bytes": self._limits.memory_bytes,
            "disk_bytes": self._limits.disk_bytes,
            "output_bytes": self._limits.output_bytes,
        }
        return json.dumps({"kind": kind, "size": size, "limits": limits}).encode().ljust(_MESSAGE_BYTES)

    async def _hand_over(self, connection: socket.socket, message: bytes) -> None:
        """Give the server a file's connection; a server that has ended meanwhile is replaced once."""
        for attempt in (1, 2):
            server = await self._running()
            try:
                await asyncio.to_thread(socket.send_fds, server.control, [message], [connection.fileno()])
            except OSError as error:
                if attempt == 2:
                    raise _unavailable("It does not take files.") from error
                await self.close()
            else:
                return

    async def _running(self) -> _Server:
        async with self._starting:
            if self._server is not None and self._server.process.poll() is not None:
                await self.close()
            if self._server is None:
                self._server = await asyncio.to_thread(_start)
            return self._server


def _start() -> _Server:
    folder = Path(tempfile.mkdtemp(prefix="understudy-parsing-"))
    ours, theirs = socket.socketpair()
    run = _RUN.format(root=str(ROOT))
    try:
        with theirs:
            process = subprocess.Popen(  # noqa: S603 - this Python, a constant program
                [sys.executable, "-I", "-B", "-c", run, str(theirs.fileno()), str(folder)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                env=_environment(folder),
                cwd=folder,
                start_new_session=True,
            )
    except OSError as error:
        ours.close()
        shutil.rmtree(folder, ignore_errors=True)
        raise _unavailable(error.strerror or "It cannot be started.") from error
    server = _Server(process, ours, folder)
    ours.settimeout(_START_S)
    try:
        greeting = ours.recv(64)
    except OSError as error:
        server.stop()
        raise _unavailable("It does not start.") from error
    if not greeting:
        server.stop()
        raise _unavailable("It ended at its start.")
    if b"network yes" in greeting:
        log.warning("parser_network_not_isolated")
    if b"root yes" in greeting:
        # Children could not import then: Python or this program lies where only root gets to.
        log.warning("parser_runs_as_root")
    return server


async def _send(writer: asyncio.StreamWriter, data: bytes) -> None:
    try:
        for start in range(0, len(data), _CHUNK):
            writer.write(data[start : start + _CHUNK])
            await writer.drain()
    except ConnectionError:
        return  # the child has ended, and the answer says why


async def _receive(reader: asyncio.StreamReader, limit: int) -> bytes:
    answer = bytearray()
    try:
        while data := await reader.read(_CHUNK):
            answer += data
            if len(answer) > limit:
                raise refusal("document_too_long")
    except ConnectionError:
        return b""
    return bytes(answer)


def _unavailable(why: str) -> Unavailable:
    return Unavailable(
        "parser_unavailable",
        f"The process that reads documents is not there. {why}",
        next_step="It is tried again; if it goes on, look into the worker's log.",
    )
