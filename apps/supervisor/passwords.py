"""Passwords of the embedded servers: made once, each kept in a file that only its owner may read."""

import os
import secrets
from pathlib import Path

from runtime.errors import Unavailable


def ensure_password(path: Path) -> str:
    """The password kept in `path`; a new one is written there if there is none.

    Letters, digits, `-` and `_` only, so that it needs no quoting in a URL. Raises Unavailable
    `secret_not_readable`.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if kept := _read(path):
            return kept
        _write(path, secrets.token_urlsafe(24))
        return _read(path)  # not what was just made: another process may have been faster
    except OSError as error:
        raise Unavailable(
            "secret_not_readable",
            f"The password file {path} cannot be read or written: {error.strerror}.",
            next_step="Give this user the folder, or start as the user who began it.",
        ) from error


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return ""


def _write(path: Path, password: str) -> None:
    """Whole or not at all, and never over one that is there."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(password)
        file.flush()
        os.fsync(descriptor)
    try:
        os.link(draft, path)
    except FileExistsError:
        if not _read(path):  # an empty one, from a full disk
            draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
