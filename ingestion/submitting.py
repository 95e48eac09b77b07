"""Accepting an item: its files are kept, its source is registered, its job is queued."""

import asyncio
import hashlib
import json
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from typing import Literal
from uuid import UUID

from creators import Creator, Library, Source, SourceFacts
from ingestion import store
from ingestion.archives.accepting import ArchiveIntake
from ingestion.bundles import Bundle, BundleFile
from ingestion.checks import Scanner, check_file, largest
from ingestion.contents import Contents
from ingestion.extraction import cast_of, complete, identify
from ingestion.removal.leaving import refuse_leaving
from ingestion.speakers import Cast
from jobs import JobQueue, NewJob
from runtime.clock import Clock
from runtime.database import Database, Transaction
from runtime.files import FileStore, StoredFile
from runtime.ids import CreatorId, JobId, SourceId, new_id
from runtime.settings import UploadSettings
from runtime.telemetry import span

# By what the work needs most, see docs/adr/0007: most of what is sent in, what only changes the index, and what
# has to be listened to.
PARSE = "parse"
EMBED = "embed"
SPEECH = "speech"
KIND = "ingestion.source"


@dataclass(frozen=True, slots=True)
class Submission:
    """What became of an item that was sent in. Without a job there was nothing to do; without a source, it is an
    archive, and its job makes the sources."""

    source_id: SourceId | None
    job_id: JobId | None
    state: Literal["queued", "unchanged"]


class Ingestion:
    """Takes items in. `chunker` names the way in which they are going to be cut."""

    def __init__(
        self,
        *,
        database: Database,
        files: FileStore,
        library: Library,
        chunker: str,
        queue: JobQueue,
        clock: Clock,
        contents: Contents,
        scanner: Scanner,
        limits: UploadSettings,
    ) -> None:
        self._contents = contents
        self._scanner = scanner
        self._limits = limits
        self._database = database
        self._files = files
        self._library = library
        self._chunker = chunker
        self._queue = queue
        self._clock = clock
        self._archives = ArchiveIntake(database=database, contents=contents, queue=queue, clock=clock)

    async def submit(self, creator: Creator, bundle: Bundle, *, max_bytes: int | None = None) -> Submission:
        """Accept an item: keep its files, register its source and queue the job, or find it unchanged.

        An archive is accepted as a whole, for one job to take in what it holds; captions that come alone get an info
        file made from their name. Raises what `identify` raises for an item that cannot be told what it is and what `check_file`
        raises for one that may not be taken; TooLarge `file_too_large`, StorageFull `disk_full`, Conflict `source_leaving`. When
        this returns, the item survives any crash.
        """
        holder = new_id()
        try:
            kept = {
                file.name: await self._contents.keep(
                    holder, file.stream(), limit=self._limit(file, max_bytes)
                )
                for file in bundle.files
            }
            return await self.submit_kept(creator, kept, holder)
        finally:
            await self._contents.let_go(holder)

    async def submit_kept(self, creator: Creator, kept: Mapping[str, StoredFile], holder: UUID) -> Submission:
        """Accept an item whose files, by name, `Contents.keep` has kept for `holder`, who lets them go afterwards.

        Raises as `submit` does.
        """
        with span("ingestion.submit"):
            async with AsyncExitStack() as stack:
                files = [
                    BundleFile(name, await stack.enter_async_context(self._files.local(file.sha256)))
                    for name, file in kept.items()
                ]
                bundle = Bundle(name=files[0].name, files=tuple(files))
                if self._archives.takes(bundle):
                    job_id = await self._archives.submit(creator, bundle, kept, holder)
                    return Submission(None, job_id, "queued")
                for file in bundle.files:
                    await check_file(file, self._scanner, self._limits)
                whole = await asyncio.to_thread(complete, bundle)
                facts = await asyncio.to_thread(identify, whole)
                cast = await asyncio.to_thread(cast_of, whole)
                made = [file for file in whole.files if file.name not in kept]
                added = {file.name: await self._contents.keep(holder, file.read()) for file in made}
            kept = {**kept, **added}
            digests = {name: file.sha256 for name, file in kept.items()}
            content_hash = content_hash_of(creator, facts, cast, digests, self._chunker)
            return await self._submit(creator, facts, content_hash, kept, holder)

    def _limit(self, file: BundleFile, max_bytes: int | None) -> int:
        limit = largest(file.name, self._limits)
        return limit if max_bytes is None else min(limit, max_bytes)

    async def _submit(
        self,
        creator: Creator,
        facts: SourceFacts,
        content_hash: str,
        kept: Mapping[str, StoredFile],
        holder: UUID,
    ) -> Submission:
        async with self._database.transaction() as tx:
            source = await self._library.register(tx, creator.id, facts)
            await refuse_leaving(tx, creator.id, source.id)
            if await self._is_unchanged(tx, source, content_hash):
                return Submission(source.id, None, "unchanged")
        return await self._accept(creator, source, content_hash, kept, holder)

    async def _accept(
        self,
        creator: Creator,
        source: Source,
        content_hash: str,
        kept: Mapping[str, StoredFile],
        holder: UUID,
    ) -> Submission:
        async with self._database.transaction() as tx:
            # A job that ends at this moment sees this upload, or this call sees that it has ended.
            await self._library.lock(tx, source.id)
            await refuse_leaving(tx, creator.id, source.id)
            await self._library.source(tx, source.id)  # it may have been removed since it was registered
            newest = await store.newest_upload(tx, source.id)
            # The same content sent twice in a row, before the first could be worked on, is sent once.
            pending = newest is not None and newest.state in {"waiting", "taken"}
            if newest is None or not pending or newest.content_hash != content_hash:
                await store.add_upload(
                    tx,
                    creator_id=creator.id,
                    source_id=source.id,
                    content_hash=content_hash,
                    files=dict(kept),
                    now=self._clock.now(),
                )
                await self._contents.release(tx, holder)
            job_id = await self._queue.enqueue(tx, job_of(creator.id, source.id))
        return Submission(source.id, job_id, "queued")

    async def _is_unchanged(self, tx: Transaction, source: Source, content_hash: str) -> bool:
        if source.content_hash != content_hash or source.error_code is not None:
            return False
        newest = await store.newest_upload(tx, source.id)
        return newest is not None and newest.content_hash == content_hash


def content_hash_of(
    creator: Creator, facts: SourceFacts, cast: Cast, files: Mapping[str, str], chunker: str
) -> str:
    """Of all that the passages follow from; not of counters that an info file also holds.

    `files` are the SHA-256 of the contents by name, in hexadecimal.
    """
    relevant = {
        "facts": asdict(facts),
        "files": sorted(sha256 for name, sha256 in files.items() if not name.endswith(".info.json")),
        "voices": sorted(creator.own_voices),
        "chunker": chunker,
    }
    if cast.hosts or cast.guests:
        relevant["cast"] = asdict(cast)
    return hashlib.sha256(json.dumps(relevant, sort_keys=True, default=str).encode()).hexdigest()


def job_of(creator_id: CreatorId, source_id: SourceId, *, queue: str = PARSE, priority: int = 0) -> NewJob:
    """The job that brings a source up to date; at most one of a source is queued or running."""
    return NewJob(
        queue=queue,
        kind=KIND,
        fairness_key=str(creator_id),
        payload={"source_id": str(source_id)},
        dedupe_key=str(source_id),
        priority=priority,
    )
