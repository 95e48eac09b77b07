"""What the system knows of processes, children or not."""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Coroutine
from pathlib import Path

_POLL_S = 0.05


async def process_gone(pid: int) -> None:
    """Wait until the process `pid` has ended. A child that nobody has reaped yet counts as ended."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    except (AttributeError, OSError):  # not Linux, or a kernel before 5.3
        while is_alive(pid):  # noqa: ASYNC110 - nobody could set an event
            await asyncio.sleep(_POLL_S)
        return
    loop = asyncio.get_running_loop()
    gone = asyncio.Event()
    loop.add_reader(descriptor, gone.set)
    try:
        await gone.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


async def end_process(pid: int, signals: tuple[signal.Signals, ...], *, patience_s: float) -> None:
    """Send `signals` one after the other, waiting `patience_s` seconds for the end after each."""
    for number in signals:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        if await ends_within(process_gone(pid), patience_s):
            return


async def ends_within(waiting: Coroutine[object, object, object], patience_s: float) -> bool:
    """Await `waiting` for at most `patience_s` seconds; whether it came to its end.

    A task that was cancelled and is putting things in order can use it, where the `asyncio.timeout` of early
    releases of Python 3.11 mistakes its own end for that cancellation.
    """
    task = asyncio.create_task(waiting)
    try:
        done, _ = await asyncio.wait({task}, timeout=patience_s)
        for ended in done:
            await ended  # for its error
        return bool(done)
    finally:
        task.cancel()
        await asyncio.wait({task})


def is_alive(pid: int) -> bool:
    """Whether a process has this number and has not ended."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return _state(pid) not in ("Z", "X", "")


def started_at(pid: int) -> str:
    """When the process began, as text that can only be compared; "" without such a process.

    Tells a process from a later one that was given the same number.
    """
    if fields := _stat(pid):
        return fields[19]
    return _ps(pid, "lstart=")


def pids_working_in(directory: Path) -> list[int]:
    """The processes whose working directory is `directory`, as far as this user may see (Linux only)."""
    wanted = os.path.realpath(directory)
    found: list[int] = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # ended meanwhile, or somebody else's
            if os.readlink(entry / "cwd") == wanted:
                found.append(int(entry.name))
    return found


def program_of(pid: int) -> str:
    """The short name of the program that `pid` runs, or ""."""
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return _ps(pid, "comm=")


def _state(pid: int) -> str:
    fields = _stat(pid)
    return fields[0] if fields else _ps(pid, "stat=")[:1]


def _stat(pid: int) -> list[str]:
    """Fields of /proc/PID/stat from the third on (the second may hold spaces and brackets); [] without /proc."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()


def _ps(pid: int, column: str) -> str:
    if Path("/proc/self/stat").exists():
        return ""  # then /proc has told all there is
    command = ["/bin/ps", "-o", column, "-p", str(pid)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - fixed words, a number
    return answer.stdout.strip()
