"""Addresses on their way in: an item becomes a source with a job, a collection a feed with one; and where one leads on.

Only its content tells of some addresses what they are: that a page is a feed, or that a short link ends at a video. The job that
finds that out puts the address that is meant in the place of the one that was given, in the transaction that ends it.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

from creators import Access, Library, Source
from ingestion.feeds import store
from ingestion.fetching import facts_of, request_fetch
from ingestion.origins.registry import Origins
from ingestion.origins.types import Address, BelongsElsewhere
from ingestion.removal.store import delete_uploads, is_leaving
from ingestion.store import Upload
from ingestion.submitting import PARSE
from jobs import Effect, JobQueue, NewJob
from runtime.clock import Clock
from runtime.database import JsonValue, Transaction
from runtime.errors import InvalidInput
from runtime.ids import CreatorId, FeedId, JobId, SourceId, new_id
from runtime.settings import FeedSettings

FEED_KIND: Final = "ingestion.feed"
# From a short link to a page, to its feed, to the pages that this lists: nothing honest leads on further.
MOST_STEPS: Final = 3
_SAY_WHICH: Final = "Open it in a browser, and add the address where it ends, with page:, feed: or sitemap: before it if need be."


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of an address: a source for an item, a feed for a collection, and the job that works on it."""

    source_id: SourceId | None
    feed_id: FeedId | None
    job_id: JobId
    state: Literal["queued"] = "queued"


def feed_job(
    feed_id: FeedId, creator_id: CreatorId, *, by_hand: bool = False, trail: tuple[str, ...] = ()
) -> NewJob:
    """The job that looks a feed through; at most one of a feed is queued or running."""
    return NewJob(
        queue=PARSE,
        kind=FEED_KIND,
        fairness_key=str(creator_id),
        payload={"feed_id": str(feed_id), "by_hand": by_hand, "trail": list(trail)},
        dedupe_key=str(feed_id),
    )


class Admission:
    """Lets addresses in. `trail` are the addresses that led to one, the first one first."""

    def __init__(
        self, *, library: Library, queue: JobQueue, origins: Origins, clock: Clock, settings: FeedSettings
    ) -> None:
        self._library = library
        self._queue = queue
        self._origins = origins
        self._clock = clock
        self._settings = settings

    async def admit(
        self,
        tx: Transaction,
        creator_id: CreatorId,
        address: Address,
        *,
        watch: bool | None,
        access: Access | None,
        trail: tuple[str, ...] = (),
    ) -> Accepted:
        """Register an address and queue its job; what is there already is looked at again, with what is given changed."""
        if address.kind == "item":
            return await self._item(tx, creator_id, address, watch, access, trail)
        now = self._clock.now()
        feed = await store.add_feed(
            tx,
            creator_id=creator_id,
            address=address,
            watch=watch,
            access=access,
            now=now,
            next_check_at=now + timedelta(seconds=self._settings.interval_s),
        )
        job = feed_job(feed.id, creator_id, by_hand=True, trail=trail)
        return Accepted(None, feed.id, await self._queue.enqueue(tx, job))

    async def _item(
        self,
        tx: Transaction,
        creator_id: CreatorId,
        address: Address,
        watch: bool | None,
        access: Access | None,
        trail: tuple[str, ...],
    ) -> Accepted:
        source = await self._library.register(tx, creator_id, facts_of(address), access=access or "public")
        await self._library.lock(tx, source.id)
        if access is not None and access != source.access:
            await self._library.set_access(tx, source.id, access)
        now = self._clock.now()
        job_id = await request_fetch(
            tx, self._queue, source, address, feed_id=None, now=now, trail=trail, watch=watch
        )
        return Accepted(source.id, None, job_id)

    async def follow_source(
        self, tx: Transaction, source: Source, upload: Upload, error: BelongsElsewhere
    ) -> Effect | None:
        """What puts the place that is meant in the place of an item that never answered; None where that must not be.

        A page that a feed lists, or that answers already, stays what it is. Raises as `_next` does.
        """
        if upload.address is None or upload.feed_id is not None or source.generation is not None:
            return None
        if await store.is_listed(tx, source.id):
            return None
        following, trail = self._next(upload.address, upload.trail, error)

        async def effect(tx: Transaction) -> dict[str, JsonValue]:
            if await is_leaving(tx, source.creator_id, source.id):
                return {}
            accepted = await self.admit(
                tx, source.creator_id, following, watch=upload.watch, access=source.access, trail=trail
            )
            await delete_uploads(tx, source.id, new_id(), self._clock.now())
            await self._library.remove(tx, source.id)
            return _moved(following, accepted)

        return effect

    def follow_feed(self, feed: store.Feed, trail: tuple[str, ...], error: BelongsElsewhere) -> Effect | None:
        """The same for a feed that was never read. Raises as `_next` does."""
        if feed.checked_at is not None:
            return None
        following, trail = self._next(feed.address, trail, error)

        async def effect(tx: Transaction) -> dict[str, JsonValue]:
            await store.remove_feed(tx, feed.id)
            accepted = await self.admit(
                tx, feed.creator_id, following, watch=feed.watch, access=feed.access, trail=trail
            )
            return _moved(following, accepted)

        return effect

    def _next(
        self, address: Address, trail: tuple[str, ...], error: BelongsElsewhere
    ) -> tuple[Address, tuple[str, ...]]:
        """Where an address leads, and the way there.

        Raises InvalidInput `address_circles`, `address_leads_on`, and `error` where somebody said what it is, and it is a page.
        """
        trail = (*trail, address.url)
        following = self._origins.recognise(error.url)
        if address.url.startswith(("feed:", "sitemap:")) and following.kind == "item":
            raise error
        if following.url in trail:
            way = " -> ".join([*trail, following.url])
            raise InvalidInput(
                "address_circles", f"The address leads back to itself: {way}.", next_step=_SAY_WHICH
            ) from error
        if len(trail) > MOST_STEPS:
            raise InvalidInput(
                "address_leads_on",
                f"The address leads on more than {MOST_STEPS} times: {' -> '.join(trail)}.",
                next_step=_SAY_WHICH,
            ) from error
        return following, trail


def _moved(following: Address, accepted: Accepted) -> dict[str, JsonValue]:
    return {
        "moved_to": {
            "url": following.url,
            "source_id": None if accepted.source_id is None else str(accepted.source_id),
            "feed_id": None if accepted.feed_id is None else str(accepted.feed_id),
            "job_id": str(accepted.job_id),
        }
    }
