"""One item by its address: taken in, looked at again, failed, taken back, brought back."""

import asyncio

import pytest

from creators import Creator
from jobs import LeaseLost
from runtime.errors import InvalidInput
from tests.integration.ingestion.shelf import Shelf
from tests.integration.ingestion.workshop import Workshop

CHAINS = "# Chains\n\nChange the chain at half a percent of wear.\n"
TYRES = "# Tyres\n\nRun lower pressure than your friends tell you.\n"


async def test_an_address_becomes_an_answerable_source(
    workshop: Workshop, shelf: Shelf, bev: Creator
) -> None:
    shelf.put("chains", CHAINS)
    accepted = await workshop.submit(bev, f"  {shelf.url('texts/chains')} ")
    waiting = await workshop.source(accepted.source_id)
    assert (waiting.state, waiting.facts.title, waiting.facts.url) == (
        "pending",
        shelf.url("texts/chains"),
        shelf.url("texts/chains"),
    )
    assert (waiting.facts.origin, waiting.facts.external_id) == ("web", "texts/chains")
    assert not shelf.hits, "nothing may be fetched while the caller waits"
    workshop.clock.advance(7)
    await workshop.work()
    source = await workshop.source(accepted.source_id)
    assert (source.state, source.facts.title, source.facts.url) == (
        "ready",
        "Chains",
        shelf.url("texts/chains"),
    )
    assert source.first_seen_at is not None
    assert source.ready_at is not None
    assert (source.ready_at - source.first_seen_at).total_seconds() == 7
    assert await workshop.found(bev, "When do I change the chain?") == ["Chains"]


async def test_what_no_origin_knows_is_told_with_what_is_understood(workshop: Workshop, bev: Creator) -> None:
    for text in ("", "  ", "ftp://x", "somewhere", "a" * 3000, "http://a\x00b/"):
        with pytest.raises(InvalidInput) as caught:
            await workshop.submit(bev, text)
        assert caught.value.code == "address_unknown"
        assert "web page" in caught.value.next_step
    assert await workshop.sources(bev) == {}


async def test_a_wrong_address_of_an_origin_is_its_own_error(
    workshop: Workshop, shelf: Shelf, bev: Creator
) -> None:
    with pytest.raises(InvalidInput) as caught:
        await workshop.submit(bev, shelf.url("elsewhere"))
    assert caught.value.code == "shelf_address_wrong"


async def test_an_item_cannot_be_watched(workshop: Workshop, shelf: Shelf, bev: Creator) -> None:
    with pytest.raises(InvalidInput) as caught:
        await workshop.submit(bev, shelf.url("texts/chains"), watch=True)
    assert caught.value.code == "watch_needs_collection"
    assert await workshop.sources(bev) == {}


async def test_unchanged_content_is_no_work(workshop: Workshop, shelf: Shelf, bev: Creator) -> None:
    shelf.put("chains", CHAINS)
    first = await workshop.take_in(bev, shelf.url("texts/chains"))
    embedded, before = workshop.embedder.embedded, await workshop.source(first.source_id)
    again = await workshop.take_in(bev, shelf.url("texts/chains"))
    assert shelf.hits["texts/chains"] == 2
    assert again.source_id == first.source_id
    assert (await workshop.job(again.job_id)).result == {"unchanged": True}
    assert workshop.embedder.embedded == embedded
    assert (await workshop.source(first.source_id)).generation == before.generation


async def test_changed_content_costs_only_the_difference(
    workshop: Workshop, shelf: Shelf, bev: Creator
) -> None:
    parts = [f"## Part {n}\n\n{' '.join(f'word{n}{i}' for i in range(50))}.\n" for n in range(6)]
    shelf.put("long", "# Long\n\n" + "\n".join(parts))
    first = await workshop.take_in(bev, shelf.url("texts/long"))
    embedded = workshop.embedder.embedded
    assert embedded >= 6
    shelf.put("long", "# Long\n\n" + "\n".join([*parts[:5], "## Part 5\n\nSomething else at last.\n"]))
    await workshop.take_in(bev, shelf.url("texts/long"))
    assert workshop.embedder.embedded == embedded + 1
    assert (await workshop.source(first.source_id)).generation == 2


async def test_two_submissions_at_once_are_one(workshop: Workshop, shelf: Shelf, bev: Creator) -> None:
    shelf.put("chains", CHAINS)
    accepted = await asyncio.gather(*(workshop.submit(bev, shelf.url("texts/chains")) for _ in range(8)))
    assert len({one.source_id for one in accepted}) == 1
    assert len({one.job_id for one in accepted}) == 1
    await workshop.work()
    assert shelf.hits["texts/chains"] == 1
    assert await workshop.value("SELECT count(*) FROM ingestion.uploads") == 1


async def test_another_creator_has_a_source_of_its_own(
    workshop: Workshop, shelf: Shelf, bev: Creator
) -> None:
    ada = await workshop.creator("ada")
    shelf.put("chains", CHAINS)
    mine = await workshop.take_in(bev, shelf.url("texts/chains"))
    theirs = await workshop.take_in(ada, shelf.url("texts/chains"), access="private")
    assert mine.source_id != theirs.source_id
    assert (await workshop.source(mine.source_id)).access == "public"
    assert await workshop.found(ada, "change the chain") == []
    assert await workshop.found(bev, "change the chain") == ["Chains"]


async def test_access_can_be_given_later(workshop: Workshop, shelf: Shelf, bev: Creator) -> None:
    shelf.put("chains", CHAINS)
    await workshop.take_in(bev, shelf.url("texts/chains"))
    accepted = await workshop.submit(bev, shelf.url("texts/chains"), access="members")
    assert (await workshop.source(accepted.source_id)).access == "members"
    again = await workshop.submit(bev, shelf.url("texts/chains"))
    assert (await workshop.source(again.source_id)).access == "members"


async def test_what_stands_in_the_way_is_on_the_source(
    workshop: Workshop, shelf: Shelf, bev: Creator
) -> None:
    shelf.statuses["texts/locked"] = 403
    accepted = await workshop.take_in(bev, shelf.url("texts/locked"))
    source, job = await workshop.source(accepted.source_id), await workshop.job(accepted.job_id)
    assert (source.state, source.error_code, source.next_step) == ("failed", "text_locked", "Unlock it.")
    assert (job.state, job.error_code, job.next_step, job.attempts) == (
        "failed",
        "text_locked",
        "Unlock it.",
        1,
    )
    del shelf.statuses["texts/locked"]
    shelf.put("locked", TYRES)
    await workshop.take_in(bev, shelf.url("texts/locked"))
    source = await workshop.source(accepted.source_id)
    assert (source.state, source.error_code, source.next_step) == ("ready", None, None)


async def test_a_file_that_is_no_item_ends_as_its_error(
    workshop: Workshop, shelf: Shelf, bev: Creator
) -> None:
    shelf.put("empty", "")
    accepted = await workshop.take_in(bev, shelf.url("texts/empty"))
    source = await workshop.source(accepted.source_id)
    assert source.state == "failed"
    assert source.error_code
    assert source.next_step


async def test_a_server_that_is_down_is_tried_again(workshop: Workshop, shelf: Shelf, bev: Creator) -> None:
    shelf.put("chains", CHAINS)
    shelf.statuses["texts/chains"] = 503
    accepted = await workshop.take_in(bev, shelf.url("texts/chains"))
    job = await workshop.job(accepted.job_id)
    assert (job.state, job.error_code) == ("queued", "shelf_down")
    assert (await workshop.source(accepted.source_id)).state == "pending"
    del shelf.statuses["texts/chains"]
    await workshop.work_on(600)
    assert (await workshop.source(accepted.source_id)).state == "ready"


async def test_a_worker_that_dies_before_publishing_costs_no_second_download(
    workshop: Workshop, shelf: Shelf, bev: Creator
) -> None:
    shelf.put("chains", CHAINS)
    accepted = await workshop.submit(bev, shelf.url("texts/chains"))
    effect = await workshop.pipeline.bring_up_to_date(await workshop.begin())
    del effect  # the worker is killed here: all is fetched and indexed, nothing published
    assert (await workshop.source(accepted.source_id)).state == "pending"
    embedded = workshop.embedder.embedded
    await workshop.work_on(workshop.jobs.lease_s + 1)
    assert (await workshop.source(accepted.source_id)).state == "ready"
    assert shelf.hits["texts/chains"] == 1
    assert workshop.embedder.embedded == embedded
    assert await workshop.value("SELECT count(*) FROM retrieval.passages") == 1


async def test_a_worker_that_lost_its_lease_while_fetching_writes_nothing(
    workshop: Workshop, shelf: Shelf, bev: Creator
) -> None:
    shelf.put("chains", CHAINS)
    gate = shelf.hold("texts/chains")
    accepted = await workshop.submit(bev, shelf.url("texts/chains"))
    slow = asyncio.create_task(workshop.pipeline.bring_up_to_date(await workshop.begin()))
    await asyncio.to_thread(shelf.begun["texts/chains"].wait, 10)
    workshop.clock.advance(workshop.jobs.lease_s + 1)
    await workshop.runner().sweep()
    gate.set()
    with pytest.raises(LeaseLost):
        await slow
    assert await workshop.value("SELECT content_hash FROM ingestion.uploads") == ""
    await workshop.work()
    assert (await workshop.source(accepted.source_id)).state == "ready"


async def test_what_became_private_is_withdrawn_and_comes_back(
    workshop: Workshop, shelf: Shelf, bev: Creator
) -> None:
    shelf.put("chains", CHAINS)
    accepted = await workshop.take_in(bev, shelf.url("texts/chains"))
    shelf.statuses["texts/chains"] = 410
    await workshop.take_in(bev, shelf.url("texts/chains"))
    source = await workshop.source(accepted.source_id)
    assert (source.state, source.withdrawn_reason, source.next_step) == (
        "withdrawn",
        "text_gone",
        "Put it back.",
    )
    assert await workshop.found(bev, "change the chain") == []
    assert source.generation == 1, "what was published is kept"
    del shelf.statuses["texts/chains"]
    embedded = workshop.embedder.embedded
    await workshop.take_in(bev, shelf.url("texts/chains"))
    source = await workshop.source(accepted.source_id)
    assert (source.state, source.withdrawn_reason, source.error_code) == ("ready", None, None)
    assert await workshop.found(bev, "change the chain") == ["Chains"]
    assert workshop.embedder.embedded == embedded
    told = [event for event in await workshop.events() if event.startswith("source_")]
    assert told == ["source_published", "source_withdrawn", "source_restored"]


async def test_what_comes_back_changed_is_published_and_restored(
    workshop: Workshop, shelf: Shelf, bev: Creator
) -> None:
    shelf.put("chains", CHAINS)
    accepted = await workshop.take_in(bev, shelf.url("texts/chains"))
    shelf.statuses["texts/chains"] = 404
    await workshop.take_in(bev, shelf.url("texts/chains"))
    del shelf.statuses["texts/chains"]
    shelf.put("chains", TYRES)
    await workshop.take_in(bev, shelf.url("texts/chains"))
    source = await workshop.source(accepted.source_id)
    assert (source.state, source.facts.title, source.generation) == ("ready", "Tyres", 2)


async def test_an_outage_withdraws_nothing(workshop: Workshop, shelf: Shelf, bev: Creator) -> None:
    shelf.put("chains", CHAINS)
    accepted = await workshop.take_in(bev, shelf.url("texts/chains"))
    for status in (403, 422, 503):
        shelf.statuses["texts/chains"] = status
        await workshop.take_in(bev, shelf.url("texts/chains"))
        for _ in range(workshop.jobs.max_attempts):
            await workshop.work_on(600)
        source = await workshop.source(accepted.source_id)
        assert (source.state, source.error_code is not None) == ("ready", True)
        assert await workshop.found(bev, "change the chain") == ["Chains"]


async def test_what_a_person_withdrew_stays_so(workshop: Workshop, shelf: Shelf, bev: Creator) -> None:
    shelf.put("chains", CHAINS)
    accepted = await workshop.take_in(bev, shelf.url("texts/chains"))
    async with workshop.database.transaction() as tx:
        await tx.execute("UPDATE creators.sources SET withdrawn_at = %s", (workshop.clock.now(),))
    await workshop.take_in(bev, shelf.url("texts/chains"))
    assert (await workshop.source(accepted.source_id)).state == "withdrawn"


async def test_a_title_that_cannot_be_kept_is_cleaned(workshop: Workshop, shelf: Shelf, bev: Creator) -> None:
    shelf.put("odd", CHAINS)
    shelf.list_all(odd={"title": "A\x00B \u202e title" + "x" * 900})
    accepted = await workshop.submit(bev, shelf.url("lists/all"))
    await workshop.work()
    assert (await workshop.job(accepted.job_id)).state == "succeeded"
    assert await workshop.states(bev) == {"odd": "ready"}
