"""The statements of feeds."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from creators import Access
from ingestion.origins.types import Address
from runtime.database import Transaction
from runtime.ids import CreatorId, FeedId, JobId, SourceId, new_id

Change = Literal["new", "known", "changed", "returned", "retried", "refreshed", "withdrawn", "missing"]


@dataclass(frozen=True, slots=True)
class FeedCounts:
    """How the items of a feed are; those that are `working` have files that a job is about to take in.

    Those that wait for hours, such as for a premiere, are pending and not working.
    """

    total: int = 0
    ready: int = 0
    pending: int = 0
    failed: int = 0
    withdrawn: int = 0
    working: int = 0


@dataclass(frozen=True, slots=True)
class Feed:
    """A collection that a creator submitted. `error_code` is of the last check, `next_step` what to do about it."""

    id: FeedId
    creator_id: CreatorId
    origin: str
    external_id: str
    url: str
    title: str
    access: Access
    watch: bool
    checked_at: datetime | None
    next_check_at: datetime | None
    failures: int
    shrunk_since: datetime | None
    error_code: str | None
    next_step: str | None
    created_at: datetime

    @property
    def address(self) -> Address:
        """The place that it lists."""
        return Address(self.origin, "collection", self.external_id, self.url)


@dataclass(frozen=True, slots=True)
class FeedItem:
    """An item as the last checks left it. `failures` counts submissions that failed since one
    went well.
    """

    source_id: SourceId
    external_id: str
    version: str | None
    missing_since: datetime | None
    error_code: str | None
    withdrawn_reason: str | None
    working: bool
    asked_at: datetime
    failures: int


async def add_feed(
    tx: Transaction,
    *,
    creator_id: CreatorId,
    address: Address,
    watch: bool | None,
    access: Access | None,
    now: datetime,
    next_check_at: datetime,
) -> Feed:
    """The feed of this address, made if it is new; what is given changes one that is there."""
    found = await tx.fetch_one(
        Feed,
        """
        INSERT INTO ingestion.feeds AS f
            (id, creator_id, origin, external_id, url, title, access, watch, next_check_at, created_at)
        VALUES (%(id)s, %(creator)s, %(origin)s, %(external_id)s, %(url)s, %(url)s, coalesce(%(access)s, 'public'),
                coalesce(%(watch)s, true),
                CASE WHEN coalesce(%(watch)s, true) THEN %(next_check_at)s::timestamptz END, %(now)s)
        ON CONFLICT (creator_id, origin, external_id) DO UPDATE
        SET access = coalesce(%(access)s, f.access), watch = coalesce(%(watch)s, f.watch),
            next_check_at = CASE WHEN coalesce(%(watch)s, f.watch)
                                 THEN coalesce(f.next_check_at, %(next_check_at)s) END
        RETURNING id, creator_id, origin, external_id, url, title, access, watch, checked_at, next_check_at,
                  failures, shrunk_since, error_code, next_step, created_at
        """,
        {
            "id": new_id(),
            "creator": creator_id,
            "origin": address.origin,
            "external_id": address.id,
            "url": address.url,
            "watch": watch,
            "access": access,
            "now": now,
            "next_check_at": next_check_at,
        },
    )
    assert found is not None  # noqa: S101 - the statement returns the row it wrote
    return found


async def feed(tx: Transaction, feed_id: FeedId) -> Feed | None:
    """One feed."""
    return await tx.fetch_one(
        Feed,
        "SELECT id, creator_id, origin, external_id, url, title, access, watch, checked_at, next_check_at,"
        " failures, shrunk_since, error_code, next_step, created_at FROM ingestion.feeds WHERE id = %s",
        (feed_id,),
    )


async def feeds(tx: Transaction, creator_id: CreatorId) -> list[Feed]:
    """The feeds of a creator, oldest first."""
    return await tx.fetch_all(
        Feed,
        "SELECT id, creator_id, origin, external_id, url, title, access, watch, checked_at, next_check_at,"
        " failures, shrunk_since, error_code, next_step, created_at FROM ingestion.feeds"
        " WHERE creator_id = %s ORDER BY id",
        (creator_id,),
    )


async def remove_feed(tx: Transaction, feed_id: FeedId) -> None:
    """Forget a feed and what it listed; the sources stay."""
    await tx.execute("DELETE FROM ingestion.feeds WHERE id = %s", (feed_id,))


async def hold(tx: Transaction, feed_id: FeedId) -> bool:
    """Whether the feed is still there; it then stays until the transaction ends."""
    return bool(
        await tx.fetch_value("SELECT true FROM ingestion.feeds WHERE id = %s FOR KEY SHARE", (feed_id,))
    )


async def counts(tx: Transaction, creator_id: CreatorId) -> dict[FeedId, FeedCounts]:
    """How the items of each feed of a creator are; of feeds without items nothing."""

    @dataclass(frozen=True, slots=True)
    class Row:
        feed_id: UUID
        total: int
        ready: int
        pending: int
        failed: int
        withdrawn: int
        working: int

    rows = await tx.fetch_all(
        Row,
        """
        SELECT i.feed_id, count(*) AS total,
               count(*) FILTER (WHERE s.state = 'ready') AS ready,
               count(*) FILTER (WHERE s.state = 'pending') AS pending,
               count(*) FILTER (WHERE s.state = 'failed') AS failed,
               count(*) FILTER (WHERE s.state = 'withdrawn') AS withdrawn,
               count(*) FILTER (WHERE EXISTS (
                   SELECT 1 FROM ingestion.uploads u
                   WHERE u.source_id = i.source_id AND u.state IN ('waiting', 'taken')
                     AND NOT coalesce(u.address ? 'waits', false))) AS working
        FROM ingestion.feeds f
        JOIN ingestion.feed_items i ON i.feed_id = f.id
        JOIN creators.readable_states s ON s.id = i.source_id
        WHERE f.creator_id = %s
        GROUP BY i.feed_id
        """,
        (creator_id,),
    )
    return {
        FeedId(row.feed_id): FeedCounts(
            row.total, row.ready, row.pending, row.failed, row.withdrawn, row.working
        )
        for row in rows
    }


async def source_ids(tx: Transaction, feed_id: FeedId) -> set[SourceId]:
    """The items that a feed ever listed."""
    return set(
        await tx.fetch_values("SELECT source_id FROM ingestion.feed_items WHERE feed_id = %s", (feed_id,))
    )


async def items(tx: Transaction, feed_id: FeedId) -> list[FeedItem]:
    """What the feed listed so far."""
    return await tx.fetch_all(
        FeedItem,
        """
        SELECT i.source_id, s.external_id, i.version, i.missing_since, s.error_code, s.withdrawn_reason,
               coalesce(u.working, false) AS working, coalesce(u.asked_at, f.created_at) AS asked_at,
               coalesce(u.failures, 0) AS failures
        FROM ingestion.feed_items i
        JOIN ingestion.feeds f ON f.id = i.feed_id
        JOIN creators.readable_states s ON s.id = i.source_id
        LEFT JOIN LATERAL (
            SELECT bool_or(u.state IN ('waiting', 'taken')) AS working, max(u.created_at) AS asked_at,
                   count(*) FILTER (WHERE u.state = 'failed' AND NOT EXISTS (
                       SELECT 1 FROM ingestion.uploads d
                       WHERE d.source_id = i.source_id AND d.state = 'done' AND d.id > u.id)) AS failures
            FROM ingestion.uploads u WHERE u.source_id = i.source_id) u ON true
        WHERE i.feed_id = %s
        """,
        (feed_id,),
    )


async def is_listed(tx: Transaction, source_id: SourceId) -> bool:
    """Whether a feed ever listed the item."""
    return bool(
        await tx.fetch_value(
            "SELECT EXISTS (SELECT 1 FROM ingestion.feed_items WHERE source_id = %s)", (source_id,)
        )
    )


async def put_item(
    tx: Transaction,
    *,
    feed_id: FeedId,
    source_id: SourceId,
    version: str | None,
    missing_since: datetime | None,
    job_id: JobId,
    change: Change,
) -> None:
    """Note what a check found of an item and what was done about it."""
    params: dict[str, Any] = {
        "feed": feed_id,
        "source": source_id,
        "version": version,
        "missing": missing_since,
        "job": job_id,
        "change": change,
    }
    await tx.execute(
        """
        INSERT INTO ingestion.feed_items (feed_id, source_id, version, missing_since, job_id, change)
        VALUES (%(feed)s, %(source)s, %(version)s, %(missing)s, %(job)s, %(change)s)
        ON CONFLICT (feed_id, source_id) DO UPDATE
        SET version = excluded.version, missing_since = excluded.missing_since, job_id = excluded.job_id,
            change = excluded.change
        """,
        params,
    )


async def wanted_otherwise(tx: Transaction, feed_id: FeedId, source_id: SourceId) -> bool:
    """Whether another feed lists the item too, or a person submitted it by itself."""
    return bool(
        await tx.fetch_value(
            "SELECT EXISTS (SELECT 1 FROM ingestion.feed_items WHERE source_id = %(source)s"
            " AND feed_id <> %(feed)s AND missing_since IS NULL)"
            " OR EXISTS (SELECT 1 FROM ingestion.uploads WHERE source_id = %(source)s AND feed_id IS NULL)",
            {"source": source_id, "feed": feed_id},
        )
    )


async def changes(tx: Transaction, feed_id: FeedId, job_id: JobId) -> dict[str, int]:
    """How many items a check did what about, in all its attempts."""

    @dataclass(frozen=True, slots=True)
    class Row:
        change: str
        count: int

    rows = await tx.fetch_all(
        Row,
        "SELECT change, count(*) AS count FROM ingestion.feed_items WHERE feed_id = %s AND job_id = %s"
        " GROUP BY change ORDER BY change",
        (feed_id, job_id),
    )
    return {row.change: row.count for row in rows}


async def end_check(
    tx: Transaction,
    feed_id: FeedId,
    *,
    title: str,
    now: datetime,
    next_check_at: datetime,
    shrunk_since: datetime | None,
    error_code: str | None,
    next_step: str | None,
) -> bool:
    """Note that a check came to its end; False when the feed was removed meanwhile."""
    return bool(
        await tx.execute(
            "UPDATE ingestion.feeds SET title = %(title)s, checked_at = %(now)s, failures = 0,"
            " next_check_at = CASE WHEN watch THEN %(next)s::timestamptz END, shrunk_since = %(shrunk)s,"
            " error_code = %(code)s, next_step = %(step)s WHERE id = %(id)s",
            {
                "title": title,
                "now": now,
                "next": next_check_at,
                "shrunk": shrunk_since,
                "code": error_code,
                "step": next_step,
                "id": feed_id,
            },
        )
    )


async def fail_check(
    tx: Transaction, feed_id: FeedId, *, code: str, next_step: str | None, next_check_at: datetime
) -> None:
    """Note why a check failed, and when to try again."""
    await tx.execute(
        "UPDATE ingestion.feeds SET failures = failures + 1, error_code = %s, next_step = %s,"
        " next_check_at = CASE WHEN watch THEN %s::timestamptz END WHERE id = %s",
        (code, next_step, next_check_at, feed_id),
    )


async def take_due(tx: Transaction, now: datetime, until: datetime, *, limit: int) -> list[Feed]:
    """Watched feeds whose time has come, the longest due first; not seen again before `until` by others."""
    return await tx.fetch_all(
        Feed,
        """
        UPDATE ingestion.feeds f SET next_check_at = %(until)s
        FROM (SELECT id FROM ingestion.feeds WHERE watch AND next_check_at <= %(now)s
              ORDER BY next_check_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED) AS due
        WHERE f.id = due.id
        RETURNING f.id, creator_id, origin, external_id, url, title, access, watch, checked_at, next_check_at,
                  failures, shrunk_since, error_code, next_step, created_at
        """,
        {"now": now, "until": until, "limit": limit},
    )
