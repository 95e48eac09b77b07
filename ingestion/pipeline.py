"""How an accepted item becomes answerable: fetch, extract, segment, chunk, embed, index, publish.

Each step can be repeated: identifiers follow from content, and nothing that a step writes is visible before
`publish` makes its generation the one that answers, in the transaction that marks the job done. A job that
dies is taken up again from the start, and what it had embedded and indexed is found done.
"""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from uuid import UUID

from creators import Catalogue, Creator, Library, Segment, Source, SourceFacts
from ingestion import store
from ingestion.admitting import Admission
from ingestion.bundles import Bundle, BundleFile
from ingestion.chunking import Chunker
from ingestion.contents import Contents, address_of, original_of
from ingestion.extraction import Extracted, document_to_parse, extract, spoken_language
from ingestion.fetching import Fetching, complete
from ingestion.origins.registry import Origins
from ingestion.origins.types import BelongsElsewhere, NotYet
from ingestion.parsing import DocumentParser
from ingestion.removal.store import is_leaving
from ingestion.speech.complaints import not_installed
from ingestion.speech.listening import STAGE as HEARING
from ingestion.speech.listening import Heard, Listener
from ingestion.sponsors import sponsored_ordinals
from ingestion.submitting import EMBED, KIND, PARSE, SPEECH, job_of
from jobs import Effect, Job, JobContext, JobQueue, Later, Move, Registration
from retrieval import IndexName, PassageWriter
from runtime.database import Database, JsonValue, Transaction
from runtime.errors import NotFound
from runtime.events import emit
from runtime.files import FileStore
from runtime.ids import CreatorId, SourceId

# The stages of an item and about how much of the time each takes, measured on captions of 20 minutes.
STAGES = {"fetch": 1, "extract": 4, "segment": 2, "chunk": 3, "embed": 80, "index": 8, "publish": 2}
# Listening takes from a fiftieth of a recording's length to all of it; embedding, about a thousandth.
SPEECH_STAGES = {"fetch": 1, HEARING: 2400, **STAGES}


class Pipeline:
    """Works on the jobs that `Ingestion` queues."""

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
        parser: DocumentParser,
        origins: Origins,
        admission: Admission,
        contents: Contents,
        listener: Listener | None = None,
    ) -> None:
        """`listener` hears recordings that have no captions; without it they are refused."""
        self._parser = parser
        self._admission = admission
        self._listener = listener
        self._database = database
        self._files = files
        self._catalogue = catalogue
        self._library = library
        self._writer = writer
        self._chunker = chunker
        self._queue = queue
        self._fetching = Fetching(
            database=database, contents=contents, library=library, origins=origins, chunker=chunker.name
        )

    def registrations(self) -> dict[str, Registration]:
        """The jobs of this room by kind, for the worker."""
        return {
            KIND: Registration(
                self.bring_up_to_date,
                on_failed=self._on_failed,
                stages=STAGES,
                stages_in={SPEECH: SPEECH_STAGES},
            ),
        }

    async def bring_up_to_date(self, context: JobContext) -> Effect | Move | Later | None:
        """Work on the newest upload of a source, or on its corrections, until only publishing is left; or tidy up.

        At most one such job of a source is queued or running, so that nothing here meets itself.
        """
        source_id = SourceId(UUID(str(context.job.payload["source_id"])))
        async with self._database.transaction() as tx:
            await context.fence(tx)
            if await is_leaving(tx, CreatorId(UUID(context.job.fairness_key)), source_id):
                return None
            try:
                source = await self._library.source(tx, source_id)
            except NotFound:
                return None  # removed, after this job was queued
            creator = await self._catalogue.find(tx, str(source.creator_id))
            upload = await store.newest_upload(tx, source_id)
            if upload is not None and upload.state in {"waiting", "taken"}:
                await store.take_up(tx, upload)
                outdated = False
            else:
                upload = None
                # What a job that failed or was cancelled has left of a version that never came out.
                await self._writer.discard(tx, source_id, published=source.generation)
                outdated = await self._library.edits.outdated(tx, source_id)
        if upload is None:
            return await (
                self._correct(context, source, creator) if outdated else self._tidy(context, source)
            )
        try:
            upload = await self._fetching.bring(context, source, upload, creator)
        except NotYet as error:
            return await self._fetching.wait(context, source, upload, error)
        except BelongsElsewhere as error:
            async with self._database.transaction() as tx:
                effect = await self._admission.follow_source(tx, source, upload, error)
            if effect is None:
                raise
            return effect
        if upload.address is not None and upload.content_hash == source.content_hash:
            return self._leave_unchanged(source, upload)
        return await self._ingest(context, source, upload, creator)

    async def _ingest(
        self, context: JobContext, source: Source, upload: store.Upload, creator: Creator
    ) -> Effect | Move:
        generation = (source.generation or 0) + 1
        await context.progress("fetch", 0, len(upload.files))
        async with AsyncExitStack() as stack:
            bundle = await self._fetch(upload, stack)
            if bundle.media is not None and context.job.queue != SPEECH:
                return Move(SPEECH)
            heard = await self._listen(context, upload, bundle)
            await context.progress("extract", 0, 1)
            extracted = await self._extract(bundle, creator, heard)
        extracted = _doubting(extracted, creator)
        if upload.address is not None:
            extracted = replace(extracted, facts=complete(extracted.facts, source))
        segments: Sequence[Segment] = extracted.segments
        await context.progress("segment", 0, len(segments))
        async with self._database.transaction() as tx:
            await context.fence(tx)
            if await self._library.write_segments(tx, source.id, generation, segments):
                segments = await self._library.segments(tx, source.id, generation)
        counts = await self._make_passages(context, source, generation, extracted.facts, segments, creator)

        async def publish(tx: Transaction) -> dict[str, JsonValue]:
            await self._publish(tx, source, upload, generation, extracted.facts)
            return {**counts, "warnings": list(extracted.warnings)}

        return publish

    async def _correct(self, context: JobContext, source: Source, creator: Creator) -> Effect:
        """Make a generation of what is published that says what the creator wants said; only what differs is embedded."""
        generation = (source.generation or 0) + 1
        await context.progress("segment", 0, 1)
        async with self._database.transaction() as tx:
            await context.fence(tx)
            await self._library.edits.copy_published(tx, source.id, generation)
            corrected = await self._library.edits.apply(tx, source.id, generation)
            segments = await self._library.segments(tx, source.id, generation)
        counts = await self._make_passages(context, source, generation, source.facts, segments, creator)

        async def publish(tx: Transaction) -> dict[str, JsonValue]:
            await self._publish(tx, source, None, generation, source.facts)
            return {**counts, "corrected": corrected}

        return publish

    async def _tidy(self, context: JobContext, source: Source) -> Effect:
        """Remove passages that no generation holds any more, from the index and then from SQL."""
        await context.progress("tidy", 0, 1)
        forgotten = await self._writer.forget_stale(source.id)

        async def effect(tx: Transaction) -> dict[str, JsonValue]:
            await self._library.lock(tx, source.id)
            await self._go_on(tx, source)
            return {"forgotten": forgotten}

        return effect

    def _leave_unchanged(self, source: Source, upload: store.Upload) -> Effect:
        """What was fetched is what is published."""

        async def effect(tx: Transaction) -> dict[str, JsonValue]:
            await self._library.lock(tx, source.id)
            await self._library.mark_unchanged(tx, source.id)
            await self._fetching.restore(tx, source.id, upload)
            await store.mark_taken(tx, source.id, "done")
            await self._go_on(tx, source)
            return {"unchanged": True}

        return effect

    async def _listen(self, context: JobContext, upload: store.Upload, bundle: Bundle) -> Heard | None:
        """What is said in the media file of an item that has nothing else to read."""
        if (media := bundle.media) is None:
            return None
        if self._listener is None:
            raise not_installed()
        sha256 = upload.files[media.name].sha256
        language = await asyncio.to_thread(spoken_language, bundle)
        async with self._files.local(sha256) as path:
            return await self._listener.listen(context, path, content_hash=sha256, language=language)

    async def _fetch(self, upload: store.Upload, stack: AsyncExitStack) -> Bundle:
        """The files of an upload, on this machine for as long as the stack lasts."""
        files = [
            BundleFile(name, await stack.enter_async_context(self._files.local(stored.sha256)))
            for name, stored in upload.files.items()
        ]
        return Bundle(name=files[0].name, files=tuple(files))

    async def _extract(self, bundle: Bundle, creator: Creator, heard: Heard | None) -> Extracted:
        document = await asyncio.to_thread(document_to_parse, bundle)
        text = None if document is None else await self._parser.parse(document.name, document.read())
        return await asyncio.to_thread(
            extract, bundle, creator.own_voices, creator.languages, document_text=text, heard=heard
        )

    async def _make_passages(
        self,
        context: JobContext,
        source: Source,
        generation: int,
        facts: SourceFacts,
        segments: Sequence[Segment],
        creator: Creator,
    ) -> dict[str, JsonValue]:
        """Chunk, embed and index the segments as they are written; how many there were of each."""
        sponsored = await asyncio.to_thread(sponsored_ordinals, segments, facts.chapters)
        drafts = await asyncio.to_thread(self._chunker.cut, facts, segments, sponsored)
        await context.progress("chunk", 0, len(drafts))
        async with self._database.transaction() as tx:
            await context.fence(tx)
            await self._writer.store(
                tx,
                creator_id=source.creator_id,
                source_id=source.id,
                generation=generation,
                chunker=self._chunker.name,
                drafts=drafts,
            )
        embedded = await self._writer.embed(
            source.id, generation, lambda done, total: context.progress("embed", done, total)
        )
        await context.progress("index", 0, 1)
        indexed = await self._writer.index(source.id, generation, IndexName(creator.active_index), creator.id)
        await context.progress("publish", 0, 1)
        return {"segments": len(segments), "embedded": embedded, "indexed": indexed}

    async def _publish(
        self,
        tx: Transaction,
        source: Source,
        upload: store.Upload | None,
        generation: int,
        facts: SourceFacts,
    ) -> None:
        """Publish what came of an upload, or of corrections where there is none."""
        if await is_leaving(tx, source.creator_id, source.id):
            return
        content_hash = upload.content_hash if upload is not None else source.content_hash or ""
        if upload is not None and facts.url is None and original_of(upload.files):
            facts = replace(facts, url=address_of(source.id))
        await self._library.publish(tx, source.id, generation, facts, content_hash=content_hash)
        if upload is None and source.error_code is not None:
            # A newer version could not be taken in, and corrections of the one there is do not mend that.
            await self._library.mark_failed(tx, source.id, source.error_code, source.next_step or "")
        if upload is not None and upload.address is not None:
            await self._fetching.restore(tx, source.id, upload)
        await store.mark_taken(tx, source.id, "done")
        await emit(
            tx,
            "source_published",
            version=1,
            key=str(source.creator_id),
            payload={"source_id": str(source.id), "generation": generation},
        )
        await self._go_on(tx, source, left_behind=source.generation is not None)

    async def _go_on(self, tx: Transaction, source: Source, *, left_behind: bool = False) -> None:
        """Queue what is next: the version or corrections that came meanwhile, which found this job queued and made
        none; or to tidy up what is `left_behind`. The source must be locked."""
        newest = await store.newest_upload(tx, source.id)
        superseded = newest is not None and newest.state == "waiting"
        if superseded or left_behind or await self._library.edits.outdated(tx, source.id):
            queue = PARSE if superseded else EMBED
            await self._queue.enqueue(tx, job_of(source.creator_id, source.id, queue=queue))

    async def _on_failed(self, tx: Transaction, job: Job) -> None:
        source_id = SourceId(UUID(str(job.payload["source_id"])))
        if not await store.mark_taken(tx, source_id, "failed"):
            return  # it was tidying up: the source itself is as it was, and the next job tries again
        await self._library.mark_failed(
            tx, source_id, job.error_code or "internal_error", job.next_step or ""
        )
        source = await self._library.source(tx, source_id)
        await self._writer.discard(tx, source_id, published=source.generation)
        await self._queue.enqueue(tx, job_of(CreatorId(UUID(job.fairness_key)), source_id, queue=EMBED))


def _doubting(extracted: Extracted, creator: Creator) -> Extracted:
    """Take nobody for a guest while it is not known which voices are the creator's own."""
    if creator.persona.voices or any(segment.role == "creator" for segment in extracted.segments):
        return extracted
    segments = tuple(
        segment if segment.role == "unknown" else replace(segment, role="unknown")
        for segment in extracted.segments
    )
    return replace(extracted, segments=segments)
