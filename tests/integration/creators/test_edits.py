"""The overlay of corrections on a real PostgreSQL: what counts as the same, word times, what goes with what."""

import pytest

from creators import Catalogue, Creator, Library, NewCreator, Segment, Source, SourceFacts, TextChange
from runtime.database import Database
from runtime.testing import FixedClock

TALK = SourceFacts("youtube", "frameRide01", "video", "Frames", duration_ms=60_000)
SEGMENTS = [
    Segment(0, "ask la loo first", 0, 2000, word_starts_ms=(0, 500, 900, 1500)),
    Segment(1, "Thank you.", 2000, 3000),
]


@pytest.fixture
def library() -> Library:
    return Library(FixedClock())


@pytest.fixture
async def bev(database: Database) -> Creator:
    async with database.transaction() as tx:
        return await Catalogue(FixedClock()).create(tx, NewCreator("bev", "Bev"), active_index="a")


@pytest.fixture
async def talk(database: Database, library: Library, bev: Creator) -> Source:
    async with database.transaction() as tx:
        source = await library.register(tx, bev.id, TALK)
        await library.write_segments(tx, source.id, 1, SEGMENTS)
        await library.publish(tx, source.id, 1, TALK, content_hash="one")
        return await library.source(tx, source.id)


async def _correct(database: Database, library: Library, source: Source, original: str, text: str) -> None:
    async with database.transaction() as tx:
        [said] = await library.edits.said(tx, [(source.id, original)])
        await library.edits.make(tx, [said.to(text)])


@pytest.mark.parametrize(
    ("original", "is_same"),
    [
        ("ask la loo first", True),
        ("  ask\tla\u00a0loo \n first ", True),
        ("Ask la loo first", False),
        ("ask la loo first.", False),
    ],
)
async def test_white_space_does_not_count(
    database: Database, library: Library, talk: Source, original: str, is_same: bool
) -> None:
    await _correct(database, library, talk, original, "Ask Lalou first!")
    async with database.transaction() as tx:
        [kept] = await library.edits.corrections(tx, talk.creator_id, limit=10)
        assert (kept.state, kept.segments) == (("pending", 1) if is_same else ("not_applied", 0))
        assert await library.edits.outdated(tx, talk.id) is is_same


async def test_unicode_forms_are_one(database: Database, library: Library, bev: Creator) -> None:
    async with database.transaction() as tx:
        source = await library.register(tx, bev.id, TALK)
        await library.write_segments(tx, source.id, 1, [Segment(0, "the cafe\u0301", 0, 900)])
        await library.publish(tx, source.id, 1, TALK, content_hash="one")
        [said] = await library.edits.said(tx, [(source.id, "the caf\u00e9")])
        assert said.segments == 1


async def test_words_keep_their_times(database: Database, library: Library, talk: Source) -> None:
    await _correct(database, library, talk, SEGMENTS[0].text, "ask Lalou first")
    async with database.transaction() as tx:
        assert await library.segments(tx, talk.id, 1) == SEGMENTS, "a generation is what it was written as"
        await library.write_segments(tx, talk.id, 2, SEGMENTS)
        first, second = await library.segments(tx, talk.id, 2)
        assert (first.text, first.word_starts_ms) == ("ask Lalou first", (0, 500, 1500))
        assert second == SEGMENTS[1]
        await library.publish(tx, talk.id, 2, TALK, content_hash="two")
        texts = await tx.fetch_values("SELECT text FROM creators.readable_segments ORDER BY ordinal")
        assert texts == ["ask Lalou first", "Thank you."]
        assert (
            await tx.fetch_value("SELECT text FROM creators.segments WHERE ordinal = 0") == SEGMENTS[0].text
        )


async def test_what_is_said_later_replaces_what_was_said_before(
    database: Database, library: Library, talk: Source
) -> None:
    await _correct(database, library, talk, SEGMENTS[0].text, "ask Lalou first")
    await _correct(database, library, talk, SEGMENTS[0].text, "ask Lalou, first")
    async with database.transaction() as tx:
        [kept] = await library.edits.corrections(tx, talk.creator_id, source_id=talk.id, limit=10)
        assert kept.text == "ask Lalou, first"
        said = await library.edits.one(tx, talk.id, kept.key)
        assert said is not None
        assert said == TextChange(talk.id, SEGMENTS[0].text, kept.text, kept.text, segments=1, start_ms=0)
        await library.edits.make(tx, [said.to(None)])
        assert await library.edits.count(tx, talk.id) == 0


async def test_corrections_go_with_their_source(database: Database, library: Library, talk: Source) -> None:
    await _correct(database, library, talk, SEGMENTS[0].text, "ask Lalou first")
    async with database.transaction() as tx:
        assert await library.edits.count(tx, talk.id) == 1
        await library.remove(tx, talk.id)
        assert await tx.fetch_value("SELECT count(*) FROM creators.segment_edits") == 0


async def test_what_is_said_at_a_time(database: Database, library: Library, talk: Source) -> None:
    async with database.transaction() as tx:
        for at_ms, ordinals in ((0, [0]), (1999, [0]), (2000, [0, 1]), (3000, [1]), (3001, [])):
            found = await library.edits.segments(tx, talk.id, limit=10, at_ms=at_ms)
            assert [segment.ordinal for segment in found] == ordinals
