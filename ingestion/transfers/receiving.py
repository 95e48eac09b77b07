"""Taking in the bytes of a transfer: in pieces that are each kept before they count.

Whatever is killed, what `received` says is in the file store, and at most the last piece is sent again.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from uuid import UUID

from ingestion.checks import HEAD_BYTES, check_content, largest
from ingestion.transfers import store
from ingestion.transfers.assembling import job_of_item
from ingestion.transfers.types import Checksum, NewTransfer, Piece, Transfer
from jobs import JobQueue
from runtime.clock import Clock
from runtime.database import Database, Transaction
from runtime.errors import Conflict, InvalidInput, NotFound, TooLarge
from runtime.files import FileStore
from runtime.ids import CreatorId, new_id
from runtime.settings import UploadSettings

# What is held in memory of a transfer, and lost of it when the process is killed.
PIECE_BYTES = 8 * 1024 * 1024
# What came in slowly is kept after so many seconds, however little it is.
KEEP_EVERY_S = 5.0
# A request that has said nothing for so many times the patience with its client is dead.
PATIENCE = 4


class Transfers:
    """Takes files in piece by piece. What it is given stays its owner's to close."""

    def __init__(
        self, *, database: Database, files: FileStore, queue: JobQueue, clock: Clock, settings: UploadSettings
    ) -> None:
        self._database = database
        self._files = files
        self._queue = queue
        self._clock = clock
        self._settings = settings

    @property
    def max_bytes(self) -> int:
        """The largest file that is taken of any kind."""
        limits = self._settings
        return max(limits.max_captions_bytes, limits.max_document_bytes, limits.max_media_bytes)

    async def begin(self, new: NewTransfer) -> Transfer:
        """Make room for a file. Raises TooLarge `file_too_large`. A file without content is whole at once."""
        limit = largest(new.filename, self._settings)
        if new.length > limit:
            raise TooLarge(
                "file_too_large",
                f"{new.filename} has {new.length:,} bytes, and files of its kind may have {limit:,}.",
                next_step="Send a smaller one, or raise the limits UNDERSTUDY_UPLOADS__MAX_*_BYTES.",
            )
        id, now = new_id(), self._clock.now()
        async with self._database.transaction() as tx:
            await store.add(tx, id, new, now=now, expires_at=self._expiry())
            if new.length == 0:
                await self._complete(tx, id)
        return await self.look(id)

    async def look(self, id: UUID) -> Transfer:
        """How far a transfer is. Raises NotFound `upload_not_found`, `upload_expired`."""
        async with self._database.transaction() as tx:
            transfer = await store.find(tx, id)
        return _known(transfer)

    async def resumable(self, creator_id: CreatorId, item: str) -> list[Transfer]:
        """The transfers of an item that can be gone on with, or whose item is being made."""
        async with self._database.transaction() as tx:
            found = await store.resumable(tx, creator_id, item)
        now = self._clock.now()
        return [transfer for transfer in found if transfer.state == "whole" or transfer.expires_at > now]

    async def add(
        self, id: UUID, offset: int, content: AsyncIterator[bytes], checksum: Checksum | None = None
    ) -> Transfer:
        """Take in the bytes from `offset` on, as many as come. With a checksum all of them count, or none.

        An end of `content` before the end of the file is a connection that broke: what came is kept.

        Raises NotFound as `look` does; Conflict `upload_offset_wrong`, `upload_busy` while another request is at it,
        `checksum_wrong`; TooLarge `upload_too_long`; InvalidInput `content_contradicts_name`, as early as that shows, which ends
        the transfer; StorageFull `disk_full`.
        """
        transfer, holder = await self._claim(id, offset)
        inlet = _Inlet(self._files, transfer, holder)
        try:
            await self._receive(inlet, transfer, holder, content, checksum)
        except InvalidInput as error:
            if not isinstance(error, TooLarge):
                await self._refuse(id, error)
            raise
        finally:
            await inlet.drop_uncounted()
            async with self._database.transaction() as tx:
                await store.release(tx, id, holder)
        return await self.look(id)

    async def terminate(self, id: UUID) -> None:
        """Give a transfer up, and forget its bytes. Raises NotFound as `look` does, Conflict `upload_accepted`."""
        transfer = await self.look(id)
        if transfer.job_id is not None:
            raise Conflict(
                "upload_accepted",
                "All of the file has come, and an item is being made of it.",
                next_step="Remove the item from the library instead.",
            )
        async with self._database.transaction() as tx:
            await store.end(tx, [id], "terminated")
        await self._files.remove_pieces(str(id))

    async def _receive(
        self,
        inlet: "_Inlet",
        transfer: Transfer,
        holder: UUID,
        content: AsyncIterator[bytes],
        checksum: Checksum | None,
    ) -> None:
        digest = None if checksum is None else hashlib.new(checksum.algorithm, usedforsecurity=False)
        kept_at = self._clock.monotonic()
        try:
            while chunk := await self._next(content):
                inlet.take(chunk)
                if digest is not None:
                    digest.update(chunk)
                late = self._clock.monotonic() - kept_at >= KEEP_EVERY_S
                if len(inlet.buffer) >= PIECE_BYTES or late:
                    await self._keep(inlet, transfer, holder, count=digest is None)
                    kept_at = self._clock.monotonic()
        except BaseException:
            # The process stops, or the line is cut in a way of its own: what came is worth keeping.
            if digest is None:
                await self._keep(inlet, transfer, holder, count=True)
            raise
        if digest is not None and checksum is not None and digest.digest() != checksum.digest:
            raise Conflict(
                "checksum_wrong",
                "The bytes that came are not those that were sent.",
                next_step="Send them again.",
            )
        await self._keep(inlet, transfer, holder, count=True)

    async def _next(self, content: AsyncIterator[bytes]) -> bytes:
        """The next bytes; none when the client has gone, or says nothing for too long."""
        try:
            async with asyncio.timeout(self._settings.stall_s):
                async for chunk in content:
                    if chunk:
                        return chunk
        except TimeoutError:
            return b""
        return b""

    async def _keep(self, inlet: "_Inlet", transfer: Transfer, holder: UUID, *, count: bool) -> None:
        await inlet.flush()
        if not count or not inlet.uncounted:
            return
        pieces = list(inlet.uncounted)
        async with self._database.transaction() as tx:
            now = self._clock.now()
            moved = await store.advance(
                tx, transfer.id, holder, pieces, busy_until=now + self._patience, expires_at=self._expiry()
            )
            if not moved:
                raise _busy()
            await self._complete(tx, transfer.id)
        inlet.uncounted.clear()

    async def _complete(self, tx: Transaction, id: UUID) -> None:
        transfer = await store.find(tx, id)
        if transfer is None or transfer.received < transfer.length:
            return
        if item := await store.complete(tx, transfer):
            job_id = await self._queue.enqueue(tx, job_of_item(item))
            await store.set_job(tx, [one.id for one in item], job_id)

    async def _claim(self, id: UUID, offset: int) -> tuple[Transfer, UUID]:
        holder, now = new_id(), self._clock.now()
        async with self._database.transaction() as tx:
            taken = await store.claim(
                tx, id, offset=offset, holder=holder, now=now, until=now + self._patience
            )
            transfer = _known(await store.find(tx, id))
            busy = not taken and await store.is_busy(tx, id, now)
        if taken:
            return transfer, holder
        if busy:
            raise _busy()
        if transfer.received == offset and transfer.expires_at <= now:
            raise _expired()
        raise Conflict(
            "upload_offset_wrong",
            f"The upload goes on at byte {transfer.received}, not at {offset}.",
            next_step="Ask for the offset with HEAD, and go on from there.",
        )

    async def _refuse(self, id: UUID, error: InvalidInput) -> None:
        async with self._database.transaction() as tx:
            await store.end(tx, [id], "refused", error_code=error.code)
        await self._files.remove_pieces(str(id))

    @property
    def _patience(self) -> timedelta:
        return timedelta(seconds=PATIENCE * self._settings.stall_s)

    def _expiry(self) -> datetime:
        return self._clock.now() + timedelta(seconds=self._settings.expire_s)


class _Inlet:
    """The bytes of one request on their way into the file store. `uncounted` are kept, and not part of the transfer yet."""

    def __init__(self, files: FileStore, transfer: Transfer, holder: UUID) -> None:
        self._files = files
        self._transfer = transfer
        self._holder = holder
        self._at = transfer.received
        self.buffer = bytearray()
        self.uncounted: list[Piece] = []

    def take(self, chunk: bytes) -> None:
        """Take in the next bytes. Raises TooLarge `upload_too_long`."""
        self.buffer += chunk
        if self._at + len(self.buffer) > self._transfer.length:
            self.buffer.clear()
            raise TooLarge(
                "upload_too_long",
                f"More bytes came than the {self._transfer.length:,} that were announced.",
                next_step="Begin a new upload with the length that the file has.",
            )

    async def flush(self) -> None:
        """Keep what is in memory as a piece. Raises InvalidInput `content_contradicts_name` for a file's first."""
        if not self.buffer:
            return
        if self._at == 0:
            check_content(self._transfer.filename, bytes(self.buffer[:HEAD_BYTES]))
        # Named by the request too: one that has lost its right cannot write over another's piece.
        piece = Piece(self._at, len(self.buffer), f"{self._at:020}-{self._holder}")
        content = bytes(self.buffer)
        self.buffer.clear()
        await self._files.put_piece(str(self._transfer.id), piece.name, content)
        self._at += piece.size
        self.uncounted.append(piece)

    async def drop_uncounted(self) -> None:
        """Forget what did not come to count."""
        await self._files.remove_pieces(str(self._transfer.id), [piece.name for piece in self.uncounted])
        self.uncounted.clear()


def _known(transfer: Transfer | None) -> Transfer:
    if transfer is None or transfer.state == "terminated":
        raise NotFound(
            "upload_not_found", "There is no such upload.", next_step="Begin a new one with POST /uploads."
        )
    if transfer.state == "expired":
        raise _expired()
    return transfer


def _expired() -> NotFound:
    return NotFound(
        "upload_expired",
        "Nothing was added to this upload for too long, and its bytes are gone.",
        next_step="Begin a new one with POST /uploads.",
    )


def _busy() -> Conflict:
    return Conflict(
        "upload_busy",
        "Another request is adding to this upload.",
        next_step="Wait until it has ended, ask for the offset with HEAD, and go on from there.",
    )
