"""Collections that are looked through again and again: list, look now, remove."""

from uuid import UUID

from fastapi import APIRouter, Depends

from gateway.bodies import SubmissionBody
from gateway.feed_bodies import FeedBody, FeedRemovedBody, FeedsBody
from gateway.parts import FromParts, find_creator, require_admin
from runtime.ids import FeedId

router = APIRouter(prefix="/api/v1", tags=["feeds"], dependencies=[Depends(require_admin)])


@router.get("/creators/{creator_id}/feeds")
async def list_feeds(creator_id: str, parts: FromParts) -> FeedsBody:
    """List a creator's feeds, with how their items are. Needs the administrator key."""
    async with parts.database.transaction() as tx:
        creator = await find_creator(parts, tx, creator_id, is_admin=True)
        found = await parts.addresses.feeds(tx, creator.id)
    return FeedsBody(feeds=[FeedBody.of(feed, counts) for feed, counts in found])


@router.delete("/creators/{creator_id}/feeds/{feed_id}")
async def remove_feed(creator_id: str, feed_id: UUID, parts: FromParts) -> FeedRemovedBody:
    """Stop looking a feed through. The items that it brought stay. Needs the administrator key."""
    async with parts.database.transaction() as tx:
        creator = await find_creator(parts, tx, creator_id, is_admin=True)
        feed = await parts.addresses.remove(tx, creator.id, FeedId(feed_id))
    return FeedRemovedBody(feed_id=feed.id, url=feed.url)


@router.post("/feeds/{feed_id}/check", status_code=202)
async def check_feed(feed_id: UUID, parts: FromParts) -> SubmissionBody:
    """Look a feed through now, and try again what failed. Needs the administrator key."""
    async with parts.database.transaction() as tx:
        return SubmissionBody.of(await parts.addresses.check(tx, FeedId(feed_id)))
