"""Items that are fetched from an address: asked for in a transaction, fetched by the job of their source."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final, cast

from creators import Creator, Library, Source, SourceFacts
from ingestion import store
from ingestion.contents import Contents
from ingestion.decoding import drop_senseless
from ingestion.extraction import cast_of, identify
from ingestion.origins.registry import Origins
from ingestion.origins.types import Address, ItemGone, NotYet
from ingestion.submitting import content_hash_of, job_of
from jobs import Job, JobContext, JobQueue, Later
from runtime.database import Database, Transaction
from runtime.errors import InvalidInput
from runtime.events import emit
from runtime.ids import FeedId, JobId, SourceId, new_id

# What left its collection, and may still be where it was.
GONE_FROM_FEED: Final = "gone_from_feed"
# What is announced is announced for weeks at most; whoever gave its address should hear of it within that time.
PATIENCE: Final = timedelta(days=14)


def facts_of(address: Address, *, title: str = "", published_at: datetime | None = None) -> SourceFacts:
    """What is known of an item before it was fetched; the address stands for a title that is missing."""
    return SourceFacts(
        origin=cast("Any", address.origin),  # the database knows which names there are
        external_id=address.id,
        kind="video"
        if address.origin == "youtube"
        else "audio"
        if address.origin == "podcast"
        else "document",
        title=" ".join(drop_senseless(title).split())[:500] or address.url,
        url=address.url,
        published_at=published_at,
    )


def wait_for(job: Job, error: NotYet) -> Later:
    """Have a job wait for what is not there yet.

    Raises the error as a permanent one when it would have waited longer than `PATIENCE` since it was queued.
    """
    began = job.started_at or job.created_at
    if began + timedelta(seconds=error.wait_s) > job.created_at + PATIENCE:
        raise InvalidInput(
            error.code,
            error.detail,
            next_step=f"Add it again later: nothing is waited for longer than {PATIENCE.days} days. A feed that is watched "
            "tries it again by itself.",
        ) from error
    return Later(error.wait_s, error)


async def request_fetch(
    tx: Transaction,
    queue: JobQueue,
    source: Source,
    address: Address,
    *,
    feed_id: FeedId | None,
    now: datetime,
    priority: int = 0,
    trail: Sequence[str] = (),
    watch: bool | None = None,
) -> JobId:
    """Have an item fetched; the source must be locked. One that is asked for and not fetched yet is asked for once."""
    newest = await store.newest_upload(tx, source.id)
    asked = newest is not None and newest.state in {"waiting", "taken"} and not newest.files
    if newest is None or not asked:
        await store.add_fetch(
            tx,
            creator_id=source.creator_id,
            source_id=source.id,
            address=address,
            feed_id=feed_id,
            now=now,
            trail=trail,
            watch=watch,
        )
    elif feed_id is None:
        await store.claim_fetch(tx, newest.id)
    return await queue.enqueue(tx, job_of(source.creator_id, source.id, priority=priority))


class Fetching:
    """Brings the files of an upload that has an address. `chunker` names the way in which items are cut."""

    def __init__(
        self, *, database: Database, contents: Contents, library: Library, origins: Origins, chunker: str
    ) -> None:
        self._database = database
        self._contents = contents
        self._library = library
        self._origins = origins
        self._chunker = chunker

    async def bring(
        self, context: JobContext, source: Source, upload: store.Upload, creator: Creator
    ) -> store.Upload:
        """The upload with its files, fetched only if they were not. Raises as `Origin.fetch` and `identify` do."""
        if upload.address is None or upload.files:
            return upload
        await context.progress("fetch", 0, 1)
        try:
            origin = self._origins.named(upload.address.origin)
            bundle = await origin.fetch(upload.address, languages=creator.languages)
        except ItemGone as error:
            await self._withdraw(context, source, error)
            raise
        facts = complete(await asyncio.to_thread(identify, bundle), source)
        people = await asyncio.to_thread(cast_of, bundle)
        holder = new_id()
        try:
            files = {file.name: await self._contents.keep(holder, file.stream()) for file in bundle.files}
            digests = {name: file.sha256 for name, file in files.items()}
            content_hash = content_hash_of(creator, facts, people, digests, self._chunker)
            async with self._database.transaction() as tx:
                await context.fence(tx)
                await store.record_fetch(tx, upload.id, content_hash=content_hash, files=files)
                await self._contents.release(tx, holder)
        finally:
            await self._contents.let_go(holder)
        return replace(upload, content_hash=content_hash, files=files)

    async def wait(self, context: JobContext, source: Source, upload: store.Upload, error: NotYet) -> Later:
        """Have the job wait for what is not there yet, and show it on the source. Raises as `wait_for` does."""
        later = wait_for(context.job, error)
        until = (context.job.started_at or context.job.created_at) + timedelta(seconds=later.wait_s)
        async with self._database.transaction() as tx:
            await context.fence(tx)
            await store.note_wait(tx, upload.id)
            await self._library.mark_waiting(
                tx,
                source.id,
                f"{error.detail} It is asked for again by itself after {until:%Y-%m-%d %H:%M} UTC.",
            )
        return later

    async def restore(self, tx: Transaction, source_id: SourceId, upload: store.Upload) -> None:
        """It could be fetched: take back that it was gone, unless a feed that misses it still decides."""
        source = await self._library.source(tx, source_id)
        if source.withdrawn_reason == GONE_FROM_FEED and upload.feed_id is not None:
            return
        await bring_back(tx, self._library, source)

    async def _withdraw(self, context: JobContext, source: Source, error: ItemGone) -> None:
        if source.generation is None:
            return  # nothing of it answers: the job ends as failed and says why
        async with self._database.transaction() as tx:
            await context.fence(tx)
            await take_back(tx, self._library, source, error.code, error.next_step)


def complete(facts: SourceFacts, source: Source) -> SourceFacts:
    """What the files say of an item, with what only the address and its collection told."""
    return replace(
        facts,
        origin=source.facts.origin,
        external_id=source.facts.external_id,
        url=facts.url or source.facts.url,
        published_at=facts.published_at or source.facts.published_at,
    )


async def take_back(tx: Transaction, library: Library, source: Source, reason: str, next_step: str) -> bool:
    """Withdraw a source that its origin does not show any more, and tell outsiders."""
    withdrawn = await library.withdraw(tx, source.id, reason=reason, next_step=next_step)
    if withdrawn:
        await _tell(tx, "source_withdrawn", source, reason)
    return withdrawn


async def bring_back(tx: Transaction, library: Library, source: Source) -> bool:
    """Undo `take_back`, and tell outsiders."""
    restored = await library.restore(tx, source.id)
    if restored:
        await _tell(tx, "source_restored", source, source.withdrawn_reason)
    return restored


async def _tell(tx: Transaction, event: str, source: Source, reason: str | None) -> None:
    payload = {"source_id": str(source.id), "reason": reason}
    await emit(tx, event, version=1, key=str(source.creator_id), payload=payload)
