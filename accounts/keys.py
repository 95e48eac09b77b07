"""Keys that an installation makes for itself: random, kept in a file that only its owner may read."""

import contextlib
import hashlib
import hmac
import os
import secrets
import stat
from pathlib import Path
from typing import Self

from pydantic import SecretStr

from runtime.errors import InvalidInput

# 32 random bytes, written in 43 characters. A shorter key in a file is a file that was damaged.
KEY_BYTES = 32
KEY_CHARS = 43
OTHERS = stat.S_IRWXG | stat.S_IRWXO


class AdminKey:
    """The one key that may change creators, until people can sign in."""

    def __init__(self, secret: str) -> None:
        self._secret = secret
        self._digest = _digest(secret)

    @classmethod
    def load_or_create(cls, path: Path, *, given: SecretStr | None = None) -> Self:
        """The given key, else the one in the file, which is made at first start; raises as `load_or_create_key`."""
        return cls(load_or_create_key(path, given=given))

    def verify(self, presented: str) -> bool:
        """Whether this is the key; takes the same time however much of it is right."""
        return hmac.compare_digest(_digest(presented), self._digest)

    def reveal(self) -> str:
        """The key itself, for the command that sends it. Never to be logged."""
        return self._secret

    def __repr__(self) -> str:
        return "AdminKey(...)"


def load_or_create_key(path: Path, *, given: SecretStr | None = None) -> str:
    """The given key; else the one kept in `path`, made when there is none.

    A key appears under its name complete or not at all, with mode 0600 in a directory of mode 0700; of several
    processes that start at once, one makes it and all read the same. Raises InvalidInput `key_file_exposed`
    when others may read the file, `key_file_damaged` when it holds no key, `key_file_unreadable` when it cannot
    be read or made.
    """
    if given is not None:
        return given.get_secret_value()
    try:
        with contextlib.suppress(FileNotFoundError):
            return _read(path)
        _create(path)
        return _read(path)
    except OSError as error:
        raise InvalidInput(
            "key_file_unreadable",
            f"The key file {path} cannot be read or made: {error.strerror}.",
            next_step="Let the user that runs Understudy own this file and its directory.",
        ) from error


def _read(path: Path) -> str:
    with path.open("rb") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        if mode & OTHERS:
            raise InvalidInput(
                "key_file_exposed",
                f"Others than its owner may use the key file {path} (mode {mode:04o}).",
                next_step=f"Run `chmod 600 {path}`; if others have had access, delete it and start again for a new key.",
            )
        content = file.read(4096)
    key = content.decode("ascii", errors="replace").strip()
    if len(key) < KEY_CHARS or not key.isascii() or not key.isprintable():
        raise InvalidInput(
            "key_file_damaged",
            f"The key file {path} does not hold a key.",
            next_step="Restore it from a backup, or delete it and start again for a new key.",
        )
    return key


def _create(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_urlsafe(KEY_BYTES).encode("ascii") + b"\n")
            file.flush()
            os.fsync(file.fileno())
        # A link, not a rename: it fails where another process was first, whose key then holds.
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(temporary)
    finally:
        temporary.unlink()


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", errors="surrogatepass")).digest()
