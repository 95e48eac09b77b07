"""Bytes kept by what they are: a file's name in the store is the SHA-256 of its content."""

import asyncio
import errno
import hashlib
import os
import shutil
import sys
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Generator,
    Sequence,
)
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol

from runtime.errors import NotFound, StorageFull, TooLarge

# What is read at once when a file goes out; a multiple of every file system's block.
CHUNK_BYTES = 1024 * 1024
_DIGITS = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A kept file: hexadecimal SHA-256 of its content, and its size in bytes."""

    sha256: str
    size: int


BeforeKept = Callable[[StoredFile], Awaitable[None]]
"""Called when all bytes are there and before their name is. What it raises ends the call, and nothing is kept."""


class FileStore(Protocol):
    """Keeps bytes for ever, or until removed. The same content is kept once.

    Beside whole files it keeps pieces of files that are still coming in. A piece has a name of its own in a group of its own,
    so that it is nobody else's and may be removed at any time.
    """

    async def put(
        self,
        content: bytes | AsyncIterable[bytes],
        *,
        limit: int | None = None,
        before_kept: BeforeKept | None = None,
    ) -> StoredFile:
        """Keep the content. Raises TooLarge `file_too_large` past `limit` bytes, StorageFull `disk_full`.

        Whatever ends it early, what `content` raises included, leaves nothing behind.
        """
        ...

    async def read(self, sha256: str) -> bytes:
        """The content, whole in memory. Raises NotFound `file_not_stored`."""
        ...

    def stream(self, sha256: str, first: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """The content bit by bit: all of it, or the `length` bytes from `first` on, which must be there.

        Raises NotFound `file_not_stored` with the first.
        """
        ...

    def local(self, sha256: str) -> AbstractAsyncContextManager[Path]:
        """The content as a file to read from, for as long as the block lasts. Raises NotFound `file_not_stored`."""
        ...

    async def remove(self, sha256: str) -> None:
        """Forget the content; nothing happens when it is not there."""
        ...

    def kept_before(self, before: datetime) -> AsyncIterator[list[str]]:
        """The contents that came in before then, by some at a time; one that came in again since may be left out."""
        ...

    async def put_piece(self, group: str, name: str, content: bytes) -> None:
        """Keep a piece, in place of the one of that name. Raises StorageFull `disk_full`."""
        ...

    def pieces(self, group: str, names: Sequence[str]) -> AsyncIterator[bytes]:
        """The content of these pieces, one after the other. Raises NotFound `file_not_stored`."""
        ...

    async def remove_pieces(self, group: str, names: Sequence[str] | None = None) -> None:
        """Forget these pieces of a group, or all of it; those that are not there are no error."""
        ...

    async def sweep(self, before: datetime) -> None:
        """Remove what calls that were killed before then have left half done."""
        ...


class LocalFileStore:
    """Files in a directory: `<first two digits>/<sha256>`. A name appears only when its bytes are on disk."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def put(
        self,
        content: bytes | AsyncIterable[bytes],
        *,
        limit: int | None = None,
        before_kept: BeforeKept | None = None,
    ) -> StoredFile:
        async with spooled(self._root / "incoming", content, limit) as (path, stored):
            if before_kept is not None:
                await before_kept(stored)
            await asyncio.to_thread(_keep, path, self._path(stored.sha256))
        return stored

    async def read(self, sha256: str) -> bytes:
        with _missing():
            return await asyncio.to_thread(self._path(sha256).read_bytes)

    async def stream(self, sha256: str, first: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        async for chunk in _read_file(self._path(sha256), first, length):
            yield chunk

    @asynccontextmanager
    async def local(self, sha256: str) -> AsyncGenerator[Path]:
        path = self._path(sha256)
        with _missing():
            await asyncio.to_thread(path.stat)
        yield path

    async def remove(self, sha256: str) -> None:
        await asyncio.to_thread(self._path(sha256).unlink, missing_ok=True)

    async def kept_before(self, before: datetime) -> AsyncIterator[list[str]]:
        for number in range(256):
            if found := await asyncio.to_thread(_contents_in, self._root / f"{number:02x}", before):
                yield found

    async def put_piece(self, group: str, name: str, content: bytes) -> None:
        async with spooled(self._root / "incoming", content, None) as (path, _):
            await asyncio.to_thread(_keep, path, self._pieces(group) / name)

    async def pieces(self, group: str, names: Sequence[str]) -> AsyncIterator[bytes]:
        for name in names:
            async for chunk in _read_file(self._pieces(group) / name):
                yield chunk

    async def remove_pieces(self, group: str, names: Sequence[str] | None = None) -> None:
        if names is None:
            await asyncio.to_thread(shutil.rmtree, self._pieces(group), ignore_errors=True)
            return
        for name in names:
            await asyncio.to_thread((self._pieces(group) / name).unlink, missing_ok=True)

    async def sweep(self, before: datetime) -> None:
        await asyncio.to_thread(sweep_directory, self._root / "incoming", before)

    def _path(self, sha256: str) -> Path:
        return self._root / sha256[:2] / sha256

    def _pieces(self, group: str) -> Path:
        return self._root / "pieces" / group


@asynccontextmanager
async def spooled(
    directory: Path, content: bytes | AsyncIterable[bytes], limit: int | None
) -> AsyncGenerator[tuple[Path, StoredFile]]:
    """The content in a temporary file that is on disk, and what it is; the file goes with the block.

    Raises TooLarge `file_too_large` past `limit` bytes, StorageFull `disk_full`.
    """
    temporary = directory / f"{os.getpid()}-{os.urandom(8).hex()}"
    try:
        await asyncio.to_thread(directory.mkdir, parents=True, exist_ok=True)
        with await asyncio.to_thread(temporary.open, "xb") as file:
            stored = await _fill(file, content, limit)
        yield temporary, stored
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise disk_full() from error
        raise
    finally:
        await asyncio.to_thread(temporary.unlink, missing_ok=True)


def sweep_directory(directory: Path, before: datetime) -> None:
    """Remove the files of a directory that nobody has written to since."""
    if not directory.is_dir():
        return
    for path in directory.iterdir():
        try:
            if path.stat().st_mtime < before.timestamp():
                path.unlink()
        except FileNotFoundError:
            continue  # whoever was at it has just ended


def _contents_in(directory: Path, before: datetime) -> list[str]:
    if not directory.is_dir():
        return []
    with os.scandir(directory) as entries:
        found = [(entry.name, entry.stat().st_mtime) for entry in entries if is_sha256(entry.name)]
    return [name for name, at in found if at < before.timestamp()]


def is_sha256(name: str) -> bool:
    """Whether a name is one that a whole file is kept under."""
    return len(name) == 64 and set(name) <= _DIGITS


def disk_full() -> StorageFull:
    """There is no room for the bytes of a file."""
    return StorageFull(
        "disk_full",
        "There is no room left to keep the file.",
        next_step="Free disk space where Understudy keeps its files, then send it again.",
    )


def not_stored() -> NotFound:
    """There are no such bytes."""
    return NotFound("file_not_stored", "The stored file is gone.", next_step="Upload it again.")


async def _fill(file: BinaryIO, content: bytes | AsyncIterable[bytes], limit: int | None) -> StoredFile:
    digest, size = hashlib.sha256(), 0
    async for chunk in _chunks(content):
        size += len(chunk)
        if limit is not None and size > limit:
            raise TooLarge(
                "file_too_large",
                f"The file is larger than {limit:,} bytes.",
                next_step="Send a smaller file, or raise the limits UNDERSTUDY_GATEWAY__MAX_UPLOAD_BYTES and"
                " UNDERSTUDY_UPLOADS__MAX_*_BYTES.",
            )
        digest.update(chunk)
        await asyncio.to_thread(file.write, chunk)
    await asyncio.to_thread(_sync, file)
    return StoredFile(digest.hexdigest(), size)


async def _chunks(content: bytes | AsyncIterable[bytes]) -> AsyncIterable[bytes]:
    if isinstance(content, bytes):
        yield content
        return
    async for chunk in content:
        yield chunk


async def _read_file(path: Path, first: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
    with _missing():
        file = await asyncio.to_thread(path.open, "rb")
    with file:
        file.seek(first)
        left = sys.maxsize if length is None else length
        while chunk := await asyncio.to_thread(file.read, min(left, CHUNK_BYTES)):
            left -= len(chunk)
            yield chunk


@contextmanager
def _missing() -> Generator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise not_stored() from error


def _keep(temporary: Path, final: Path) -> None:
    final.parent.mkdir(parents=True, exist_ok=True)
    temporary.replace(final)
    # The name, too, is to survive a power cut.
    directory = os.open(final.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
