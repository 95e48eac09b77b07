"""Become another program that does not outlive its parent, and that need not be root.

    python -I -S launch.py SIGNAL PARENT UID GID PROGRAM ARGUMENT...

Sends itself SIGNAL when the process PARENT ends (Linux only), takes the user UID and the group GID unless they
are -1, and replaces itself by PROGRAM, keeping its process id. A program of its own, because Python code between
fork and exec may hang in a process that has threads, and because the request is dropped when the user changes,
so that it must be made after that.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
NOT_STARTED = 127  # what a shell answers when it cannot run a command


def main(arguments: list[str]) -> None:
    """Never returns: ends in PROGRAM, or with status 127 and one line that says why not."""
    signal_number, parent, uid, gid = (int(argument) for argument in arguments[:4])
    program = arguments[4:]
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    die_with_parent(signal_number)
    if os.getppid() != parent:
        sys.exit(NOT_STARTED)  # the parent ended before the request was made, so no signal would come
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):  # by Python, for itself
        signal.signal(ignored, signal.SIG_DFL)
    try:
        os.execv(program[0], program)  # noqa: S606 - no shell is the point
    except OSError as error:
        sys.stderr.write(f"cannot start {program[0]}: {error.strerror}\n")
        sys.exit(NOT_STARTED)


def die_with_parent(signal_number: int) -> None:
    """Have the kernel send this process a signal when the thread that started it ends (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal_number)


if __name__ == "__main__":
    main(sys.argv[1:])
