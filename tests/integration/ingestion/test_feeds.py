"""Collections: imported item by item, each on its own; removed; begun again where a check died."""

import asyncio

import pytest

from creators import Creator
from ingestion import FeedCounts
from runtime.errors import NotFound
from tests.integration.ingestion.feeding import fill, the_feed
from tests.integration.ingestion.shelf import Shelf
from tests.integration.ingestion.workshop import Workshop


async def test_a_collection_becomes_a_feed_and_its_items_sources(
    workshop: Workshop, shelf: Shelf, bev: Creator
) -> None:
    fill(shelf, "chains", "tyres", "seeds")
    accepted = await workshop.submit(bev, shelf.url("lists/all"))
    assert (accepted.source_id, accepted.state) == (None, "queued")
    assert not shelf.hits
    await workshop.work()
    feed, counts = await the_feed(workshop, bev)
    assert (feed.id, feed.title, feed.watch, feed.error_code) == (accepted.feed_id, "List all", True, None)
    assert counts == FeedCounts(total=3, ready=3)
    assert (await workshop.job(accepted.job_id)).result == {
        "feed_id": str(feed.id),
        "listed": 3,
        "held": 0,
        "new": 3,
    }
    assert await workshop.states(bev) == dict.fromkeys(["chains", "tyres", "seeds"], "ready")


async def test_one_bad_item_of_ten_fails_alone(workshop: Workshop, shelf: Shelf, bev: Creator) -> None:
    names = [f"item-{n}" for n in range(10)]
    fill(shelf, *names)
    shelf.statuses["texts/item-4"] = 422
    accepted = await workshop.take_in(bev, shelf.url("lists/all"))
    assert (await workshop.job(accepted.job_id)).state == "succeeded"
    states = await workshop.states(bev)
    assert states.pop("item-4") == "failed"
    assert states == dict.fromkeys([n for n in names if n != "item-4"], "ready")
    bad = (await workshop.sources(bev))["item-4"]
    assert (bad.error_code, bad.next_step) == ("text_unusable", "Write it anew.")
    assert (await the_feed(workshop, bev))[1] == FeedCounts(total=10, ready=9, failed=1)


async def test_the_newest_items_come_first_and_after_what_is_submitted_by_itself(
    workshop: Workshop, shelf: Shelf, bev: Creator
) -> None:
    fill(shelf, "old", "newer", "newest")
    await workshop.submit(bev, shelf.url("lists/all"))
    await workshop.watcher.check(await workshop.begin())
    shelf.put("single", "# Single\n\nBy itself.\n")
    await workshop.submit(bev, shelf.url("texts/single"))
    order = await workshop.values(
        "SELECT s.external_id FROM jobs.jobs j JOIN creators.sources s ON s.id::text = j.payload->>'source_id'"
        " WHERE j.state = 'queued' ORDER BY j.priority DESC, j.number"
    )
    assert order == ["texts/single", "texts/newest", "texts/newer", "texts/old"]


async def test_an_empty_collection_is_an_empty_feed(workshop: Workshop, shelf: Shelf, bev: Creator) -> None:
    fill(shelf)
    await workshop.take_in(bev, shelf.url("lists/all"))
    feed, counts = await the_feed(workshop, bev)
    assert (counts, feed.error_code) == (FeedCounts(), None)


async def test_a_check_that_died_goes_on_where_it_stopped(
    workshop: Workshop, shelf: Shelf, bev: Creator, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(shelf, "a", "b", "c", "d")
    accepted = await workshop.submit(bev, shelf.url("lists/all"))
    registered = 0
    register = workshop.library.register

    async def dying(*args: object, **options: object) -> object:
        nonlocal registered
        registered += 1
        if registered == 3:
            raise ConnectionResetError
        return await register(*args, **options)

    monkeypatch.setattr(workshop.library, "register", dying)
    await workshop.work()
    assert (await workshop.job(accepted.job_id)).state == "queued"
    assert len(await workshop.states(bev)) == 2
    await workshop.work_on(600)
    assert (await workshop.job(accepted.job_id)).result == {
        "feed_id": str(accepted.feed_id),
        "listed": 4,
        "held": 0,
        "new": 4,
    }
    assert registered == 5, "what was done before is not done again"
    assert shelf.hits["texts/a"] == shelf.hits["texts/d"] == 1


async def test_a_feed_that_is_removed_while_its_job_runs_submits_no_more(
    workshop: Workshop, shelf: Shelf, bev: Creator
) -> None:
    fill(shelf, "a", "b")
    gate = shelf.hold("lists/all")
    accepted = await workshop.submit(bev, shelf.url("lists/all"))
    assert accepted.feed_id is not None
    working = asyncio.create_task(workshop.work())
    await asyncio.to_thread(shelf.begun["lists/all"].wait, 10)
    async with workshop.database.transaction() as tx:
        await workshop.addresses.remove(tx, bev.id, accepted.feed_id)
    gate.set()
    await working
    job = await workshop.job(accepted.job_id)
    assert (job.state, job.result) == ("succeeded", {"removed": True})
    assert await workshop.states(bev) == {}
    assert await workshop.value("SELECT count(*) FROM ingestion.feed_items") == 0


async def test_a_feed_removed_in_mid_submission_leaves_whole_sources(
    workshop: Workshop, shelf: Shelf, bev: Creator, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(shelf, "a", "b", "c")
    accepted = await workshop.submit(bev, shelf.url("lists/all"))
    assert accepted.feed_id is not None
    register, seen = workshop.library.register, 0
    removal: list[asyncio.Task[None]] = []

    async def remove() -> None:
        async with workshop.database.transaction() as tx:
            await workshop.addresses.remove(tx, bev.id, accepted.feed_id)

    async def watched(*args: object, **options: object) -> object:
        nonlocal seen
        seen += 1
        if seen == 2:
            removal.append(asyncio.create_task(remove()))
        return await register(*args, **options)

    monkeypatch.setattr(workshop.library, "register", watched)
    await workshop.work()
    await removal[0]
    states = await workshop.states(bev)
    assert len(states) >= 2, "what was submitted before stays"
    assert set(states.values()) == {"ready"}
    async with workshop.database.transaction() as tx:
        assert await workshop.addresses.feeds(tx, bev.id) == []


async def test_removing_a_feed_keeps_its_sources(workshop: Workshop, shelf: Shelf, bev: Creator) -> None:
    fill(shelf, "a", "b")
    accepted = await workshop.take_in(bev, shelf.url("lists/all"))
    assert accepted.feed_id is not None
    ada = await workshop.creator("ada")
    async with workshop.database.transaction() as tx:
        with pytest.raises(NotFound):
            await workshop.addresses.remove(tx, ada.id, accepted.feed_id)
        await workshop.addresses.remove(tx, bev.id, accepted.feed_id)
    assert await workshop.states(bev) == {"a": "ready", "b": "ready"}
    again = await workshop.take_in(bev, shelf.url("lists/all"))
    assert ((await workshop.job(again.job_id)).result or {}).get("known") == 2
    assert shelf.hits["texts/a"] == 1


async def test_a_foreign_creator_s_feed_of_the_same_address_is_another(
    workshop: Workshop, shelf: Shelf, bev: Creator
) -> None:
    fill(shelf, "a")
    ada = await workshop.creator("ada")
    mine = await workshop.take_in(bev, shelf.url("lists/all"), access="members")
    theirs = await workshop.take_in(ada, shelf.url("lists/all"))
    assert mine.feed_id != theirs.feed_id
    assert (await workshop.sources(bev))["a"].access == "members"
    assert (await workshop.sources(ada))["a"].access == "public"


async def test_submitting_a_feed_twice_at_once_makes_one(
    workshop: Workshop, shelf: Shelf, bev: Creator
) -> None:
    fill(shelf, "a")
    accepted = await asyncio.gather(*(workshop.submit(bev, shelf.url("lists/all")) for _ in range(6)))
    assert len({one.feed_id for one in accepted}) == 1
    assert len({one.job_id for one in accepted}) == 1
    await workshop.work()
    assert shelf.hits["lists/all"] == 1


async def test_a_listing_that_names_an_item_twice_or_without_name(
    workshop: Workshop, shelf: Shelf, bev: Creator
) -> None:
    fill(shelf, "a")
    entry = {"id": "a", "version": "1"}
    shelf.lists["all"]["entries"] = [entry, entry, {"id": "\x00", "version": "1"}]
    await workshop.take_in(bev, shelf.url("lists/all"))
    assert await workshop.states(bev) == {"a": "ready"}
    assert shelf.hits["texts/a"] == 1
