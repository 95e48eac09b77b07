"""Bytes kept by what they are: a file's name in the store is the SHA-256 of its content."""

import asyncio
import errno
import hashlib
import os
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from runtime.errors import NotFound, StorageFull, TooLarge


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A kept file: hexadecimal SHA-256 of its content, and its size in bytes."""

    sha256: str
    size: int


class FileStore(Protocol):
    """Keeps bytes for ever, or until removed. The same content is kept once."""

    async def put(self, content: bytes | AsyncIterable[bytes], *, limit: int | None = None) -> StoredFile:
        """Keep the content. Raises TooLarge `file_too_large` past `limit` bytes, StorageFull `disk_full`."""
        ...

    async def read(self, sha256: str) -> bytes:
        """The content. Raises NotFound `file_not_stored`."""
        ...

    def local(self, sha256: str) -> AbstractAsyncContextManager[Path]:
        """The content as a file to read from, for as long as the block lasts. Raises NotFound `file_not_stored`."""
        ...

    async def remove(self, sha256: str) -> None:
        """Forget the content; nothing happens when it is not there."""
        ...


class LocalFileStore:
    """Files in a directory: `<first two digits>/<sha256>`. A name appears only when its bytes are on disk."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def put(self, content: bytes | AsyncIterable[bytes], *, limit: int | None = None) -> StoredFile:
        incoming = self._root / "incoming"
        temporary = incoming / f"{os.getpid()}-{os.urandom(8).hex()}"
        try:
            await asyncio.to_thread(incoming.mkdir, parents=True, exist_ok=True)
            with await asyncio.to_thread(temporary.open, "xb") as file:
                stored = await self._fill(file, content, limit)
            await asyncio.to_thread(self._keep, temporary, self._path(stored.sha256))
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise StorageFull(
                    "disk_full",
                    "There is no room left to keep the file.",
                    next_step="Free disk space where Understudy keeps its files, then send it again.",
                ) from error
            raise
        finally:
            await asyncio.to_thread(temporary.unlink, missing_ok=True)
        return stored

    async def read(self, sha256: str) -> bytes:
        try:
            return await asyncio.to_thread(self._path(sha256).read_bytes)
        except FileNotFoundError as error:
            raise NotFound(
                "file_not_stored", "The stored file is gone.", next_step="Upload it again."
            ) from error

    @asynccontextmanager
    async def local(self, sha256: str) -> AsyncGenerator[Path]:
        path = self._path(sha256)
        if not await asyncio.to_thread(path.is_file):
            raise NotFound("file_not_stored", "The stored file is gone.", next_step="Upload it again.")
        yield path

    async def remove(self, sha256: str) -> None:
        await asyncio.to_thread(self._path(sha256).unlink, missing_ok=True)

    def _path(self, sha256: str) -> Path:
        return self._root / sha256[:2] / sha256

    @staticmethod
    async def _fill(file: BinaryIO, content: bytes | AsyncIterable[bytes], limit: int | None) -> StoredFile:
        digest, size = hashlib.sha256(), 0
        async for chunk in _chunks(content):
            size += len(chunk)
            if limit is not None and size > limit:
                raise TooLarge(
                    "file_too_large",
                    f"The file is larger than {limit:,} bytes.",
                    next_step="Send a smaller file, or raise UNDERSTUDY_GATEWAY__MAX_UPLOAD_BYTES.",
                )
            digest.update(chunk)
            await asyncio.to_thread(file.write, chunk)
        await asyncio.to_thread(_sync, file)
        return StoredFile(digest.hexdigest(), size)

    @staticmethod
    def _keep(temporary: Path, final: Path) -> None:
        final.parent.mkdir(exist_ok=True)
        temporary.replace(final)


async def _chunks(content: bytes | AsyncIterable[bytes]) -> AsyncIterable[bytes]:
    if isinstance(content, bytes):
        yield content
        return
    async for chunk in content:
        yield chunk


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
