"""The catalogue and the library on a real PostgreSQL."""

from dataclasses import replace

import pytest

from creators import Catalogue, Chapter, Creator, Library, NewCreator, Persona, Segment, SourceFacts
from runtime.database import Database
from runtime.errors import Conflict, InvalidInput, NotFound
from runtime.testing import FixedClock

BEV = NewCreator("bev", "Bev Arkenshaw", Persona("dry", "Hi.", ("Why?",), ("Bev",)), ("en", "fr"))
TALK = SourceFacts(
    "youtube", "demoTubes21", "video", "Tubes", duration_ms=60_000, chapters=(Chapter(0, "Go"),)
)
SEGMENTS = [
    Segment(0, "One\ttwo\\ \nthree", 0, 900, speaker="Bev", role="creator", word_starts_ms=(0, 300, 600)),
    Segment(1, "Four", 900, 1500),
]


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def catalogue(clock: FixedClock) -> Catalogue:
    return Catalogue(clock)


@pytest.fixture
def library(clock: FixedClock) -> Library:
    return Library(clock)


@pytest.fixture
async def bev(database: Database, catalogue: Catalogue) -> Creator:
    async with database.transaction() as tx:
        return await catalogue.create(tx, BEV, active_index="a")


async def test_a_creator_is_found_by_handle_and_id(
    database: Database, catalogue: Catalogue, bev: Creator
) -> None:
    async with database.transaction() as tx:
        assert await catalogue.find(tx, "bev") == bev
        assert await catalogue.find(tx, str(bev.id)) == bev
    assert (bev.persona, bev.languages, bev.active_index) == (BEV.persona, ("en", "fr"), "a")
    assert bev.own_voices == {"bev arkenshaw", "bev"}


async def test_a_handle_is_taken_once(database: Database, catalogue: Catalogue, bev: Creator) -> None:
    with pytest.raises(Conflict, match="already"):
        async with database.transaction() as tx:
            await catalogue.create(tx, BEV, active_index="a")


@pytest.mark.parametrize("handle", ["", "a", "Bev", "-bev", "be v", "b" * 64, "bév", "bev\x00", "../bev"])
async def test_a_handle_must_fit_into_an_address(
    database: Database, catalogue: Catalogue, handle: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        async with database.transaction() as tx:
            await catalogue.create(tx, replace(BEV, handle=handle), active_index="a")
    assert caught.value.code == "handle_invalid"


@pytest.mark.parametrize(
    "reference", ["nobody", "", "\x00", "0" * 10_000, "019a0000-0000-7000-8000-000000000000"]
)
async def test_an_unknown_creator_is_not_found(
    database: Database, catalogue: Catalogue, reference: str
) -> None:
    with pytest.raises(NotFound) as caught:
        async with database.transaction() as tx:
            await catalogue.find(tx, reference)
    assert caught.value.code == "creator_not_found"


async def test_private_creators_are_listed_only_when_asked_for(
    database: Database, catalogue: Catalogue
) -> None:
    async with database.transaction() as tx:
        await catalogue.create(tx, BEV, active_index="a")
        await catalogue.create(tx, replace(BEV, handle="odile", visibility="private"), active_index="a")
        assert [c.handle for c in await catalogue.all(tx)] == ["bev"]
        assert len(await catalogue.all(tx, include_private=True)) == 2


async def test_registering_twice_is_one_source(database: Database, library: Library, bev: Creator) -> None:
    async with database.transaction() as tx:
        first = await library.register(tx, bev.id, TALK)
        second = await library.register(tx, bev.id, replace(TALK, title="Renamed"))
        assert first == second
        assert (first.state, first.facts) == ("pending", TALK)


async def test_segments_come_back_word_for_word(database: Database, library: Library, bev: Creator) -> None:
    async with database.transaction() as tx:
        source = await library.register(tx, bev.id, TALK)
        await library.write_segments(tx, source.id, 1, SEGMENTS)
        await library.write_segments(tx, source.id, 1, SEGMENTS)
        assert await library.segments(tx, source.id, 1) == SEGMENTS
        assert await library.segments(tx, source.id, 1, first=1, last=1) == SEGMENTS[1:]


async def test_publishing_replaces_the_generation_before(
    database: Database, library: Library, bev: Creator
) -> None:
    async with database.transaction() as tx:
        source = await library.register(tx, bev.id, TALK)
        for generation in (1, 2):
            await library.write_segments(tx, source.id, generation, SEGMENTS)
            facts = replace(TALK, title=f"Title {generation}")
            await library.publish(tx, source.id, generation, facts, content_hash=f"hash {generation}")
        published = await library.source(tx, source.id)
        assert (published.state, published.generation, published.facts.title) == ("ready", 2, "Title 2")
        assert await library.segments(tx, source.id, 1) == []


async def test_a_failure_keeps_what_was_published(database: Database, library: Library, bev: Creator) -> None:
    async with database.transaction() as tx:
        source = await library.register(tx, bev.id, TALK)
        await library.write_segments(tx, source.id, 1, SEGMENTS)
        await library.mark_failed(tx, source.id, "captions_empty")
        assert (await library.source(tx, source.id)).state == "failed"
        assert await library.segments(tx, source.id, 1) == []
        await library.write_segments(tx, source.id, 1, SEGMENTS)
        await library.publish(tx, source.id, 1, TALK, content_hash="hash")
        await library.write_segments(tx, source.id, 2, SEGMENTS[:1])
        await library.mark_failed(tx, source.id, "captions_broken")
        failed = await library.source(tx, source.id)
        assert (failed.state, failed.generation, failed.error_code) == ("ready", 1, "captions_broken")
        assert await library.segments(tx, source.id, 1) == SEGMENTS
        assert await library.segments(tx, source.id, 2) == []


async def test_coverage_counts_what_may_be_read_now(
    database: Database, library: Library, bev: Creator, clock: FixedClock
) -> None:
    public = frozenset({"public"})
    async with database.transaction() as tx:
        for number, access in enumerate(("public", "public", "members")):
            facts = replace(TALK, external_id=f"video{number}", published_at=clock.now())
            source = await library.register(tx, bev.id, facts, access=access)
            if number != 1:
                await library.publish(tx, source.id, 1, facts, content_hash="hash")
        coverage = await library.coverage(tx, bev.id, access=public)
        assert (coverage.sources, coverage.hours, coverage.latest) == (1, 0.02, clock.now())
        everything = await library.coverage(tx, bev.id, access=public | {"members"})
        assert everything.sources == 2
