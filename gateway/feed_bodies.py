"""What travels about addresses and feeds."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from creators import Access
from gateway.bodies import Text
from ingestion import Feed, FeedCounts


class AddressRequest(BaseModel):
    """An address to take in. `watch` is for collections, which are watched unless it is false."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: Annotated[Text, Field(min_length=1, max_length=2000)]
    watch: bool | None = None
    access: Access | None = None


class FeedCountsBody(BaseModel):
    """How the items of a feed are; of those that are `working`, files are still to be taken in."""

    total: int
    ready: int
    pending: int
    failed: int
    withdrawn: int
    working: int


class FeedBody(BaseModel):
    """A collection that is looked through, by itself if it is watched. The error is of its last check."""

    id: UUID
    origin: str
    external_id: str
    url: str
    title: str
    access: Access
    watch: bool
    created_at: datetime
    checked_at: datetime | None
    next_check_at: datetime | None
    failures: int
    error_code: str | None
    next_step: str | None
    items: FeedCountsBody

    @classmethod
    def of(cls, feed: Feed, counts: FeedCounts) -> "FeedBody":
        items = FeedCountsBody(**{name: getattr(counts, name) for name in FeedCountsBody.model_fields})
        named = {name: getattr(feed, name) for name in cls.model_fields if name != "items"}
        return cls(**named, items=items)


class FeedsBody(BaseModel):
    """A creator's feeds, oldest first."""

    feeds: list[FeedBody]


class FeedRemovedBody(BaseModel):
    """A feed that is gone; its items stay."""

    feed_id: UUID
    url: str
