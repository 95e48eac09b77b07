"""The jobs of feeds: looking one through, and finding those whose time has come.

A check submits each item in a transaction of its own, with a job of its own: so a check that is begun again goes on
where it stopped, and an item that cannot be fetched fails alone.
"""

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, cast
from uuid import UUID

from creators import Library
from ingestion.admitting import FEED_KIND, Admission, feed_job
from ingestion.decoding import drop_senseless
from ingestion.feeds import store
from ingestion.feeds.checking import DAY_S, Check
from ingestion.feeds.store import Feed
from ingestion.fetching import wait_for
from ingestion.origins.registry import Origins
from ingestion.origins.types import BelongsElsewhere, Entry, Listing, NotYet
from ingestion.submitting import PARSE
from jobs import Effect, Job, JobContext, JobQueue, Later, Registration, Schedule
from runtime.clock import Clock
from runtime.database import Database, JsonValue, Transaction
from runtime.events import emit
from runtime.ids import FeedId
from runtime.settings import FeedSettings

POLL_KIND: Final = "ingestion.poll"
# Feeds that were added together are not to be checked together for ever: a tenth of the interval, either way.
JITTER: Final = 0.1
FEEDS_AT_ONCE: Final = 500
SHRUNK: Final = "listing_shrunk"
_SHRUNK_STEP: Final = "Nothing was withdrawn: most of what it had is not listed now. If it stays so, that is withdrawn by itself later."


def delay_s(settings: FeedSettings, failures: int, uniform: float) -> float:
    """Seconds until a feed is checked again, after so many failures in a row; `uniform` is random in 0..1."""
    doubled = settings.interval_s * 2.0 ** min(failures, 16)
    return max(settings.interval_s, min(DAY_S, doubled)) * (1 + JITTER * (2 * uniform - 1))


class Watcher:
    """Works on the jobs of feeds."""

    def __init__(
        self,
        *,
        database: Database,
        library: Library,
        queue: JobQueue,
        origins: Origins,
        clock: Clock,
        settings: FeedSettings,
        uniform: Callable[[], float] = random.random,
    ) -> None:
        self._database = database
        self._library = library
        self._queue = queue
        self._origins = origins
        self._clock = clock
        self._settings = settings
        self._uniform = uniform
        self._admission = Admission(
            library=library, queue=queue, origins=origins, clock=clock, settings=settings
        )

    def registrations(self) -> dict[str, Registration]:
        """The jobs of feeds by kind, for the worker."""
        return {
            FEED_KIND: Registration(
                self.check, on_failed=self._on_failed, stages={"discover": 1, "submit": 9}
            ),
            POLL_KIND: Registration(self.poll),
        }

    def schedules(self) -> list[Schedule]:
        """What is to be queued again and again."""
        return [Schedule("feeds", PARSE, POLL_KIND, {}, self._settings.poll_s)]

    async def poll(self, _: JobContext) -> Effect:
        """Queue a check of every feed whose time has come."""

        async def effect(tx: Transaction) -> dict[str, JsonValue]:
            due = await store.take_due(tx, self._clock.now(), self._after(0), limit=FEEDS_AT_ONCE)
            for feed in due:
                await self._queue.enqueue(tx, feed_job(feed.id, feed.creator_id))
            return {"due": len(due)}

        return effect

    async def check(self, context: JobContext) -> Effect | Later:
        """Look a feed through: have fetched what is new, has changed or came back; withdraw what is gone.

        What is no feed at its first check is followed to where it leads.
        """
        feed_id = FeedId(UUID(str(context.job.payload["feed_id"])))
        async with self._database.transaction() as tx:
            feed = await store.feed(tx, feed_id)
        if feed is None:
            return _removed
        await context.progress("discover", 0, 1)
        try:
            listing = await self._origins.named(feed.origin).discover(feed.address)
        except NotYet as error:
            return wait_for(context.job, error)
        except BelongsElsewhere as error:
            trail = cast("list[str]", context.job.payload.get("trail", []))
            if (effect := self._admission.follow_feed(feed, tuple(trail), error)) is None:
                raise
            return effect
        return await self._take(context, feed, listing)

    async def _take(self, context: JobContext, feed: Feed, listing: Listing) -> Effect:
        check = await self._begin(context, feed)
        entries = [entry for entry in listing.entries if _is_usable(entry)]
        for done, entry in enumerate(entries):
            await context.progress("submit", done, len(entries))
            if not await check.take(entry):
                return _removed
        missing = check.missing(listing)
        believed = check.is_believed(listing, missing)
        for item in missing if believed else ():
            await check.miss(item)
        return self._end(context, feed, listing, held=0 if believed else len(missing))

    async def _begin(self, context: JobContext, feed: Feed) -> Check:
        async with self._database.transaction() as tx:
            items = await store.items(tx, feed.id)
        return Check(
            context=context,
            feed=feed,
            items={item.external_id: item for item in items},
            database=self._database,
            library=self._library,
            queue=self._queue,
            clock=self._clock,
            settings=self._settings,
        )

    def _end(self, context: JobContext, feed: Feed, listing: Listing, *, held: int) -> Effect:
        shrunk = listing.complete and held > 0

        async def effect(tx: Transaction) -> dict[str, JsonValue]:
            now = self._clock.now()
            is_there = await store.end_check(
                tx,
                feed.id,
                title=" ".join(drop_senseless(listing.title).split())[:500] or feed.title,
                now=now,
                next_check_at=self._after(0),
                shrunk_since=(feed.shrunk_since or now) if shrunk else None,
                error_code=SHRUNK if shrunk else None,
                next_step=_SHRUNK_STEP if shrunk else None,
            )
            if not is_there:
                return await _removed(tx)
            counts = await store.changes(tx, feed.id, context.job.id)
            result: dict[str, JsonValue] = {"feed_id": str(feed.id), "listed": len(listing.entries)}
            result |= {"held": held, **counts}
            await emit(tx, "feed_checked", version=1, key=str(feed.creator_id), payload=result)
            return result

        return effect

    async def _on_failed(self, tx: Transaction, job: Job) -> None:
        feed_id = FeedId(UUID(str(job.payload["feed_id"])))
        if (feed := await store.feed(tx, feed_id)) is not None:
            await store.fail_check(
                tx,
                feed_id,
                code=job.error_code or "internal_error",
                next_step=job.next_step,
                next_check_at=self._after(feed.failures + 1),
            )

    def _after(self, failures: int) -> datetime:
        return self._clock.now() + timedelta(seconds=delay_s(self._settings, failures, self._uniform()))


async def _removed(_: Transaction) -> dict[str, JsonValue]:
    """The feed was removed while this was queued or at work."""
    return {"removed": True}


def _is_usable(entry: Entry) -> bool:
    """Whether an entry's names can be kept at all; a listing is somebody else's text."""
    address = entry.address
    return 0 < len(address.id) <= 500 and address.id.isprintable() and address.url.isprintable()
