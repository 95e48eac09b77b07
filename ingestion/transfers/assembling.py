"""From whole transfers to an item: a job, so that a file whose last byte was taken is never lost."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from creators import Catalogue, Library
from ingestion.contents import Contents
from ingestion.contents import store as contents
from ingestion.submitting import PARSE, Ingestion
from ingestion.transfers import store
from ingestion.transfers.types import Transfer
from jobs import Effect, Job, JobContext, NewJob, Registration, Schedule
from runtime.clock import Clock
from runtime.database import Database, JsonValue, Transaction
from runtime.errors import InvalidInput, NotFound, UnderstudyError
from runtime.files import FileStore, StoredFile
from runtime.ids import SourceId, new_id

KIND = "ingestion.assembly"
SWEEP_KIND = "ingestion.sweep"
SWEEP_EVERY_S = 900
PRUNE_KIND = "ingestion.prune"
PRUNE_EVERY_S = 24 * 3600
# So long files stay that a newer version has taken the place of, and bytes that nothing refers to.
GRACE = timedelta(days=1)
# So long it is remembered that there was a transfer, after its time was over.
REMEMBERED = timedelta(days=7)
_PURGED_AT_ONCE = 200

log = structlog.get_logger(__name__)


def job_of_item(transfers: Sequence[Transfer]) -> NewJob:
    """The job that makes an item of these files."""
    return NewJob(
        queue=PARSE,
        kind=KIND,
        fairness_key=str(transfers[0].creator_id),
        payload={"transfers": [str(transfer.id) for transfer in transfers]},
        dedupe_key=str(transfers[0].id),
    )


class Assembly:
    """Works on the jobs that `Transfers` queues, and clears away what has been given up."""

    def __init__(
        self,
        *,
        database: Database,
        files: FileStore,
        catalogue: Catalogue,
        ingestion: Ingestion,
        contents: Contents,
        library: Library,
        clock: Clock,
    ) -> None:
        self._library = library
        self._database = database
        self._files = files
        self._catalogue = catalogue
        self._ingestion = ingestion
        self._contents = contents
        self._clock = clock

    def registrations(self) -> dict[str, Registration]:
        """The jobs of this module by kind, for the worker."""
        return {
            KIND: Registration(self.assemble, on_failed=self._on_failed),
            SWEEP_KIND: Registration(self.sweep),
            PRUNE_KIND: Registration(self.prune),
        }

    def schedules(self) -> tuple[Schedule, ...]:
        """What is to be done again and again."""
        return (
            Schedule(SWEEP_KIND, PARSE, SWEEP_KIND, {}, SWEEP_EVERY_S),
            Schedule(PRUNE_KIND, PARSE, PRUNE_KIND, {}, PRUNE_EVERY_S),
        )

    async def assemble(self, context: JobContext) -> Effect:
        """Put each file together from its pieces, and submit the item. Raises what `Ingestion.submit_kept` raises."""
        ids = _transfers_of(context.job)
        async with self._database.transaction() as tx:
            found = [await store.find(tx, id) for id in ids]
            transfers = [transfer for transfer in found if transfer is not None]
            if len(transfers) < len(ids):
                raise InvalidInput(
                    "upload_gone", "The upload has been removed meanwhile.", next_step="Send the files again."
                )
            creator = await self._catalogue.find(tx, str(transfers[0].creator_id))
        holder = new_id()
        try:
            kept = {transfer.filename: await self._whole(context, transfer, holder) for transfer in transfers}
            await context.progress("check", 0, len(kept))
            submission = await self._ingestion.submit_kept(creator, kept, holder)
        except InvalidInput:
            # It will be refused whenever it is tried: nothing of it is kept.
            await self._forget_pieces(ids)
            raise
        finally:
            await self._contents.let_go(holder)

        async def accept(tx: Transaction) -> dict[str, JsonValue]:
            await store.end(tx, ids, "accepted", source_id=submission.source_id)
            tx.after_commit(lambda: self._forget_pieces(ids))
            made = {"source_id": submission.source_id, "job_id": submission.job_id}
            return {
                **{name: None if id is None else str(id) for name, id in made.items()},
                "state": submission.state,
            }

        return accept

    async def sweep(self, _context: JobContext) -> Effect:
        """Give up what nobody went on with, and remove the bytes that are needed no more."""
        purged = 0
        while True:
            now = self._clock.now()
            async with self._database.transaction() as tx:
                await store.expire(tx, now)
                ids = await store.to_purge(tx, now, _PURGED_AT_ONCE)
            if not ids:
                break
            for id in ids:
                await self._files.remove_pieces(str(id))
            async with self._database.transaction() as tx:
                await store.mark_purged(tx, ids, now)
            purged += len(ids)
        removed = await self._contents.sweep()

        async def effect(tx: Transaction) -> dict[str, JsonValue]:
            await store.forget(tx, self._clock.now() - REMEMBERED)
            return {"uploads": purged, "contents": removed}

        return effect

    async def prune(self, context: JobContext) -> Effect:
        """Remove the files of versions that a newer one has replaced, then all content that nothing refers to."""
        before, holder = self._clock.now() - GRACE, new_id()
        async with self._database.transaction() as tx:
            sources = await contents.superseded_sources(tx, before)
        versions = 0
        for done, source_id in enumerate(sources):
            await context.progress("prune", done, len(sources))
            versions += await self._forget_superseded(source_id, holder, before)
        await self._contents.let_go(holder)
        removed = await self._contents.prune(before)

        async def effect(_tx: Transaction) -> dict[str, JsonValue]:
            return {"versions": versions, "contents": removed}

        return effect

    async def _forget_superseded(self, source_id: SourceId, holder: UUID, before: datetime) -> int:
        async with self._database.transaction() as tx:
            await self._library.lock(tx, source_id)
            try:
                source = await self._library.source(tx, source_id)
            except NotFound:
                return 0  # removed meanwhile, and its files with it
            return await contents.forget_superseded(
                tx, source_id, source.content_hash, holder, before=before, now=self._clock.now()
            )

    async def _whole(self, context: JobContext, transfer: Transfer, holder: UUID) -> StoredFile:
        async with self._database.transaction() as tx:
            names = await store.pieces(tx, transfer.id)

        async def content() -> AsyncIterator[bytes]:
            done = 0
            async for chunk in self._files.pieces(str(transfer.id), names):
                yield chunk
                done += len(chunk)
                await context.progress("assemble", done, transfer.length)

        return await self._contents.keep(holder, content())

    async def _forget_pieces(self, ids: Sequence[UUID]) -> None:
        try:
            for id in ids:
                await self._files.remove_pieces(str(id))
        except UnderstudyError as error:
            log.warning("pieces_left", code=error.code)  # the sweep comes by later

    async def _on_failed(self, tx: Transaction, job: Job) -> None:
        await store.end(tx, _transfers_of(job), "refused", error_code=job.error_code)


def _transfers_of(job: Job) -> list[UUID]:
    ids = job.payload["transfers"]
    assert isinstance(ids, list)  # noqa: S101 - as `job_of_item` writes it
    return [UUID(str(id)) for id in ids]
