"""Accepting an item: its files are kept, its source is registered, its job is queued."""

import asyncio
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal

from creators import Creator, Library, Source, SourceFacts
from ingestion import store
from ingestion.bundles import Bundle
from ingestion.extraction import identify
from jobs import JobQueue, NewJob
from runtime.clock import Clock
from runtime.database import Database, Transaction
from runtime.files import FileStore, StoredFile
from runtime.ids import CreatorId, JobId, SourceId
from runtime.telemetry import span

# By what the work needs most, see docs/adr/0007: most of what is sent in, and what only changes the index.
PARSE = "parse"
EMBED = "embed"
KIND = "ingestion.source"


@dataclass(frozen=True, slots=True)
class Submission:
    """What became of an item that was sent in. Without a job there was nothing to do."""

    source_id: SourceId
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
    ) -> None:
        self._database = database
        self._files = files
        self._library = library
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
            newest = await store.newest_upload(tx, source.id)
            # The same content sent twice in a row, before the first could be worked on, is sent once.
            pending = newest is not None and newest.state in {"waiting", "taken"}
            if newest is None or not pending or newest.content_hash != content_hash:
                await store.add_upload(
                    tx,
                    creator_id=creator.id,
                    source_id=source.id,
                    content_hash=content_hash,
                    files=kept,
                    now=self._clock.now(),
                )
            job_id = await self._queue.enqueue(tx, job_of(creator.id, source.id))
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
            "chunker": self._chunker,
        }
        return hashlib.sha256(json.dumps(relevant, sort_keys=True, default=str).encode()).hexdigest()


def job_of(creator_id: CreatorId, source_id: SourceId, *, queue: str = PARSE) -> NewJob:
    """The job that brings a source up to date; at most one of a source is queued or running."""
    return NewJob(
        queue=queue,
        kind=KIND,
        fairness_key=str(creator_id),
        payload={"source_id": str(source_id)},
        dedupe_key=str(source_id),
    )
