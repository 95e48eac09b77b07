"""The file store: content-addressed, whole or not at all."""

import errno
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from runtime import files
from runtime.errors import NotFound, StorageFull, TooLarge
from runtime.files import LocalFileStore


def _all_files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


async def _pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def test_content_is_kept_once_under_its_hash(tmp_path: Path) -> None:
    store = LocalFileStore(tmp_path)
    first = await store.put(b"hello")
    second = await store.put(_pieces(b"hel", b"lo"))
    assert first == second
    assert (first.sha256, first.size) == (hashlib.sha256(b"hello").hexdigest(), 5)
    assert await store.read(first.sha256) == b"hello"
    assert len(_all_files(tmp_path)) == 1


async def test_too_much_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(TooLarge):
        await LocalFileStore(tmp_path).put(_pieces(b"12345", b"67890"), limit=9)
    assert _all_files(tmp_path) == []


async def test_a_full_disk_is_named_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files, "_sync", full)
    with pytest.raises(StorageFull) as caught:
        await LocalFileStore(tmp_path).put(b"hello")
    assert caught.value.code == "disk_full"
    assert _all_files(tmp_path) == []


async def test_an_interrupted_upload_leaves_nothing(tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"half"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await LocalFileStore(tmp_path).put(broken())
    assert _all_files(tmp_path) == []


async def test_removed_content_is_not_found(tmp_path: Path) -> None:
    store = LocalFileStore(tmp_path)
    stored = await store.put(b"hello")
    await store.remove(stored.sha256)
    await store.remove(stored.sha256)
    with pytest.raises(NotFound):
        await store.read(stored.sha256)
