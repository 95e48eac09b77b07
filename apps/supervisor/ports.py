"""TCP ports: a free one for a child, and who holds one that is taken."""

import contextlib
import errno
import os
import secrets
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from apps.supervisor.process_table import program_of
from runtime.errors import Conflict, InvalidInput, Unavailable

LOOPBACK = "127.0.0.1"
# Below what systems hand out to outgoing connections, which could otherwise take the port of a child that is
# being restarted.
_LOWEST, _HIGHEST = 15_000, 32_000
_PORTS_TO_TRY = 5
_LISTEN = "0A"  # TCP_LISTEN in /proc/net/tcp


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that listens on a port."""

    pid: int
    program: str


def free_port() -> int:
    """A port of 127.0.0.1 on which nobody listens now. Somebody may be faster: be ready to ask again."""
    while True:
        port = _LOWEST + secrets.randbelow(_HIGHEST - _LOWEST)
        if is_free(LOOPBACK, port):
            return port


async def start_on_port(fixed: int | None, start: Callable[[int], Awaitable[None]]) -> int:
    """Call `start` with the port `fixed`, or with a free one, and with another one when somebody was faster.

    Returns the port; passes on what `start` raises for another reason.
    """
    for _ in range(_PORTS_TO_TRY - 1):
        port = free_port() if fixed is None else fixed
        try:
            await start(port)
        except Unavailable:
            if fixed is not None or is_free(LOOPBACK, port):
                raise
        else:
            return port
    port = free_port()
    await start(port)
    return port


def is_free(host: str, port: int) -> bool:
    """Whether this host and port can be listened on. Raises OSError when that is so for no port at all."""
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the servers do
        try:
            trial.bind(address)
            trial.listen(1)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise
    return True


def ensure_free(host: str, port: int, *, remedy: str) -> None:
    """Raise Conflict `port_taken`, naming who holds it, unless the port can be listened on.

    `remedy` says what to do, `{port}` in it stands for a free port. Raises InvalidInput `address_not_usable` when
    this machine has no such address or the user may not listen there.
    """
    try:
        if is_free(host, port):
            return
        nearby = next_free(host, port)
    except OSError as error:
        raise InvalidInput(
            "address_not_usable",
            f"Port {port} of {host} cannot be listened on: {error.strerror}.",
            next_step="Choose a port above 1023, and 127.0.0.1 or an address of this machine.",
        ) from error
    holder = find_holder(port)
    by = f" by {holder.program} (process {holder.pid})" if holder else ""
    raise Conflict("port_taken", f"Port {port} is in use{by}.", next_step=remedy.format(port=nearby))


def find_holder(port: int) -> Holder | None:
    """Who listens on `port`, as far as this user may see (Linux only)."""
    inodes = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    for descriptor in Path("/proc").glob("[0-9]*/fd/*") if inodes else ():
        with contextlib.suppress(OSError):  # ended meanwhile, or somebody else's
            if os.readlink(descriptor) in inodes:
                pid = int(descriptor.parts[2])
                return Holder(pid, program_of(pid))
    return None


def next_free(host: str, port: int) -> int:
    """The next port above this one that nobody listens on; any free one when there is none near."""
    for candidate in range(port + 1, min(port + 100, 65536)):
        if is_free(host, candidate):
            return candidate
    return free_port()


def _listening_inodes(port: int) -> set[str]:
    """proc(5): local address as ADDRESS:PORT in hexadecimal is field 2, the state field 4, the inode field 10."""
    found: set[str] = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            rows = [line.split() for line in Path(table).read_text(encoding="ascii").splitlines()[1:]]
            suffix = f":{port:04X}"
            found.update(row[9] for row in rows if row[3] == _LISTEN and row[1].endswith(suffix))
    return found
