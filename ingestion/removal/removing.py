"""The removal of a source or a creator: out of sight with the request, gone when the job has ended.

Each step removes and counts in one transaction, so that the receipt of a job that was killed and taken up again is right.
"""

import asyncio
from functools import partial
from uuid import UUID

from creators import Catalogue, Creator, Library
from ingestion.contents import Contents
from ingestion.removal import store
from ingestion.submitting import EMBED
from ingestion.submitting import KIND as INGEST_KIND
from ingestion.transfers import store as transfers
from jobs import Effect, JobContext, JobQueue, NewJob, Registration
from retrieval import IndexName, PassageWriter
from runtime.clock import Clock
from runtime.database import Database, JsonValue, Transaction
from runtime.errors import Defect, NotFound
from runtime.files import FileStore
from runtime.ids import CreatorId, JobId, SourceId

KIND = "ingestion.removal"
# What works on the source at this moment is waited for; how often is looked whether it has ended.
LOOK_EVERY_S = 1.0


class Removals:
    """Takes requests for removal."""

    def __init__(self, *, catalogue: Catalogue, library: Library, queue: JobQueue, clock: Clock) -> None:
        self._catalogue = catalogue
        self._library = library
        self._queue = queue
        self._clock = clock

    async def remove_source(self, tx: Transaction, creator: Creator, source_id: SourceId) -> JobId:
        """Withdraw a source, and queue its removal. Raises NotFound `source_not_found`, also for another creator's."""
        source = await self._library.source(tx, source_id)
        if source.creator_id != creator.id:
            raise NotFound(
                "source_not_found", "There is no such source.", next_step="List the creator's sources."
            )
        await self._library.take_down(tx, creator.id, source_id)
        return await self._request(tx, creator.id, source_id)

    async def remove_creator(self, tx: Transaction, creator: Creator) -> JobId:
        """Hide a creator with everything it has, and queue its removal."""
        await self._catalogue.hide(tx, creator.id)
        await self._library.take_down(tx, creator.id)
        return await self._request(tx, creator.id, None)

    async def _request(self, tx: Transaction, creator_id: CreatorId, source_id: SourceId | None) -> JobId:
        id = await store.request(tx, creator_id, source_id, self._clock.now())
        job = NewJob(
            queue=EMBED,
            kind=KIND,
            fairness_key=str(creator_id),
            payload={"removal_id": str(id)},
            dedupe_key=str(id),
            priority=1,
        )
        return await self._queue.enqueue(tx, job)


class Remover:
    """Works on the jobs that `Removals` queues."""

    def __init__(
        self,
        *,
        database: Database,
        files: FileStore,
        catalogue: Catalogue,
        library: Library,
        writer: PassageWriter,
        contents: Contents,
        queue: JobQueue,
        clock: Clock,
    ) -> None:
        self._database = database
        self._files = files
        self._catalogue = catalogue
        self._library = library
        self._writer = writer
        self._contents = contents
        self._queue = queue
        self._clock = clock

    def registrations(self) -> dict[str, Registration]:
        """The jobs of this module by kind, for the worker."""
        return {KIND: Registration(self.remove, stages={"remove": 9, "creator": 1})}

    async def remove(self, context: JobContext) -> Effect:
        """Remove everything of a source or creator; the receipt is the job's result: counts, and when."""
        async with self._database.transaction() as tx:
            removal = await store.find(tx, UUID(str(context.job.payload["removal_id"])))
        if removal is None:
            raise Defect("removal_unknown", f"Job {context.job.id} removes nothing that is known.")
        if removal.source_id is not None:
            await self._remove_source(context, removal, removal.source_id)
        else:
            await self._remove_sources(context, removal)
            await self._remove_creator(context, removal)

        async def receipt(tx: Transaction) -> dict[str, JsonValue]:
            now = self._clock.now()
            await store.finish(tx, removal.id, now)
            done = await store.find(tx, removal.id)
            return {
                "creator_id": str(removal.creator_id),
                "source_id": None if removal.source_id is None else str(removal.source_id),
                "requested_at": removal.requested_at.isoformat(),
                "finished_at": now.isoformat(),
                "removed": {} if done is None else dict(done.counts),
            }

        return receipt

    async def _remove_sources(self, context: JobContext, removal: store.Removal) -> None:
        async with self._database.transaction() as tx:
            sources = await self._library.sources(tx, removal.creator_id)
        for done, source in enumerate(sources):
            await context.progress("remove", done, len(sources))
            await self._remove_source(context, removal, source.id)

    async def _remove_source(self, context: JobContext, removal: store.Removal, source_id: SourceId) -> None:
        await self._wait_for_others(context, source_id)
        await context.progress("index", 0, 1)
        # The index first: a row that SQL still has can be forgotten again, an entry without a row would stay.
        forgotten = await self._writer.forget_source(source_id)
        await context.progress("passages", 0, 1)
        async with self._database.transaction() as tx:
            await context.fence(tx)
            counts = await self._writer.delete_source(tx, source_id)
            counts["uploads"] = await store.delete_uploads(tx, source_id, removal.id, self._clock.now())
            counts["segments"] = await self._library.count_segments(tx, source_id)
            counts["corrections"] = await self._library.edits.count(tx, source_id)
            counts["sources"] = await self._library.remove(tx, source_id)
            await store.note(tx, removal.id, {"index_entries": forgotten, **counts})
        await context.progress("files", 0, 1)
        await self._contents.let_go(removal.id, noted=partial(_note_file, removal.id))

    async def _wait_for_others(self, context: JobContext, source_id: SourceId) -> None:
        """Until no job works on the source. One that begins from now on finds that it is leaving."""
        while True:
            async with self._database.transaction() as tx:
                if not await self._queue.is_running(tx, INGEST_KIND, str(source_id)):
                    return
            await context.progress("wait", 0, 1)
            await asyncio.sleep(LOOK_EVERY_S)

    async def _remove_creator(self, context: JobContext, removal: store.Removal) -> None:
        await context.progress("creator", 0, 1)
        async with self._database.transaction() as tx:
            try:
                creator = await self._catalogue.find(tx, str(removal.creator_id))
            except NotFound:
                return  # gone, by an attempt before this one
            ids = await transfers.of_creator(tx, creator.id)
        await self._writer.drop(creator.id, IndexName(creator.active_index))
        for id in ids:
            await self._files.remove_pieces(str(id))
        async with self._database.transaction() as tx:
            await context.fence(tx)
            counts = {
                "archives": await store.delete_archives(tx, creator.id, removal.id, self._clock.now()),
                "transfers": await transfers.forget_creator(tx, creator.id),
                "creators": await self._catalogue.remove(tx, creator.id),
            }
            await store.note(tx, removal.id, counts)
        await self._contents.let_go(removal.id, noted=partial(_note_file, removal.id))


async def _note_file(removal_id: UUID, tx: Transaction) -> None:
    await store.note(tx, removal_id, {"files": 1})
