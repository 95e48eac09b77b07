"""The log files of children: opened for appending, set aside when large, read for the last lines."""

import io
import os
from pathlib import Path

from runtime.errors import Unavailable

LARGEST_BYTES = 8 * 2**20
KEPT = 3
_TAIL_BYTES = 8192


def open_log(path: Path, *, largest: int = LARGEST_BYTES) -> io.FileIO:
    """Open `path` for appending; one that has reached `largest` bytes becomes `path.1`, that one `path.2`, and
    so on up to `KEPT`. Raises Unavailable `log_not_writable`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size >= largest:
            _rotate(path)
        # Readable for its owner only: the servers' own messages may quote data.
        return io.FileIO(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a")
    except OSError as error:
        raise Unavailable(
            "log_not_writable",
            f"The log file {path} cannot be written: {error.strerror}.",
            next_step="Make the folder writable for this user and see that the disk has room.",
        ) from error


def last_lines(path: Path, count: int = 8) -> list[str]:
    """The last lines of a log, oldest first; [] if there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return []
    return [line for line in text.splitlines() if line.strip()][-count:]


def _rotate(path: Path) -> None:
    numbered = [path, *(path.with_name(f"{path.name}.{number}") for number in range(1, KEPT + 1))]
    for older, newer in zip(reversed(numbered[1:]), reversed(numbered[:-1]), strict=True):
        if newer.exists():
            newer.replace(older)
