"""The embedded PostgreSQL: the wheel's programs, started and watched by us, on a port of the loopback only."""

import contextlib
import os
import shutil
import signal
import sys
from functools import partial
from pathlib import Path

import structlog

from apps.supervisor import store
from apps.supervisor.leftovers import end_leftover
from apps.supervisor.logfiles import last_lines
from apps.supervisor.passwords import ensure_password
from apps.supervisor.placement import ENVIRON, SYSTEM_FOLDER, Placement, bundled_postgres, place
from apps.supervisor.ports import LOOPBACK, start_on_port
from apps.supervisor.process_table import end_process, pids_working_in, program_of
from apps.supervisor.processes import Command, run_to_end
from apps.supervisor.readiness import Probe
from apps.supervisor.service import ChildService
from runtime.errors import Conflict, Defect, StorageFull, Unavailable

_ADMIN = "postgres"
# After a crash the write-ahead log is replayed first, up to `max_wal_size` of it.
_READY_S = 120.0
# Fast shutdown, then immediate shutdown, then the end: pg_ctl(1).
_SIGNALS = (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL)
_READY_LINE = 7  # of postmaster.pid, see src/include/utils/pidfile.h

# Sized for one machine that does other things too. Statements and rows stay out of the log: they hold what people
# wrote.
_OPTIONS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "shared_buffers": "64MB",
    "max_connections": "40",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "min_wal_size": "32MB",
    "max_wal_size": "256MB",
    "io_method": "sync",
    "jit": "off",
    # In the data folder, so that a kill leaves nothing elsewhere, and a container with a small /dev/shm will do.
    "dynamic_shared_memory_type": "mmap",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_line_prefix": "%m [%p] ",
    "log_checkpoints": "off",
}
# A database cannot be dropped by its owner while the system's own vacuum is at work in it.
_FOR_TESTS = {"fsync": "off", "autovacuum": "off"}

log = structlog.get_logger(__name__)


class EmbeddedPostgres(ChildService):
    """A PostgreSQL under `directory` (a `var`): data in `postgres`, passwords in `secrets`, log in `logs`.

    Started by root it runs as another user, and its data may lie elsewhere: see `placement`. The port is chosen
    at the first start and stays the same while this object lives. `durable=False` is for tests: what was
    committed may be lost when the machine stops, though not when the server does.
    """

    def __init__(
        self,
        directory: Path,
        *,
        port: int | None = None,
        durable: bool = True,
        install: Path | None = None,
        system: Path = SYSTEM_FOLDER,
    ) -> None:
        super().__init__("postgres", directory)
        self._home = self.var / "postgres"
        self._secrets = self.var / "secrets"
        self._port = port
        self._durable = durable
        self._install = install
        self._system = system
        self._placement: Placement | None = None
        self._password = ""

    def url(self, database: str = store.DATABASE) -> str:
        """`postgresql://...`, once it has been started. The role is no superuser and may create databases."""
        return _url(store.ROLE, self._password, self._port, database)

    @property
    def data(self) -> Path:
        """The folder of the data, once it has been started."""
        if self._placement is None:
            raise Defect("not_started", "PostgreSQL was not started.")
        return self._placement.home / "data"

    async def start(self) -> None:
        """Start it, beginning the database first if there is none, and wait until it answers.

        Raises Conflict `database_version_mismatch`, StorageFull `disk_full`, or Unavailable.
        """
        install = self._install or bundled_postgres()
        self._placement = placement = await place(self._home, install=install, system=self._system)
        await _end_leftovers(self.data, self._record)
        self._password = ensure_password(self._secrets / "postgres")
        admin_password = ensure_password(self._secrets / "postgres-admin")
        if not self.data.exists():
            await self._begin(placement, admin_password)
        _check_version(self.data, placement.major)
        self._port = await start_on_port(self._port, partial(self._start_on, placement))
        if not await store.answers(self.url()):
            await store.ensure_database(
                _url(_ADMIN, admin_password, self._port, "postgres"), password=self._password
            )

    async def remove(self) -> None:
        """Stop it and delete its data, wherever it lies."""
        await self.stop()
        if self._placement is not None:
            shutil.rmtree(self._placement.home, ignore_errors=True)
        shutil.rmtree(self._home, ignore_errors=True)

    async def _begin(self, placement: Placement, admin_password: str) -> None:
        """Run initdb. The folder gets its name when it is complete: an interrupted one is begun again."""
        draft, password_file = placement.home / "data.new", placement.home / "password.new"
        shutil.rmtree(draft, ignore_errors=True)
        try:
            password_file.touch(mode=0o600)
            password_file.write_text(admin_password, encoding="ascii")
            draft.mkdir(mode=0o700)
            if placement.account is not None:
                for path in (password_file, draft):
                    os.chown(path, placement.account.uid, placement.account.gid)
            await self._initdb(placement, draft, password_file)
            draft.rename(self.data)
        except OSError as error:
            raise _not_created(f"{error.strerror}: {error.filename}") from error
        finally:
            password_file.unlink(missing_ok=True)
        log.info("database_begun", path=str(self.data))

    async def _initdb(self, placement: Placement, draft: Path, password_file: Path) -> None:
        # C.UTF-8 knows letters of every script and sorts the same on every machine.
        locale = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
        argv = (
            str(placement.programs / "initdb"),
            f"--pgdata={draft}",
            f"--username={_ADMIN}",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            *locale,
            *(() if self._durable else ("--no-sync",)),
        )
        status, output = await run_to_end(Command(argv, ENVIRON, placement.home, placement.account))
        if status != 0:
            raise _failure(output.splitlines()) or _not_created((output.splitlines() or ["no output"])[-1])

    async def _start_on(self, placement: Placement, port: int) -> None:
        options = _OPTIONS | {"port": str(port)} | ({} if self._durable else _FOR_TESTS)
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        command = Command(
            (str(placement.programs / "postgres"), "-D", str(self.data), *settings),
            ENVIRON,
            placement.home,
            placement.account,
            stop_signal=signal.SIGINT,
            abort_signal=signal.SIGQUIT,
            orphan_signal=signal.SIGINT,
        )
        try:
            await self._run(command, _accepts(self.data), ready_s=_READY_S)
        except Unavailable as error:
            raise _failure(last_lines(self.log)) or error from error


def _url(role: str, password: str, port: int | None, database: str) -> str:
    return f"postgresql://{role}:{password}@{LOOPBACK}:{port}/{database}"


def _accepts(data: Path) -> Probe:
    """Whether the server says in its own file that it takes connections: cheaper than to try, and not logged.

    A file of an earlier server cannot mislead: it was removed before the start.
    """

    async def probe() -> bool:
        with contextlib.suppress(OSError):
            lines = (data / "postmaster.pid").read_text(encoding="utf-8", errors="replace").splitlines()
            return len(lines) > _READY_LINE and lines[_READY_LINE].strip() == "ready"
        return False

    return probe


async def _end_leftovers(data: Path, record: Path) -> None:
    """End the server that a killed supervisor has left, and its backends, which would keep a new one out."""
    await end_leftover(record, signals=_SIGNALS)
    servers = [pid for pid in pids_working_in(data) if program_of(pid) == "postgres"]
    leader = _postmaster(data)
    if leader in servers:
        await end_process(leader, _SIGNALS, patience_s=10)
    for pid in servers:
        await end_process(pid, (signal.SIGKILL,), patience_s=10)
    if sys.platform == "linux":  # elsewhere the server itself judges the file that its predecessor left
        _remove(data / "postmaster.pid")


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


def _postmaster(data: Path) -> int:
    try:
        return int((data / "postmaster.pid").read_text(encoding="utf-8", errors="replace").split("\n", 1)[0])
    except (OSError, ValueError):
        return 0


def _check_version(data: Path, major: int) -> None:
    try:
        written_by = (data / "PG_VERSION").read_text(encoding="ascii").strip()
    except OSError as error:
        raise Unavailable(
            "database_unreadable",
            f"The folder {data} is no database that this user can read: {error.strerror}.",
            next_step="Restore a backup into it, or move it away to begin an empty database.",
        ) from error
    if written_by != str(major):
        raise Conflict(
            "database_version_mismatch",
            f"The database in {data} was written by PostgreSQL {written_by}, and this is PostgreSQL {major}.",
            next_step="Start it with the version of Understudy that wrote it, make a backup, and restore that here.",
        )


def _failure(lines: list[str]) -> StorageFull | None:
    if any("No space left on device" in line for line in lines):
        return StorageFull(
            "disk_full",
            "PostgreSQL has no room left to write.",
            next_step="Free disk space, then start again.",
        )
    return None


def _not_created(reason: str) -> Unavailable:
    return Unavailable(
        "database_not_created",
        f"The database could not be created: {reason}.",
        next_step="Correct that, then start again.",
    )
