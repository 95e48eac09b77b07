"""Whatever has an address: submitting it, and the feeds that follow from it. Nothing here calls another server."""

from creators import Access, Creator, Library
from ingestion.admitting import Accepted, Admission, feed_job
from ingestion.feeds import store
from ingestion.feeds.store import Feed, FeedCounts
from ingestion.origins.registry import Origins
from jobs import JobQueue
from runtime.clock import Clock
from runtime.database import Database, Transaction
from runtime.errors import InvalidInput, NotFound
from runtime.events import emit
from runtime.ids import CreatorId, FeedId, SourceId
from runtime.settings import FeedSettings
from runtime.telemetry import span


class Addresses:
    """Takes addresses in."""

    def __init__(
        self,
        *,
        database: Database,
        library: Library,
        queue: JobQueue,
        origins: Origins,
        clock: Clock,
        settings: FeedSettings,
    ) -> None:
        self._database = database
        self._queue = queue
        self._origins = origins
        self.admission = Admission(
            library=library, queue=queue, origins=origins, clock=clock, settings=settings
        )

    async def submit(
        self, creator: Creator, text: str, *, watch: bool | None = None, access: Access | None = None
    ) -> Accepted:
        """Accept an address. A collection is watched unless `watch` says otherwise; what is there already is looked at
        again, with `watch` and `access` changed where they are given.

        What turns out to be another's, such as a page that is a feed, is followed by its job: see `Admission`. Raises
        InvalidInput `address_unknown`, `watch_needs_collection`, and what its origin finds wrong with it.
        When this returns, the submission survives any crash.
        """
        with span("ingestion.submit_address"):
            address = self._origins.recognise(text)
            if address.kind == "item" and watch:
                raise InvalidInput(
                    "watch_needs_collection",
                    f"{address.url} is a single item, which cannot be watched.",
                    next_step="Submit the channel, playlist or feed that it belongs to, or leave `watch` out.",
                )
            async with self._database.transaction() as tx:
                return await self.admission.admit(tx, creator.id, address, watch=watch, access=access)

    async def feeds(self, tx: Transaction, creator_id: CreatorId) -> list[tuple[Feed, FeedCounts]]:
        """The feeds of a creator with how their items are, oldest first."""
        counts = await store.counts(tx, creator_id)
        return [(feed, counts.get(feed.id, FeedCounts())) for feed in await store.feeds(tx, creator_id)]

    async def source_ids(self, tx: Transaction, creator_id: CreatorId, feed_id: FeedId) -> set[SourceId]:
        """The items that a feed of this creator ever listed. Raises NotFound `feed_not_found`."""
        await self._feed(tx, feed_id, creator_id)
        return await store.source_ids(tx, feed_id)

    async def check(self, tx: Transaction, feed_id: FeedId) -> Accepted:
        """Look a feed through now, and try again what failed. Raises NotFound `feed_not_found`."""
        feed = await self._feed(tx, feed_id)
        job_id = await self._queue.enqueue(tx, feed_job(feed.id, feed.creator_id, by_hand=True))
        return Accepted(None, feed.id, job_id)

    async def remove(self, tx: Transaction, creator_id: CreatorId, feed_id: FeedId) -> Feed:
        """Forget a feed; what it brought stays. Raises NotFound `feed_not_found`."""
        feed = await self._feed(tx, feed_id, creator_id)
        await store.remove_feed(tx, feed_id)
        await emit(tx, "feed_removed", version=1, key=str(creator_id), payload={"feed_id": str(feed_id)})
        return feed

    async def _feed(self, tx: Transaction, feed_id: FeedId, creator_id: CreatorId | None = None) -> Feed:
        feed = await store.feed(tx, feed_id)
        if feed is None or creator_id not in {None, feed.creator_id}:
            raise NotFound(
                "feed_not_found", "There is no such feed.", next_step="List them with ./understudy feeds."
            )
        return feed
