"""What a check of a feed does with each item: decides by what is known, and does it in one transaction."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from creators import Library, Source
from ingestion.feeds import store
from ingestion.feeds.store import Change, Feed, FeedItem
from ingestion.fetching import GONE_FROM_FEED, bring_back, facts_of, request_fetch, take_back
from ingestion.origins.types import Entry, Listing
from jobs import JobContext, JobQueue
from runtime.clock import Clock
from runtime.database import Database, Transaction
from runtime.settings import FeedSettings

DAY_S: Final = 86400.0
# Doubling from the interval up to a day: an item that has no captions yet is given about two days to get them.
RETRIES: Final = 8
# Items that are fetched again in one check though nothing tells of a change: a whole channel is spread over days.
REFRESHED_AT_ONCE: Final = 20
# Captions are corrected soon or never: those of a year-old video are compared again after five weeks.
REFRESHED_BY_AGE: Final = 0.1
# What is imported waits behind what a person submits by itself, and behind what has just appeared.
IMPORT_PRIORITY: Final = -1
_GONE_STEP: Final = "It comes back when the feed lists it again; or submit its own address."


def reason(
    entry: Entry,
    known: FeedItem | None,
    *,
    waited_s: float,
    age_s: float = 0.0,
    by_hand: bool,
    settings: FeedSettings,
) -> Change | None:
    """Why an entry is to be fetched, `waited_s` after that was last asked for and `age_s` after it was published; None when
    it is as it was.
    """
    if known is None:
        return "new"
    if known.missing_since is not None:
        return "returned"
    if known.working:
        return None
    if entry.version is not None and entry.version != known.version:
        return "changed"
    if known.error_code is not None:
        wait_s = min(DAY_S, settings.interval_s * 2.0 ** max(0, known.failures - 1))
        return "retried" if by_hand or (known.failures <= RETRIES and waited_s >= wait_s) else None
    if entry.version is None:
        return "refreshed" if waited_s >= settings.refresh_s else None
    due = not entry.covers_all and waited_s >= max(settings.refresh_s, REFRESHED_BY_AGE * age_s)
    return "refreshed" if due else None


@dataclass(slots=True)
class Check:
    """One look through a feed, within its job."""

    context: JobContext
    feed: Feed
    items: dict[str, FeedItem]
    database: Database
    library: Library
    queue: JobQueue
    clock: Clock
    settings: FeedSettings
    _refreshed: int = field(default=0, init=False)

    async def take(self, entry: Entry) -> bool:
        """Have an entry fetched if there is reason to; False when the feed was removed meanwhile."""
        known = self.items.get(entry.address.id)
        now = self.clock.now()
        waited_s = 0.0 if known is None else (now - known.asked_at).total_seconds()
        age_s = 0.0 if entry.published_at is None else (now - entry.published_at).total_seconds()
        by_hand = bool(self.context.job.payload.get("by_hand"))
        change = reason(entry, known, waited_s=waited_s, age_s=age_s, by_hand=by_hand, settings=self.settings)
        if change == "refreshed":
            self._refreshed += 1
            change = change if self._refreshed <= REFRESHED_AT_ONCE else None
        if change is None:
            return True
        async with self.database.transaction() as tx:
            await self.context.fence(tx)
            if not await store.hold(tx, self.feed.id):
                return False
            await self._submit(tx, entry, change)
        return True

    async def _submit(self, tx: Transaction, entry: Entry, change: Change) -> None:
        facts = facts_of(entry.address, title=entry.title, published_at=entry.published_at)
        source = await self.library.register(tx, self.feed.creator_id, facts, access=self.feed.access)
        await self.library.lock(tx, source.id)
        source = await self.library.source(tx, source.id)
        if change == "new" and source.withdrawn_reason is not None:
            change = "returned"
        if source.withdrawn_reason == GONE_FROM_FEED:
            await bring_back(tx, self.library, source)
        if change == "new" and _is_taken_in(source):
            change = "known"
        else:
            await request_fetch(
                tx,
                self.queue,
                source,
                entry.address,
                feed_id=self.feed.id,
                now=self.clock.now(),
                priority=IMPORT_PRIORITY if self.feed.checked_at is None else 0,
            )
        await store.put_item(
            tx,
            feed_id=self.feed.id,
            source_id=source.id,
            version=entry.version,
            missing_since=None,
            job_id=self.context.job.id,
            change=change,
        )

    def missing(self, listing: Listing) -> list[FeedItem]:
        """The items that the feed listed until now."""
        listed = {entry.address.id for entry in listing.entries}
        return [i for key, i in self.items.items() if i.missing_since is None and key not in listed]

    def is_believed(self, listing: Listing, missing: list[FeedItem]) -> bool:
        """Whether what is missing may be withdrawn.

        A listing that is suddenly empty, or misses more than half of what it had, is far more often a fault of its
        server than a creator's wish: it must have stayed so for `hold_s`.
        """
        if not listing.complete:
            return False
        known = sum(item.missing_since is None for item in self.items.values())
        if listing.entries and 2 * len(missing) <= known:
            return True
        since = self.feed.shrunk_since
        return since is not None and self.clock.now() - since >= timedelta(seconds=self.settings.hold_s)

    async def miss(self, item: FeedItem) -> None:
        """Withdraw an item that its feed does not list any more, unless somebody else wants it."""
        async with self.database.transaction() as tx:
            await self.context.fence(tx)
            if not await store.hold(tx, self.feed.id):
                return
            change: Change = "missing"
            await self.library.lock(tx, item.source_id)
            if not await store.wanted_otherwise(tx, self.feed.id, item.source_id):
                source = await self.library.source(tx, item.source_id)
                await take_back(tx, self.library, source, GONE_FROM_FEED, _GONE_STEP)
                change = "withdrawn"
            await store.put_item(
                tx,
                feed_id=self.feed.id,
                source_id=item.source_id,
                version=item.version,
                missing_since=self.clock.now(),
                job_id=self.context.job.id,
                change=change,
            )


def _is_taken_in(source: Source) -> bool:
    """Whether a source that was there before the feed is answerable, so that it need not be fetched for it."""
    return source.state == "ready" and source.error_code is None
