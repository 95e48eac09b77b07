"""What every file store must do, on a directory and on a real S3 server."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from runtime import files
from runtime.errors import InvalidInput, NotFound, StorageFull, TooLarge, Unavailable
from runtime.files import FileStore, LocalFileStore, StoredFile
from runtime.s3_files import PART_BYTES, S3FileStore
from runtime.settings import FileSettings
from tests.s3_server import S3Server

SMALL = b"hello"
LARGE = os.urandom(PART_BYTES) + b"x" * PART_BYTES + b"end"
Kept = Callable[[], set[str]]
"""All that a store keeps, anywhere, as relative names; what is half done included."""


@pytest.fixture(params=["local", "s3"])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[FileStore, Kept]:
    """A store, and a way to look behind it."""

    def spooled() -> set[str]:
        return {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}

    if request.param == "local":
        return LocalFileStore(tmp_path), spooled
    server: S3Server = request.getfixturevalue("s3_server")
    bucket = server.new_bucket()
    store = S3FileStore.open(server.settings(f"s3://{bucket}/some/prefix"), tmp_path)
    return store, lambda: spooled() | server.everything_in(bucket)


@pytest.fixture
def store(made: tuple[FileStore, Kept]) -> FileStore:
    return made[0]


@pytest.fixture
def kept(made: tuple[FileStore, Kept]) -> Kept:
    return made[1]


async def _pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def _all(stream: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in stream])


@pytest.mark.parametrize("content", [b"", SMALL, LARGE], ids=["empty", "small", "large"])
async def test_the_same_bytes_come_back(store: FileStore, content: bytes) -> None:
    stored = await store.put(_pieces(content[:3], content[3:]))
    assert stored == StoredFile(hashlib.sha256(content).hexdigest(), len(content))
    assert await store.read(stored.sha256) == content
    assert await _all(store.stream(stored.sha256)) == content
    async with store.local(stored.sha256) as path:
        assert path.read_bytes() == content


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])
async def test_the_same_content_is_kept_once(store: FileStore, kept: Kept, content: bytes) -> None:
    first = await store.put(content)
    assert await asyncio.gather(*(store.put(_pieces(content)) for _ in range(8))) == [first] * 8
    assert len(kept()) == 1
    assert await store.read(first.sha256) == content


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])
async def test_a_part_can_be_asked_for(store: FileStore, content: bytes) -> None:
    stored = await store.put(content)
    for first, length in ((0, 1), (2, 3), (len(content) - 4, 4), (0, len(content))):
        assert await _all(store.stream(stored.sha256, first, length)) == content[first : first + length]


async def test_large_content_goes_out_in_parts(store: FileStore) -> None:
    stored = await store.put(LARGE)
    sizes = [len(chunk) async for chunk in store.stream(stored.sha256)]
    assert max(sizes) < len(LARGE)


async def test_what_is_kept_is_listed_by_when_it_came(store: FileStore) -> None:
    kept = {(await store.put(content)).sha256 for content in (SMALL, b"other")}
    await store.put_piece("group", "a" * 64, SMALL)
    hour = timedelta(hours=1)
    now = datetime.now(UTC)
    assert {name async for names in store.kept_before(now + hour) for name in names} == kept
    assert [names async for names in store.kept_before(now - hour)] == []


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])
async def test_too_much_leaves_nothing(store: FileStore, kept: Kept, content: bytes) -> None:
    with pytest.raises(TooLarge) as caught:
        await store.put(_pieces(content[:-1], content[-1:]), limit=len(content) - 1)
    assert caught.value.code == "file_too_large"
    assert kept() == set()
    assert (await store.put(content, limit=len(content))).size == len(content)


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])
async def test_a_cut_stream_leaves_nothing(store: FileStore, kept: Kept, content: bytes) -> None:
    async def cut() -> AsyncIterator[bytes]:
        yield content
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await store.put(cut())
    assert kept() == set()


async def test_what_refuses_at_the_last_moment_leaves_nothing(store: FileStore, kept: Kept) -> None:
    async def refuse(file: StoredFile) -> None:
        assert file.sha256 == hashlib.sha256(SMALL).hexdigest()
        with pytest.raises(NotFound):
            await store.read(file.sha256)
        raise InterruptedError

    with pytest.raises(InterruptedError):
        await store.put(SMALL, before_kept=refuse)
    assert kept() == set()


async def test_a_full_disk_leaves_nothing(
    store: FileStore, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(files, "_sync", full)
    with pytest.raises(StorageFull) as caught:
        await store.put(SMALL)
    assert caught.value.code == "disk_full"
    assert kept() == set()


async def test_what_is_not_there_is_not_found(store: FileStore) -> None:
    nothing = hashlib.sha256(b"nothing").hexdigest()
    with pytest.raises(NotFound):
        await store.read(nothing)
    with pytest.raises(NotFound):
        await _all(store.stream(nothing))
    with pytest.raises(NotFound):
        async with store.local(nothing):
            pass
    with pytest.raises(NotFound):
        await _all(store.pieces("none", ["0"]))


async def test_removed_content_is_gone(store: FileStore, kept: Kept) -> None:
    stored, other = await store.put(SMALL), await store.put(b"other")
    await store.remove(stored.sha256)
    await store.remove(stored.sha256)
    with pytest.raises(NotFound):
        await store.read(stored.sha256)
    assert await store.read(other.sha256) == b"other"
    assert len(kept()) == 1


async def test_pieces_come_back_in_the_order_asked_for(store: FileStore, kept: Kept) -> None:
    await store.put_piece("a", "1", b"one")
    await store.put_piece("a", "2", b"two")
    await store.put_piece("a", "3", b"lost")
    await store.put_piece("ab", "1", b"another's")
    await store.put_piece("a", "1", b"One")
    assert await _all(store.pieces("a", ["2", "1"])) == b"twoOne"
    await store.remove_pieces("a", ["3", "never"])
    with pytest.raises(NotFound):
        await _all(store.pieces("a", ["3"]))
    await store.remove_pieces("a")
    await store.remove_pieces("a")
    assert await _all(store.pieces("ab", ["1"])) == b"another's"
    assert len(kept()) == 1


async def test_what_a_killed_call_left_is_swept(store: FileStore, tmp_path: Path) -> None:
    await store.put(SMALL)
    folder = tmp_path / "incoming" if isinstance(store, LocalFileStore) else tmp_path
    old, young = folder / "old", folder / "young"
    old.touch()
    young.touch()
    now = datetime.now(UTC)
    os.utime(old, (0, (now - timedelta(days=2)).timestamp()))
    await store.sweep(now - timedelta(days=1))
    assert (old.exists(), young.exists()) == (False, True)


async def test_a_bucket_that_is_not_there_is_a_passing_trouble(tmp_path: Path, s3_server: S3Server) -> None:
    store = S3FileStore.open(s3_server.settings(f"s3://no-such-bucket-{uuid4().hex}"), tmp_path)
    with pytest.raises(Unavailable) as caught:
        await store.put(SMALL)
    assert caught.value.code == "files_unavailable"
    assert os.listdir(tmp_path) == []


def test_keys_are_not_shown(tmp_path: Path) -> None:
    settings = FileSettings.model_validate({"url": "s3://b", "access_key": "k", "secret_key": "hunter2"})
    assert "hunter2" not in repr(settings)
    assert "hunter2" not in repr(S3FileStore.open(settings, tmp_path).__dict__)


@pytest.mark.parametrize(
    "given",
    [{"url": "bucket"}, {"url": "s3://"}, {"url": "https://b/c"}, {"url": "s3://b", "access_key": "k"}],
)
def test_settings_that_name_no_bucket_are_told(given: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        S3FileStore.open(FileSettings.model_validate(given), tmp_path)
    assert caught.value.code == "settings_invalid"
