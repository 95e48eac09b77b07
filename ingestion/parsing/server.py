"""The fork server: `python -c "... main()" DESCRIPTOR FOLDER`.

Importing the libraries takes seconds, forking takes milliseconds, and a fork knows nothing of the file before. The server
itself never looks at a file. It is told of each by a message on its control socket, `{"kind", "limits", "size"}` with one end of
a connection; it forks, watches the child's time, memory and disk, and ends it when a limit is passed or when nobody
listens any more. It ends itself, and all children, when its parent is gone, or when it was idle for long.
"""

import contextlib
import ctypes
import gc
import json
import os
import select
import shutil
import signal
import socket
import sys
import sysconfig
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Final

from ingestion.parsing import child
from ingestion.parsing.confinement import LINUX, can_be_nobody, is_root, isolate, surrender

MESSAGE_BYTES: Final = 512
# What it says when it is ready: whether it is without network, and whether its children are without root's files.
GREETING: Final = "network {network}, root {root}\n"
# How often the use of memory and disk is looked at while there are children.
_WATCH_S: Final = 0.2
# Memory that is held without use is given back after this long.
_IDLE_S: Final = 600.0


@dataclass(slots=True)
class _Child:
    pid: int
    connection: socket.socket
    folder: Path
    deadline: float
    memory_bytes: int
    disk_bytes: int
    verdict: str | None = None


class _Server:
    def __init__(self, control: socket.socket, folder: Path, *, as_nobody: bool) -> None:
        self._as_nobody = as_nobody
        self._control = control
        self._folder = folder
        self._children: dict[int, _Child] = {}
        self._count = 0
        self._own_bytes = 0
        # A child that ends wakes the server, which else would see it with its next look around only.
        self._woken, wake = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _awake)

    def serve(self) -> None:
        """Until the parent is gone, or nothing came for long."""
        last = time.monotonic()
        while True:
            watched = [self._control, self._woken, *(one.connection for one in self._children.values())]
            ready, _, _ = select.select(watched, [], [], _WATCH_S if self._children else _IDLE_S)
            if self._children or ready:
                last = time.monotonic()
            elif time.monotonic() - last >= _IDLE_S:
                return
            if self._control in ready and not self._take():
                return
            if self._woken in ready:
                os.read(self._woken, 4096)
            self._watch(set(ready) - {self._control, self._woken})
            self._reap()

    def stop(self) -> None:
        """End all children."""
        for one in list(self._children.values()):
            _kill(one.pid)
        for pid in _children_of(os.getpid()):
            _kill(pid)

    def _take(self) -> bool:
        message, descriptors, _, _ = socket.recv_fds(self._control, MESSAGE_BYTES, 1)
        if not message:
            return False
        request = json.loads(message)
        connection = socket.socket(fileno=descriptors[0])
        child.preload(request["kind"])
        self._count += 1
        folder = self._folder / str(self._count)
        folder.mkdir(mode=0o700)
        limits = request["limits"]
        pid = os.fork()
        if pid == 0:
            self._become(connection, folder, request)
        self._own_bytes = _resident(os.getpid())
        deadline = time.monotonic() + limits["wall_s"]
        self._children[pid] = _Child(
            pid, connection, folder, deadline, limits["memory_bytes"], limits["disk_bytes"]
        )
        return True

    def _become(self, connection: socket.socket, folder: Path, request: dict[str, Any]) -> None:
        """The child's whole life."""
        status = 1
        try:
            os.setsid()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            kept = connection.fileno()
            os.closerange(3, kept)
            os.closerange(kept + 1, 4096)
            status = child.read_file(kept, folder, {**request, "as_nobody": self._as_nobody})
        finally:
            os._exit(status)

    def _watch(self, ready: set[Any]) -> None:
        for one in self._children.values():
            if one.verdict is not None:
                continue
            if one.connection in ready and _has_hung_up(one.connection):
                one.verdict = "gone"
            elif time.monotonic() > one.deadline:
                one.verdict = "document_too_slow"
            elif self._uses_too_much(one):
                one.verdict = "document_too_complex"
            if one.verdict is not None:
                _kill(one.pid)

    def _uses_too_much(self, one: _Child) -> bool:
        # The pages that a fork shares with the server are counted for both.
        used = sum(_resident(pid) for pid in _family(one.pid)) - self._own_bytes
        return used > one.memory_bytes or _size(one.folder) > one.disk_bytes

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            one = self._children.pop(pid, None)
            if one is not None:
                self._finish(one, status)

    def _finish(self, one: _Child, status: int) -> None:
        _kill(one.pid)  # what the child has started and left behind, in its group
        known = set(self._children)
        for pid in _children_of(os.getpid()):
            if pid not in known:  # ... and what had left the group: it is ours now
                _kill(pid)
        verdict = one.verdict or _verdict(status)
        if verdict is not None:
            one.connection.settimeout(1)
            with contextlib.suppress(OSError):
                one.connection.sendall(f'\n{{"failed": "{verdict}"}}\n'.encode("ascii"))
        one.connection.close()
        shutil.rmtree(one.folder, ignore_errors=True)


def _awake(_number: int, _frame: FrameType | None) -> None:
    """Nothing more: that there is a handler makes Python write to the wake-up descriptor."""


def _verdict(status: int) -> str | None:
    if os.WIFSIGNALED(status):
        return {
            signal.SIGXCPU: "document_too_slow",
            signal.SIGKILL: "document_too_complex",  # not by us: the system was out of memory
        }.get(signal.Signals(os.WTERMSIG(status)), "document_unreadable")
    return None if os.WEXITSTATUS(status) == 0 else "document_unreadable"


def _has_hung_up(connection: socket.socket) -> bool:
    """Whether nobody listens any more; what the caller still sends is the child's to read."""
    poll = select.poll()
    poll.register(connection, 0)
    return any(event & (select.POLLHUP | select.POLLERR) for _, event in poll.poll(0))


def _kill(pid: int) -> None:
    for end in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            end(pid, signal.SIGKILL)


def _family(pid: int) -> Iterator[int]:
    yield pid
    for one in _children_of(pid):
        yield from _family(one)


def _children_of(pid: int) -> list[int]:
    try:
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()]
    except OSError:
        return []


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def _size(folder: Path) -> int:
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(path, name)).st_blocks * 512
    return total


def _imported() -> Iterator[Path]:
    """The folders that readers import from, also later than at their start: the library's, what is installed, and ours."""
    found = [Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    yield from (path for path in (*found, found[0] / "lib-dynload") if path.exists())
    yield Path(child.__file__).parent


def main() -> None:
    """Serve until told to stop."""
    control, folder = socket.socket(fileno=int(sys.argv[1])), Path(sys.argv[2])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's; the parent decides
    os.chdir(folder)
    alone = isolate()
    folder.chmod(0o755)  # each child's own folder in it stays closed to others
    as_nobody = can_be_nobody([*_imported(), folder])
    surrender(warden=as_nobody)
    if LINUX:
        ctypes.CDLL(None).malloc_trim(0)
    gc.freeze()
    server = _Server(control, folder, as_nobody=as_nobody)
    try:
        greeting = GREETING.format(
            network="no" if alone else "yes", root="yes" if is_root() and not as_nobody else "no"
        )
        control.sendall(greeting.encode("ascii"))
        server.serve()
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
