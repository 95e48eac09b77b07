"""Commands as they are typed, with nothing of this process's own settings."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from apps.supervisor.lock import RunningState, VarLock

ROOT = Path(__file__).resolve().parents[3]
ALEMBIC = (sys.executable, "-m", "alembic")
UNDERSTUDY = (sys.executable, "-m", "apps.command")


def begin(program: tuple[str, ...], *arguments: str, **environ: str) -> subprocess.Popen[str]:
    """Start a command with these variables."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return subprocess.Popen(
        [*program, *arguments],
        cwd=ROOT,
        env={**kept, **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def type_in(program: tuple[str, ...], *arguments: str, **environ: str) -> tuple[int, str, str]:
    """Run a command to its end: status, output, errors."""
    process = begin(program, *arguments, **environ)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


@contextmanager
def running(
    var: Path, *, database: str, redis: str = "", gateway: str = "http://127.0.0.1:1"
) -> Iterator[None]:
    """As if `up` ran on this `var`, with these servers."""
    with VarLock(var) as lock:
        lock.publish(RunningState(os.getpid(), gateway, True, database, redis, redis))
        yield
