"""Child processes: each in a session of its own, with a log file, gone when this process goes."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from apps.supervisor.leftovers import forget_record, write_record
from apps.supervisor.logfiles import open_log
from apps.supervisor.process_table import ends_within, process_gone
from runtime.errors import Unavailable

_LAUNCHER = Path(__file__).with_name("launch.py")
_ABORT_S = 3.0

# glibc would keep freed memory in an arena for each thread (900 MB instead of 490 at 20,000 passages), and more and more
# of it the larger the blocks that were freed (50 MB in each process that has an index and a model).
FRUGAL = {
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_TRIM_THRESHOLD_": str(128 * 1024),
    "MALLOC_MMAP_THRESHOLD_": str(128 * 1024),
}


@dataclass(frozen=True, slots=True)
class Account:
    """The system user that a child runs as."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Command:
    """What to run: `argv` begins with an absolute path; `environ` is all that the child gets to see."""

    argv: tuple[str, ...]
    environ: Mapping[str, str]
    directory: Path
    account: Account | None = None
    """None keeps the user of this process."""
    stop_signal: signal.Signals = signal.SIGTERM
    """Asks for an orderly end."""
    abort_signal: signal.Signals | None = None
    """Asks for an end at once, for a program that leaves something behind when it is ended by force."""
    orphan_signal: signal.Signals = signal.SIGKILL
    """Sent by the kernel when this process has died (Linux only)."""


class Child:
    """One running process, with those it started in its group. Belongs to no event loop in particular."""

    def __init__(
        self, process: subprocess.Popen[bytes], command: Command, record: Path | None = None
    ) -> None:
        self._process = process
        self._command = command
        self._record = record

    @classmethod
    def spawn(cls, command: Command, *, log: Path, record: Path) -> "Child":
        """Start `command`, both its outputs appended to `log`, its number kept in `record` while it runs.

        The kernel ties the child to the thread that calls this, which must live as long as the child should.
        Raises Unavailable `child_not_started` or `log_not_writable`.
        """
        with open_log(log) as output:
            child = cls(_launch(command, output.fileno()), command, record)
        try:
            write_record(record, child.pid)
        except OSError as error:
            child.kill()
            raise Unavailable(
                "child_not_started",
                f"{record} cannot be written: {error.strerror}.",
                next_step="Free disk space, and give this user the folder.",
            ) from error
        return child

    @property
    def pid(self) -> int:
        return self._process.pid

    async def exited(self) -> int:
        """Wait for the end; the exit status, or minus the signal. What it left in its group is ended with it."""
        if self._process.returncode is None:
            await process_gone(self.pid)
        if self._process.returncode is None:  # nobody else has been waiting, and been faster
            self._kill_group()  # before it is reaped: until then nobody else can be given its number
            self._process.wait()
            if self._record is not None:
                forget_record(self._record)
        return self._process.wait()

    async def stop(self, grace_s: float) -> int:
        """Ask it to end, and end it by force when it has not after `grace_s` seconds. May be called again."""
        await self._ask(self._command.stop_signal, grace_s)
        if self._command.abort_signal is not None:
            await self._ask(self._command.abort_signal, _ABORT_S)
        if self._process.returncode is None:
            self._kill_group()
        return await self.exited()

    async def _ask(self, number: signal.Signals, patience_s: float) -> None:
        if self._process.returncode is None:
            os.kill(self.pid, number)
            await ends_within(self.exited(), patience_s)

    def kill(self) -> None:
        """End it by force, with all that is in its group, and wait for that."""
        self._kill_group()
        self._process.wait()

    def _kill_group(self) -> None:
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # it has not come as far as having a group, or nobody is left in it
        except PermissionError:
            self._process.kill()  # so macOS answers for a group in which all have ended


async def run_to_end(command: Command) -> tuple[int, str]:
    """Run `command` until it ends: its exit status and what it wrote on both outputs.

    It is ended when the caller is cancelled. Raises Unavailable `child_not_started`.
    """
    with tempfile.TemporaryFile() as output:
        child = Child(_launch(command, output.fileno()), command)
        try:
            status = await child.exited()
        except asyncio.CancelledError:
            await child.stop(0)
            raise
        output.seek(0)
        return status, output.read().decode("utf-8", "replace")


def _launch(command: Command, output: int) -> subprocess.Popen[bytes]:
    account = command.account or Account(-1, -1)
    numbers = (command.orphan_signal.value, os.getpid(), account.uid, account.gid)
    try:
        return subprocess.Popen(  # noqa: S603 - every argv is put together in this package
            [sys.executable, "-I", "-S", str(_LAUNCHER), *map(str, numbers), *command.argv],
            env=dict(command.environ),
            cwd=command.directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    except OSError as error:
        raise Unavailable(
            "child_not_started",
            f"{command.argv[0]} could not be started: {error.strerror}.",
            next_step="Free memory and disk space, then try again.",
        ) from error
