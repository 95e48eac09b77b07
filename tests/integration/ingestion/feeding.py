"""What the tests of feeds do again and again."""

from creators import Creator
from ingestion import Feed, FeedCounts
from tests.integration.ingestion.shelf import Shelf
from tests.integration.ingestion.workshop import Workshop

INTERVAL_S = 900


def fill(shelf: Shelf, *names: str) -> None:
    for name in names:
        shelf.put(name, f"# {name.title()}\n\nAll that is to be said about {name} is said here.\n")
    shelf.list_all()


async def the_feed(workshop: Workshop, creator: Creator) -> tuple[Feed, FeedCounts]:
    async with workshop.database.transaction() as tx:
        [found] = await workshop.addresses.feeds(tx, creator.id)
    return found


async def check(workshop: Workshop, creator: Creator) -> dict[str, object]:
    """Let the feed be looked through by hand, and all be done that follows; the result of the check."""
    feed, _ = await the_feed(workshop, creator)
    async with workshop.database.transaction() as tx:
        accepted = await workshop.addresses.check(tx, feed.id)
    await workshop.work()
    job = await workshop.job(accepted.job_id)
    assert job.result is not None, (job.error_code, job.error_detail)
    return {name: value for name, value in job.result.items() if name != "feed_id"}
