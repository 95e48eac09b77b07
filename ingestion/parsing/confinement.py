"""What keeps the child from doing harm, from the fork server's start to a child's first byte.

Memory is limited by `RLIMIT_DATA`, which on Linux counts private writable memory only: not the libraries' files, nor the
address space that Haskell programs (pandoc) reserve without using it, which `RLIMIT_AS` would count. A child of the
child has its own such limit, so the server also watches what all of them use together.
"""

import ctypes
import os
import resource
import signal
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

LINUX: Final = sys.platform == "linux"
# linux/sched.h, linux/prctl.h
_CLONE_NEWUSER: Final = 0x10000000
_CLONE_NEWNET: Final = 0x40000000
_PR_CAPBSET_DROP: Final = 24
_PR_SET_CHILD_SUBREAPER: Final = 36
_PR_SET_NO_NEW_PRIVS: Final = 38
_LAST_CAPABILITY: Final = 63
# linux/capability.h: what it takes to give a child a folder and another user, to end it, and to clear up after it. Such are
# CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_KILL, CAP_SETGID and CAP_SETUID.
_WARDEN: Final = sum(1 << capability for capability in (0, 1, 5, 6, 7))
# The user and the group that own nothing.
NOBODY: Final = 65534
_DESCRIPTORS: Final = 128
PROGRAMS: Final = frozenset({"pandoc", "tesseract"})
_STARTS: Final = frozenset(
    {"os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "pty.spawn"}
)
_CHANGES: Final = frozenset(
    {
        "os.remove",
        "os.rename",
        "os.rmdir",
        "os.mkdir",
        "os.symlink",
        "os.link",
        "os.chmod",
        "os.chown",
        "os.truncate",
    }
    | {"shutil.rmtree", "shutil.move", "os.mkfifo", "os.setxattr", "os.putenv"}
)


def isolate() -> bool:
    """Leave the network, for this process and all that it starts; False where the system does not allow that."""
    if not LINUX:
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    alone = libc.unshare(_CLONE_NEWNET) == 0 or libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0
    return alone


def surrender(*, warden: bool = False) -> None:
    """Give up what only root may do; a `warden` keeps what it takes to have children that are nobody."""
    if not LINUX:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    for capability in range(_LAST_CAPABILITY + 1):
        libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this process
    kept = _WARDEN if warden else 0
    libc.capset(ctypes.byref(header), ctypes.byref((ctypes.c_uint32 * 6)(kept, kept)))


def is_root() -> bool:
    """Whether this process has root's files for its own."""
    return LINUX and os.geteuid() == 0


def can_be_nobody(needed: Iterable[Path]) -> bool:
    """Whether a child may become nobody, and can then still import from these folders: it is tried."""
    if not is_root():
        return False
    pid = os.fork()
    if pid:
        return os.waitpid(pid, 0)[1] == 0
    status = 1
    try:
        _become_nobody()
        status = 0 if all(os.access(path, os.R_OK | os.X_OK) for path in needed) else 1
    finally:
        os._exit(status)


def _become_nobody() -> None:
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)


def confine(
    folder: Path, *, memory_bytes: int, disk_bytes: int, wall_s: float, as_nobody: bool = False
) -> None:
    """Limit this process, for good, to `folder` and to these amounts on top of what it holds now."""
    os.chdir(folder)
    tempfile.tempdir = str(folder)
    for name in ("HOME", "TMPDIR"):  # of the programs that are started
        os.putenv(name, str(folder))
    if LINUX:
        data = _held_bytes() + memory_bytes
        resource.setrlimit(resource.RLIMIT_DATA, (data, data))
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    if as_nobody:
        for path in (folder, *folder.iterdir()):
            os.chown(path, NOBODY, NOBODY)
        _become_nobody()
    cpu = int(wall_s) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + 5))
    resource.setrlimit(resource.RLIMIT_FSIZE, (disk_bytes, disk_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_DESCRIPTORS, _DESCRIPTORS))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a write beyond the limit is an error, not the end
    sys.addaudithook(_guard(str(folder.resolve()) + os.sep))


def _held_bytes() -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmData:"))
    return int(line.split()[1]) * 1024


def _guard(inside: str) -> Any:
    """What Python itself refuses from now on, wherever the system does not: sockets, programs, files elsewhere."""
    writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

    def is_inside(path: object) -> bool:
        if isinstance(path, int):
            return True
        if not isinstance(path, str | bytes | os.PathLike):
            return False
        name = os.fsdecode(path)  # pyright: ignore[reportUnknownArgumentType]
        return name == os.devnull or (os.path.realpath(name) + os.sep).startswith(inside)

    def guard(event: str, args: tuple[Any, ...]) -> None:
        if event == "open":
            refused = bool(args[2] & writing) and not is_inside(args[0])
        elif event == "subprocess.Popen":
            refused = os.path.basename(os.fsdecode(args[0])) not in PROGRAMS
        elif event in _CHANGES:
            refused = not is_inside(args[0])
        else:
            refused = event.startswith("socket.") or event in _STARTS
        if refused:
            raise PermissionError(f"{event} is not for parsers")

    return guard
