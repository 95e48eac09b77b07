"""One supervisor for each `var`, and where the others find it."""

import contextlib
import fcntl
import io
import json
import os
from collections.abc import Generator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType

from pydantic import SecretStr

from apps.supervisor.leftovers import forget_record, is_recorded_alive, record_of, write_record
from runtime.errors import Conflict, Unavailable
from runtime.settings import Settings


@dataclass(frozen=True, slots=True)
class RunningState:
    """A supervisor that is running. The URLs are "" until their server is up; `ready` is when all are."""

    pid: int
    gateway_url: str
    ready: bool = False
    database_url: str = ""
    redis_url: str = ""
    broker_url: str = ""


def read_state(var: Path) -> RunningState | None:
    """What runs on `var` now; None if nothing does, or if what it wrote is of another version."""
    if not is_recorded_alive(_record(var)):
        return None
    try:
        return RunningState(**json.loads(_state(var).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def beside_the_running(settings: Settings) -> Settings:
    """The settings with the addresses of the servers that run on this `var`; those that were set explicitly stay."""
    state = read_state(settings.var)
    if state is None or not state.database_url:
        return settings
    running = {
        "database": (settings.database, state.database_url),
        "redis": (settings.redis, state.redis_url),
        "broker": (settings.broker, state.broker_url),
    }
    return settings.model_copy(
        update={
            name: group.model_copy(update={"url": SecretStr(url)})
            for name, (group, url) in running.items()
            if "url" not in group.model_fields_set
        }
    )


class VarLock:
    """Held by the supervisor as long as it runs. The system lets go of it when the process dies, however it dies.

    The file stays: removing it would let two processes each lock a file of that name.
    """

    def __init__(self, var: Path) -> None:
        self._var = var
        self._file: io.FileIO | None = None

    def acquire(self) -> None:
        """Take it. Raises Conflict `already_running`, naming who has it, or Unavailable `var_not_writable`."""
        path = self._var / "run" / "lock"
        with self._writing():
            path.parent.mkdir(parents=True, exist_ok=True)
            file = io.FileIO(os.open(path, os.O_RDWR | os.O_CREAT, 0o644), "r+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.close()
            raise self._already_running() from error
        self._file = file
        with self._writing():
            _state(self._var).unlink(missing_ok=True)  # of a crash
            write_record(_record(self._var), os.getpid())

    def publish(self, state: RunningState) -> None:
        """Tell the other commands. Readable for this user only: the URLs hold passwords.

        Raises Unavailable `var_not_writable`.
        """
        draft = _state(self._var).with_suffix(".new")
        with self._writing():
            draft.unlink(missing_ok=True)
            draft.touch(mode=0o600)
            draft.write_text(json.dumps(asdict(state)), encoding="utf-8")
            draft.replace(_state(self._var))

    def release(self) -> None:
        """Let go of it. Does nothing when it is not held."""
        if self._file is not None:
            _state(self._var).unlink(missing_ok=True)
            forget_record(_record(self._var))
            self._file.close()
            self._file = None

    def __enter__(self) -> "VarLock":
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    @contextlib.contextmanager
    def _writing(self) -> Generator[None]:
        try:
            yield
        except OSError as error:
            raise Unavailable(
                "var_not_writable",
                f"The folder {self._var} cannot be written: {error.strerror}.",
                next_step="Make it writable for this user, or choose another one with UNDERSTUDY_VAR.",
            ) from error

    def _already_running(self) -> Conflict:
        state = read_state(self._var)
        if state is None:  # it has just begun, or is about to end
            return Conflict("already_running", f"Understudy is already running on {self._var}.")
        return Conflict(
            "already_running",
            f"Understudy is already running on {self._var}: process {state.pid}, {state.gateway_url}.",
            next_step=f"Use that one, or stop it with: kill {state.pid}",
        )


def _state(var: Path) -> Path:
    return var / "run" / "state.json"


def _record(var: Path) -> Path:
    return record_of("supervisor", var)
