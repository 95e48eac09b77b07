"""Feeds over time: what is new or has changed is taken in, and what leaves is withdrawn with care."""

from datetime import timedelta

import pytest

from creators import Creator
from tests.integration.ingestion.feeding import INTERVAL_S, check, fill, the_feed
from tests.integration.ingestion.shelf import Shelf
from tests.integration.ingestion.workshop import Workshop


async def test_a_watched_feed_is_polled_and_brings_what_is_new(
    workshop: Workshop, shelf: Shelf, bev: Creator
) -> None:
    fill(shelf, "old")
    async with workshop.database.transaction() as tx:
        await workshop.queue.ensure_schedules(tx, workshop.watcher.schedules())
    await workshop.take_in(bev, shelf.url("lists/all"))
    published = workshop.clock.now() + timedelta(seconds=600)
    shelf.put("new", "# New\n\nFresh from the workshop.\n")
    shelf.list_all(new={"published_at": published.isoformat()})
    await workshop.work_on(INTERVAL_S - 60)
    assert "new" not in await workshop.states(bev)
    await workshop.work_on(120)
    await workshop.work()
    source = (await workshop.sources(bev))["new"]
    assert source.state == "ready"
    assert source.facts.published_at == published
    assert source.ready_at is not None
    assert (source.ready_at - published).total_seconds() == INTERVAL_S + 60 - 600
    assert shelf.hits["texts/old"] == 1
    feed, _ = await the_feed(workshop, bev)
    assert feed.next_check_at == workshop.clock.now() + timedelta(seconds=INTERVAL_S)


async def test_a_feed_that_is_not_watched_is_left_alone(
    workshop: Workshop, shelf: Shelf, bev: Creator
) -> None:
    fill(shelf, "old")
    async with workshop.database.transaction() as tx:
        await workshop.queue.ensure_schedules(tx, workshop.watcher.schedules())
    await workshop.take_in(bev, shelf.url("lists/all"), watch=False)
    await workshop.work_on(10 * INTERVAL_S)
    assert shelf.hits["lists/all"] == 1
    await workshop.submit(bev, shelf.url("lists/all"), watch=True)
    assert (await the_feed(workshop, bev))[0].watch
    await workshop.submit(bev, shelf.url("lists/all"))
    assert (await the_feed(workshop, bev))[0].watch, "what is not given stays"


async def test_only_what_changed_is_fetched_again(workshop: Workshop, shelf: Shelf, bev: Creator) -> None:
    fill(shelf, "a", "b", "c")
    await workshop.take_in(bev, shelf.url("lists/all"))
    assert await check(workshop, bev) == {"listed": 3, "held": 0}
    shelf.put("b", "# B\n\nSaid differently now.\n")
    shelf.list_all(b={"version": "2"})
    assert await check(workshop, bev) == {"listed": 3, "held": 0, "changed": 1}
    assert [shelf.hits[f"texts/{name}"] for name in "abc"] == [1, 2, 1]
    assert (await workshop.sources(bev))["b"].generation == 2
    assert await check(workshop, bev) == {"listed": 3, "held": 0}


async def test_what_tells_no_version_is_fetched_again_now_and_then(
    workshop: Workshop, shelf: Shelf, bev: Creator
) -> None:
    names = [f"t{n}" for n in range(25)]
    fill(shelf, *names)
    shelf.list_all(**{name: {"version": None} for name in names})
    await workshop.take_in(bev, shelf.url("lists/all"))
    assert await check(workshop, bev) == {"listed": 25, "held": 0}
    workshop.clock.advance(workshop.settings.refresh_s + 1)
    assert await check(workshop, bev) == {"listed": 25, "held": 0, "refreshed": 20}
    assert await check(workshop, bev) == {"listed": 25, "held": 0, "refreshed": 5}
    assert await check(workshop, bev) == {"listed": 25, "held": 0}


async def test_new_items_are_not_kept_back_by_those_looked_at_again(
    workshop: Workshop, shelf: Shelf, bev: Creator
) -> None:
    names = [f"t{n}" for n in range(25)]
    fill(shelf, *names)
    shelf.list_all(**{name: {"version": None} for name in names})
    await workshop.take_in(bev, shelf.url("lists/all"))
    workshop.clock.advance(workshop.settings.refresh_s + 1)
    shelf.put("late", "# Late\n\nListed last.\n")
    shelf.list_all(**{name: {"version": None} for name in names})
    shelf.lists["all"]["entries"].reverse()
    assert await check(workshop, bev) == {"listed": 26, "held": 0, "refreshed": 20, "new": 1}


async def test_what_left_is_withdrawn_and_what_returns_is_restored(
    workshop: Workshop, shelf: Shelf, bev: Creator
) -> None:
    fill(shelf, "a", "b", "c")
    await workshop.take_in(bev, shelf.url("lists/all"))
    whole = shelf.lists["all"]
    shelf.lists["all"] = {**whole, "entries": [e for e in whole["entries"] if e["id"] != "b"]}
    assert await check(workshop, bev) == {"listed": 2, "held": 0, "withdrawn": 1}
    gone = (await workshop.sources(bev))["b"]
    assert (gone.state, gone.withdrawn_reason) == ("withdrawn", "gone_from_feed")
    assert gone.next_step
    assert await workshop.found(bev, "all that is to be said") == ["A", "C"]
    assert await check(workshop, bev) == {"listed": 2, "held": 0}
    shelf.lists["all"] = whole
    assert await check(workshop, bev) == {"listed": 3, "held": 0, "returned": 1}
    assert await workshop.found(bev, "all that is to be said") == ["A", "B", "C"]
    back = (await workshop.sources(bev))["b"]
    assert (back.state, back.withdrawn_reason, back.next_step) == ("ready", None, None)


async def test_a_listing_that_is_not_complete_withdraws_nothing(
    workshop: Workshop, shelf: Shelf, bev: Creator
) -> None:
    fill(shelf, "a", "b", "c")
    await workshop.take_in(bev, shelf.url("lists/all"))
    shelf.lists["all"]["complete"] = False
    del shelf.lists["all"]["entries"][0]
    assert await check(workshop, bev) == {"listed": 2, "held": 1}
    assert set((await workshop.states(bev)).values()) == {"ready"}
    assert (await the_feed(workshop, bev))[0].error_code is None


@pytest.mark.parametrize("left", [0, 1])
async def test_a_listing_that_suddenly_misses_most_is_not_believed_at_once(
    left: int, workshop: Workshop, shelf: Shelf, bev: Creator
) -> None:
    fill(shelf, "a", "b", "c", "d")
    await workshop.take_in(bev, shelf.url("lists/all"))
    whole = shelf.lists["all"]
    shrunk = {**whole, "entries": whole["entries"][:left]}
    shelf.lists["all"] = shrunk
    for _ in range(3):
        assert await check(workshop, bev) == {"listed": left, "held": 4 - left}
        workshop.clock.advance(3600)
    assert set((await workshop.states(bev)).values()) == {"ready"}
    feed, _ = await the_feed(workshop, bev)
    assert feed.error_code == "listing_shrunk"
    assert feed.next_step
    shelf.lists["all"] = whole
    await check(workshop, bev)
    assert (await the_feed(workshop, bev))[0].error_code is None
    # It must have stayed so all the time: what was seen before it recovered does not count.
    shelf.lists["all"] = shrunk
    workshop.clock.advance(workshop.settings.hold_s)
    assert await check(workshop, bev) == {"listed": left, "held": 4 - left}
    workshop.clock.advance(workshop.settings.hold_s)
    assert await check(workshop, bev) == {"listed": left, "held": 0, "withdrawn": 4 - left}
    assert sorted((await workshop.states(bev)).values()) == ["ready"] * left + ["withdrawn"] * (4 - left)
    assert (await the_feed(workshop, bev))[0].error_code is None


async def test_what_somebody_else_wants_is_not_withdrawn(
    workshop: Workshop, shelf: Shelf, bev: Creator
) -> None:
    fill(shelf, "a", "b", "c", "d", "e")
    shelf.lists["other"] = {**shelf.lists["all"], "entries": [{"id": "a", "version": "1"}]}
    await workshop.take_in(bev, shelf.url("lists/all"))
    await workshop.take_in(bev, shelf.url("texts/b"))
    await workshop.take_in(bev, shelf.url("lists/other"), watch=False)
    async with workshop.database.transaction() as tx:
        feeds = await workshop.addresses.feeds(tx, bev.id)
        first = next(
            feed for feed, _ in feeds if feed.title == "List all" and feed.external_id == "lists/all"
        )
    shelf.lists["all"]["entries"] = [e for e in shelf.lists["all"]["entries"] if e["id"] in {"d", "e", "c"}]
    async with workshop.database.transaction() as tx:
        accepted = await workshop.addresses.check(tx, first.id)
    await workshop.work()
    assert ((await workshop.job(accepted.job_id)).result or {}).get("missing") == 2
    assert set((await workshop.states(bev)).values()) == {"ready"}


async def test_an_item_that_turned_private_stops_answering(
    workshop: Workshop, shelf: Shelf, bev: Creator
) -> None:
    fill(shelf, "a", "b")
    await workshop.take_in(bev, shelf.url("lists/all"))
    shelf.statuses["texts/a"] = 410
    shelf.list_all(a={"version": "2"})
    await check(workshop, bev)
    assert await workshop.states(bev) == {"a": "withdrawn", "b": "ready"}
    del shelf.statuses["texts/a"]
    assert await check(workshop, bev) == {"listed": 2, "held": 0, "retried": 1}
    assert await workshop.states(bev) == {"a": "ready", "b": "ready"}


async def test_what_failed_is_tried_again_with_growing_patience(
    workshop: Workshop, shelf: Shelf, bev: Creator
) -> None:
    fill(shelf, "a", "b", "c")
    async with workshop.database.transaction() as tx:
        await workshop.queue.ensure_schedules(tx, workshop.watcher.schedules())
    shelf.statuses["texts/a"] = 422
    await workshop.take_in(bev, shelf.url("lists/all"))
    tries: list[int] = []
    for _ in range(9):
        await workshop.work_on(INTERVAL_S + 60)
        await workshop.work()
        tries.append(shelf.hits["texts/a"])
    assert tries == [2, 2, 3, 3, 3, 3, 4, 4, 4]
    del shelf.statuses["texts/a"]
    assert (await check(workshop, bev))["retried"] == 1
    assert (await workshop.states(bev))["a"] == "ready"
    # After a success patience begins anew.
    shelf.statuses["texts/a"] = 422
    shelf.list_all(a={"version": "2"})
    await check(workshop, bev)
    asked = shelf.hits["texts/a"]
    await workshop.work_on(INTERVAL_S + 60)
    await workshop.work()
    assert shelf.hits["texts/a"] == asked + 1


async def test_a_feed_that_cannot_be_read_backs_off_and_withdraws_nothing(
    workshop: Workshop, shelf: Shelf, bev: Creator
) -> None:
    fill(shelf, "a")
    await workshop.take_in(bev, shelf.url("lists/all"))
    waits: list[float] = []
    shelf.statuses["lists/all"] = 410
    for failures in range(1, 10):
        feed, _ = await the_feed(workshop, bev)
        async with workshop.database.transaction() as tx:
            await workshop.addresses.check(tx, feed.id)
        await workshop.work()
        feed, _ = await the_feed(workshop, bev)
        assert (feed.failures, feed.error_code, feed.next_step) == (failures, "text_gone", "Put it back.")
        assert feed.next_check_at is not None
        waits.append((feed.next_check_at - workshop.clock.now()).total_seconds())
    assert waits == [1800, 3600, 7200, 14400, 28800, 57600, 86400, 86400, 86400]
    assert await workshop.states(bev) == {"a": "ready"}
    del shelf.statuses["lists/all"]
    await check(workshop, bev)
    feed, _ = await the_feed(workshop, bev)
    assert (feed.failures, feed.error_code) == (0, None)
