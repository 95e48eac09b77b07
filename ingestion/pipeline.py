"""How an item becomes answerable: submit, then fetch, extract, segment, chunk, embed, index, publish.

Each step can be repeated: identifiers follow from content, and nothing that a step writes is visible before
`publish` makes its generation the one that answers, in the transaction that marks the job done. A job that
dies is taken up again from the start, and what it had embedded and indexed is found done.
"""

import asyncio
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal
from uuid import UUID

from creators import Catalogue, Creator, Library, Source, SourceFacts
from ingestion import store
from ingestion.chunking import Chunker
from ingestion.extraction import Extracted, extract, identify
from ingestion.origins.folder import Bundle, BundleFile
from ingestion.sponsors import sponsored_ordinals
from jobs import Effect, Job, JobContext, JobQueue, NewJob, Registration
from retrieval import IndexName, PassageWriter
from runtime.clock import Clock
from runtime.database import Database, JsonValue, Transaction
from runtime.events import emit
from runtime.files import FileStore, StoredFile
from runtime.ids import CreatorId, JobId, SourceId
from runtime.telemetry import span

QUEUE = "ingest"
KIND = "ingestion.source"


@dataclass(frozen=True, slots=True)
class Submission:
    """What became of an item that was sent in. Without a job there was nothing to do."""

    source_id: SourceId
    job_id: JobId | None
    state: Literal["queued", "unchanged"]


class Ingestion:
    """Takes items in, and works on them as jobs."""

    def __init__(
        self,
        *,
        database: Database,
        files: FileStore,
        catalogue: Catalogue,
        library: Library,
        writer: PassageWriter,
        chunker: Chunker,
        queue: JobQueue,
        clock: Clock,
    ) -> None:
        self._database = database
        self._files = files
        self._catalogue = catalogue
        self._library = library
        self._writer = writer
        self._chunker = chunker
        self._queue = queue
        self._clock = clock

    async def submit(self, creator: Creator, bundle: Bundle, *, max_bytes: int | None = None) -> Submission:
        """Accept an item: keep its files, register its source and queue the job, or find it unchanged.

        Raises what `identify` raises for an item that cannot be told what it is, TooLarge `file_too_large`,
        StorageFull `disk_full`. When this returns, the item survives any crash.
        """
        with span("ingestion.submit"):
            facts = await asyncio.to_thread(identify, bundle)
            content = {file.name: await asyncio.to_thread(file.read) for file in bundle.files}
            content_hash = self._content_hash(creator, facts, content)
            async with self._database.transaction() as tx:
                source = await self._library.register(tx, creator.id, facts)
                if await self._is_unchanged(tx, source, content_hash):
                    return Submission(source.id, None, "unchanged")
            kept = {name: await self._files.put(data, limit=max_bytes) for name, data in content.items()}
            return await self._accept(creator, source, content_hash, kept)

    async def _accept(
        self, creator: Creator, source: Source, content_hash: str, kept: dict[str, StoredFile]
    ) -> Submission:
        async with self._database.transaction() as tx:
            # A job that ends at this moment sees this upload, or this call sees that it has ended.
            await self._library.lock(tx, source.id)
            await store.add_upload(
                tx,
                creator_id=creator.id,
                source_id=source.id,
                content_hash=content_hash,
                files=kept,
                now=self._clock.now(),
            )
            job_id = await self._queue.enqueue(tx, _job(creator.id, source.id))
        return Submission(source.id, job_id, "queued")

    async def _is_unchanged(self, tx: Transaction, source: Source, content_hash: str) -> bool:
        if source.content_hash != content_hash or source.error_code is not None:
            return False
        newest = await store.newest_upload(tx, source.id)
        return newest is not None and newest.content_hash == content_hash

    def _content_hash(self, creator: Creator, facts: SourceFacts, content: Mapping[str, bytes]) -> str:
        """Of all that the passages follow from; not of counters that an info file also holds."""
        relevant = {
            "facts": asdict(facts),
            "files": sorted(
                hashlib.sha256(data).hexdigest()
                for name, data in content.items()
                if not name.endswith(".info.json")
            ),
            "voices": sorted(creator.own_voices),
            "chunker": self._chunker.name,
        }
        return hashlib.sha256(json.dumps(relevant, sort_keys=True, default=str).encode()).hexdigest()

    def registrations(self) -> dict[str, Registration]:
        """The jobs of this room by kind, for the worker."""
        return {
            KIND: Registration(self.bring_up_to_date, on_failed=self._on_failed),
        }

    async def bring_up_to_date(self, context: JobContext) -> Effect:
        """Work on the newest upload of a source until only publishing is left, or tidy up after the last one.

        At most one such job of a source is queued or running, so that nothing here meets itself.
        """
        source_id = SourceId(UUID(str(context.job.payload["source_id"])))
        async with self._database.transaction() as tx:
            await context.fence(tx)
            source = await self._library.source(tx, source_id)
            upload = await store.newest_upload(tx, source_id)
            if upload is not None and upload.state in {"waiting", "taken"}:
                await store.take_up(tx, upload)
                creator = await self._catalogue.find(tx, str(source.creator_id))
                work = upload, creator
            else:
                work = None
        if work is None:
            return await self._tidy(context, source)
        return await self._ingest(context, source, *work)

    async def _ingest(
        self, context: JobContext, source: Source, upload: store.Upload, creator: Creator
    ) -> Effect:
        generation = (source.generation or 0) + 1
        await context.progress("fetch", 0, len(upload.files))
        bundle = await self._fetch(upload)
        await context.progress("extract", 0, 1)
        extracted = await asyncio.to_thread(extract, bundle, creator.own_voices, creator.languages)
        await self._segment_and_chunk(context, source, generation, extracted)
        index = IndexName(creator.active_index)
        embedded = await self._writer.embed(
            source.id, generation, lambda done, total: context.progress("embed", done, total)
        )
        await context.progress("index", 0, 1)
        indexed = await self._writer.index(source.id, generation, index, creator.id)
        await context.progress("publish", 0, 1)
        counts: dict[str, JsonValue] = {
            "segments": len(extracted.segments),
            "embedded": embedded,
            "indexed": indexed,
            "warnings": list(extracted.warnings),
        }

        async def publish(tx: Transaction) -> dict[str, JsonValue]:
            await self._publish(tx, source, upload, generation, extracted.facts)
            return counts

        return publish

    async def _tidy(self, context: JobContext, source: Source) -> Effect:
        """Remove passages that no generation holds any more, from the index and then from SQL."""
        await context.progress("tidy", 0, 1)
        forgotten = await self._writer.forget_stale(source.id)

        async def effect(tx: Transaction) -> dict[str, JsonValue]:
            await self._library.lock(tx, source.id)
            newest = await store.newest_upload(tx, source.id)
            if newest is not None and newest.state == "waiting":
                await self._queue.enqueue(tx, _job(source.creator_id, source.id))
            return {"forgotten": forgotten}

        return effect

    async def _fetch(self, upload: store.Upload) -> Bundle:
        files = [
            BundleFile(name, await self._files.read(stored.sha256)) for name, stored in upload.files.items()
        ]
        return Bundle(name=files[0].name, files=tuple(files))

    async def _segment_and_chunk(
        self, context: JobContext, source: Source, generation: int, extracted: Extracted
    ) -> None:
        await context.progress("segment", 0, len(extracted.segments))
        sponsored = sponsored_ordinals(extracted.segments, extracted.facts.chapters)
        drafts = await asyncio.to_thread(self._chunker.cut, extracted.facts, extracted.segments, sponsored)
        await context.progress("chunk", 0, len(drafts))
        async with self._database.transaction() as tx:
            await context.fence(tx)
            await self._library.write_segments(tx, source.id, generation, list(extracted.segments))
            await self._writer.store(
                tx,
                creator_id=source.creator_id,
                source_id=source.id,
                generation=generation,
                chunker=self._chunker.name,
                drafts=drafts,
            )

    async def _publish(
        self,
        tx: Transaction,
        source: Source,
        upload: store.Upload,
        generation: int,
        facts: SourceFacts,
    ) -> None:
        await self._library.publish(tx, source.id, generation, facts, content_hash=upload.content_hash)
        await store.mark_taken(tx, source.id, "done")
        await emit(
            tx,
            "source_published",
            version=1,
            key=str(source.creator_id),
            payload={"source_id": str(source.id), "generation": generation},
        )
        newest = await store.newest_upload(tx, source.id)
        superseded = newest is not None and newest.state == "waiting"
        if superseded or source.generation is not None:
            # The next version, which found this job queued and made none, or what this one left behind.
            await self._queue.enqueue(tx, _job(source.creator_id, source.id))

    async def _on_failed(self, tx: Transaction, job: Job) -> None:
        source_id = SourceId(UUID(str(job.payload["source_id"])))
        if not await store.mark_taken(tx, source_id, "failed"):
            return  # it was tidying up: the source itself is as it was, and the next job tries again
        await self._library.mark_failed(tx, source_id, job.error_code or "internal_error")
        await self._writer.discard_unpublished(tx, source_id)
        await self._queue.enqueue(tx, _job(CreatorId(UUID(job.fairness_key)), source_id))


def _job(creator_id: CreatorId, source_id: SourceId) -> NewJob:
    return NewJob(
        queue=QUEUE,
        kind=KIND,
        fairness_key=str(creator_id),
        payload={"source_id": str(source_id)},
        dedupe_key=str(source_id),
    )
