"""Children of a supervisor that was killed, found again by the number it wrote down.

A number alone says little: it is given to others after the end of its process, and after a restart of the
machine or in another container it means nothing. So the record also says when the process began, and in which
life of which system.
"""

import contextlib
import os
import signal
from pathlib import Path

from apps.supervisor.process_table import end_process, is_alive, started_at

ORDERLY = (signal.SIGTERM, signal.SIGKILL)


def record_of(name: str, var: Path) -> Path:
    """Where a supervisor on `var` keeps the number of its child `name`."""
    return var / "run" / f"{name}.pid"


def write_record(path: Path, pid: int) -> None:
    """Write down that the process `pid`, which leads a group of its own, is a child of this one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{pid}\n{started_at(pid)}\n{_system_life()}\n", encoding="utf-8")


def forget_record(path: Path) -> None:
    """The process has ended."""
    path.unlink(missing_ok=True)


def is_recorded_alive(path: Path) -> bool:
    """Whether the process that `path` tells of is still running."""
    pid, began, life = _read_record(path)
    return pid > 0 and life == _system_life() and is_alive(pid) and started_at(pid) == began


async def end_leftover(
    path: Path, *, signals: tuple[signal.Signals, ...] = ORDERLY, patience_s: float = 10
) -> None:
    """End the process that `path` tells of, if it is still running, and all that is left of its group."""
    pid, _, life = _read_record(path)
    if is_recorded_alive(path):
        await end_process(pid, signals, patience_s=patience_s)
    if pid > 0 and life == _system_life() and not is_alive(pid):  # else the number is somebody else's by now
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
    forget_record(path)


def _read_record(path: Path) -> tuple[int, str, str]:
    try:
        pid, began, life = path.read_text(encoding="utf-8").splitlines()
        return int(pid), began, life
    except (FileNotFoundError, ValueError):  # none, or one that was being written at a crash
        return 0, "", ""


def _system_life() -> str:
    """Differs between restarts of the machine and between containers; "" where /proc does not tell."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""
