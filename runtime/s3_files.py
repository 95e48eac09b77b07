# pyright: reportUnknownMemberType=false
# obstore is typed in part only.
"""The file store on anything that speaks S3."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import S3Store

from runtime.errors import InvalidInput, Unavailable
from runtime.files import BeforeKept, StoredFile, is_sha256, not_stored, spooled, sweep_directory
from runtime.settings import FileSettings

if TYPE_CHECKING:
    from obstore import GetOptions

# Parts of a large upload; S3 takes at most 10,000 of at least 5 MiB (S3 user guide, "Multipart upload limits"): 80 GiB.
PART_BYTES = 8 * 1024 * 1024
_PARTS_AT_ONCE = 4
_CONNECT_TIMEOUT = timedelta(seconds=5)
_READ_TIMEOUT = timedelta(seconds=30)  # without a byte
_TIMEOUT = timedelta(hours=2)  # of a whole request: the largest file over a slow line
_RETRY_FOR = timedelta(seconds=20)


class S3FileStore:
    """Files as objects: `<prefix>/<first two digits>/<sha256>`, pieces as `<prefix>/pieces/<group>/<name>`.

    What comes in is first spooled to a file below `spool`, because its name is known only at its end: so a name appears only
    with all of its bytes, and what is cut off never reaches the bucket. All calls raise Unavailable `files_unavailable` when
    the server does not answer as it should. A process that is killed in the middle of a large upload leaves parts that no name
    shows; a lifecycle rule of the bucket removes those (AbortIncompleteMultipartUpload).
    """

    def __init__(self, store: S3Store, spool: Path) -> None:
        self._store = store
        self._spool = spool

    @classmethod
    def open(cls, settings: FileSettings, spool: Path) -> "S3FileStore":
        """The store that the settings name. Raises InvalidInput `settings_invalid`."""
        address = urlsplit(settings.url or "")
        if address.scheme != "s3" or not address.netloc:
            raise InvalidInput(
                "settings_invalid",
                "UNDERSTUDY_FILES__URL does not name a bucket.",
                next_step="Write it as s3://bucket/prefix, or leave it empty for the directory under var/.",
            )
        if (settings.access_key is None) != (settings.secret_key is None):
            raise InvalidInput(
                "settings_invalid",
                "Of UNDERSTUDY_FILES__ACCESS_KEY and UNDERSTUDY_FILES__SECRET_KEY only one is set.",
                next_step="Set both, or neither for the keys that Amazon's own tools would find.",
            )
        # What is not given is looked for where Amazon's own tools look: in the environment and the instance's metadata.
        given = {
            "endpoint": settings.endpoint,
            "region": settings.region,
            "access_key_id": settings.access_key and settings.access_key.get_secret_value(),
            "secret_access_key": settings.secret_key and settings.secret_key.get_secret_value(),
        }
        store = S3Store(
            address.netloc,
            prefix=address.path.strip("/") or None,
            virtual_hosted_style_request=not settings.path_style,
            client_options={
                "allow_http": (settings.endpoint or "").startswith("http://"),
                "connect_timeout": _CONNECT_TIMEOUT,
                "read_timeout": _READ_TIMEOUT,
                "timeout": _TIMEOUT,
            },
            retry_config={"retry_timeout": _RETRY_FOR},
            **{name: value for name, value in given.items() if value},  # pyright: ignore[reportArgumentType]
        )
        return cls(store, spool)

    async def put(
        self,
        content: bytes | AsyncIterable[bytes],
        *,
        limit: int | None = None,
        before_kept: BeforeKept | None = None,
    ) -> StoredFile:
        async with spooled(self._spool, content, limit) as (path, stored):
            if before_kept is not None:
                await before_kept(stored)
            await self._upload(_key(stored.sha256), path, stored.size)
        return stored

    async def read(self, sha256: str) -> bytes:
        with _named(reading=True):
            answer = await self._store.get_async(_key(sha256))
            return bytes(await answer.bytes_async())

    async def stream(self, sha256: str, first: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        async for chunk in self._get(_key(sha256), first, length):
            yield chunk

    @asynccontextmanager
    async def local(self, sha256: str) -> AsyncGenerator[Path]:
        async with spooled(self._spool, self.stream(sha256), None) as (path, _):
            yield path

    async def remove(self, sha256: str) -> None:
        await self._delete([_key(sha256)])

    async def kept_before(self, before: datetime) -> AsyncIterator[list[str]]:
        with _named():
            async for listed in self._store.list(return_arrow=False):
                old = [found["path"] for found in listed if found["last_modified"] < before]
                if names := [
                    name for key in old if is_sha256(name := key.rpartition("/")[2]) and _key(name) == key
                ]:
                    yield names

    async def put_piece(self, group: str, name: str, content: bytes) -> None:
        with _named():
            await self._store.put_async(f"pieces/{group}/{name}", content, use_multipart=False)

    async def pieces(self, group: str, names: Sequence[str]) -> AsyncIterator[bytes]:
        for name in names:
            async for chunk in self._get(f"pieces/{group}/{name}"):
                yield chunk

    async def remove_pieces(self, group: str, names: Sequence[str] | None = None) -> None:
        if names is not None:
            await self._delete([f"pieces/{group}/{name}" for name in names])
            return
        with _named():
            async for listed in self._store.list(f"pieces/{group}", return_arrow=False):
                await self._store.delete_async([found["path"] for found in listed])

    async def sweep(self, before: datetime) -> None:
        await asyncio.to_thread(sweep_directory, self._spool, before)

    async def _upload(self, key: str, path: Path, size: int) -> None:
        with _named():
            if size <= PART_BYTES:
                try:
                    await self._store.put_async(key, path, mode="create", use_multipart=False)
                except AlreadyExistsError:
                    return  # the same name is the same content
            elif not await self._exists(key):
                await self._store.put_async(key, path, chunk_size=PART_BYTES, max_concurrency=_PARTS_AT_ONCE)

    async def _exists(self, key: str) -> bool:
        try:
            await self._store.head_async(key)
        except FileNotFoundError:
            return False
        return True

    async def _get(self, key: str, first: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        wanted: GetOptions = {} if length is None else {"range": (first, first + length)}
        with _named(reading=True):
            answer = await self._store.get_async(key, options=wanted)
            async for chunk in answer.stream(min_chunk_size=PART_BYTES):
                yield bytes(chunk)

    async def _delete(self, keys: list[str]) -> None:
        if not keys:
            return
        with _named():
            try:
                await self._store.delete_async(keys)
            except FileNotFoundError:
                return  # some servers say so, most do not


def _key(sha256: str) -> str:
    return f"{sha256[:2]}/{sha256}"


@contextmanager
def _named(*, reading: bool = False) -> Generator[None]:
    """The library's errors as ours; its messages name addresses and are left out. Not found in writing is the bucket."""
    try:
        yield
    except (BaseError, FileNotFoundError) as error:
        if reading and isinstance(error, FileNotFoundError):
            raise not_stored() from error
        raise Unavailable(
            "files_unavailable",
            "The object store that keeps the files does not answer as it should.",
            next_step="Check UNDERSTUDY_FILES__URL, its endpoint and its keys, and that the bucket exists.",
        ) from error
