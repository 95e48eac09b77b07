"""Bringing contents in and removing them, so that neither ever undoes the other.

Who brings a content in holds it before its name appears in the store, and until something refers to it. Who removes one does
so under the same lock, after a look at both.
"""

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from uuid import UUID

from creators import Source
from ingestion.contents import store
from ingestion.contents.originals import Original, original_of
from ingestion.speech.store import forget_pieces
from runtime.clock import Clock
from runtime.database import Database, Transaction
from runtime.files import FileStore, StoredFile

# Longer than any upload takes from its last byte to its acceptance; a hold outlives only a process that was killed.
HOLD = timedelta(hours=6)

Noted = Callable[[Transaction], Awaitable[None]]
"""Called in the transaction in which a content is removed."""


class Contents:
    """What the file store holds for uploads."""

    def __init__(self, *, database: Database, files: FileStore, clock: Clock) -> None:
        self._database = database
        self._files = files
        self._clock = clock

    async def keep(
        self, holder: UUID, content: bytes | AsyncIterable[bytes], *, limit: int | None = None
    ) -> StoredFile:
        """Keep a content for `holder`, who then refers to it and releases it, or lets it go. Raises as `put` does."""

        async def hold(file: StoredFile) -> None:
            async with self._database.transaction() as tx:
                await store.lock(tx, file.sha256)
                await store.hold(tx, holder, file.sha256, self._clock.now() + HOLD)

        return await self._files.put(content, limit=limit, before_kept=hold)

    async def release(self, tx: Transaction, holder: UUID) -> None:
        """End the holds of `holder`; `tx` is the one that makes something refer to what is to stay."""
        await store.release(tx, holder)

    async def let_go(self, holder: UUID, *, noted: Noted | None = None) -> None:
        """End the holds of `holder`, and remove what nothing refers to; `noted` is told of each, when it is removed."""
        now = self._clock.now()
        async with self._database.transaction() as tx:
            held = await store.run_out_now(tx, holder, now)
        for sha256 in held:
            await self._remove_unused(holder, sha256, noted)

    async def sweep(self) -> int:
        """Remove what killed processes held and nothing refers to; the number of contents."""
        now = self._clock.now()
        async with self._database.transaction() as tx:
            left = await store.run_out(tx, now)
        removed = 0
        for hold in left:
            removed += await self._remove_unused(hold.holder, hold.sha256, None)
        await self._files.sweep(now - HOLD)
        return removed

    async def original(self, tx: Transaction, source: Source) -> Original | None:
        """The file of a published source that its citations open; None when there is nothing to open."""
        files = await store.published_files(tx, source.id, source.content_hash)
        return original_of({name: StoredFile(file["sha256"], file["size"]) for name, file in files.items()})

    def stream(self, sha256: str, first: int, length: int) -> AsyncIterator[bytes]:
        """So many bytes of a content from `first` on. Raises as `FileStore.stream` does."""
        return self._files.stream(sha256, first, length)

    async def prune(self, before: datetime) -> int:
        """Remove what came in before then and nothing refers to, however that came about; the number of contents."""
        removed = 0
        async for found in self._files.kept_before(before):
            async with self._database.transaction() as tx:
                unused = await store.unused(tx, found)
            for sha256 in unused:
                removed += await self._remove_unused(None, sha256, None)
        return removed

    async def _remove_unused(self, holder: UUID | None, sha256: str, noted: Noted | None) -> bool:
        """Remove a content unless something refers to it or holds it; the hold of `holder` that has run out goes with it.

        The file is removed while the lock is held: that takes a moment, and whoever brings in the same content waits for it.
        """
        async with self._database.transaction() as tx:
            await store.lock(tx, sha256)
            if holder is not None and not await store.end_hold(tx, holder, sha256):
                return False  # somebody else has done this meanwhile
            if await store.is_used(tx, sha256, self._clock.now()):
                return False
            await self._files.remove(sha256)
            await forget_pieces(tx, sha256)
            if noted is not None:
                await noted(tx)
        return True
