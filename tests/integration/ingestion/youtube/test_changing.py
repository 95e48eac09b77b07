"""A watched list over time, on the real libraries: changed captions come in as a difference, what turns private goes."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from creators import Creator
from ingestion.feeds.checking import reason
from ingestion.feeds.store import FeedItem
from ingestion.origins.types import Address, Entry
from ingestion.origins.youtube.origin import YouTubeOrigin
from runtime.database import Database
from runtime.ids import SourceId
from runtime.settings import FeedSettings
from runtime.testing import FixedClock
from tests.integration.ingestion.feeding import check
from tests.integration.ingestion.workshop import Workshop
from tests.integration.ingestion.youtube.site import Site, Track, Video, listed, playlist
from tests.integration.ingestion.youtube.test_failures import says

PLAYLIST = "PL" + "a" * 32
IDS = [f"demoTubes{n:02}" for n in range(3)]
SUBJECTS = ["saddle", "pedal", "spoke", "chain", "crank", "brake", "fork", "axle", "rim", "hub"]


@pytest.fixture
def workshop(database: Database, tmp_path: Path, make: Callable[..., YouTubeOrigin]) -> Workshop:
    clock = FixedClock(datetime(2024, 5, 7, tzinfo=UTC))
    return Workshop(database, tmp_path, [make(clock=clock)], clock)


@pytest.fixture
async def bev(workshop: Workshop) -> Creator:
    return await workshop.creator("bev")


def lines(**changed: str) -> list[tuple[int, str]]:
    said = {
        part: f"The {part} is what we look at now, and it wants grease and a torque wrench and time for all of that. "
        * 3
        for part in SUBJECTS
    }
    return [(n * 20_000, text) for n, text in enumerate((said | changed).values())]


def show(site: Site, ids: list[str]) -> None:
    page, rest = playlist("Wheels", [listed(one, f"About {one}") for one in ids])
    site.pages[f"/playlist?list={PLAYLIST}"], site.more[f"VL{PLAYLIST}"] = page, rest


async def take_in(workshop: Workshop, site: Site, bev: Creator) -> None:
    for one in IDS:
        site.add(
            Video(one, title=f"About {one}", tracks=[Track("en", lines(hub=f"Here we take {one} apart."))])
        )
    show(site, IDS)
    await workshop.take_in(bev, f"https://www.youtube.com/playlist?list={PLAYLIST}")
    assert await workshop.states(bev) == dict.fromkeys(IDS, "ready")


async def test_captions_that_were_corrected_come_in_as_a_difference(
    workshop: Workshop, site: Site, bev: Creator
) -> None:
    """No listing tells of it: they are compared again, and only what is different is embedded."""
    await take_in(workshop, site, bev)
    site.videos[IDS[0]].tracks = [
        Track(
            "en",
            lines(
                fork="The fork is a suspension fork after all, I was wrong.",
                hub=f"Here we take {IDS[0]} apart.",
            ),
        )
    ]
    assert await check(workshop, bev) == {"listed": 3, "held": 0}
    workshop.clock.advance(workshop.settings.refresh_s + 1)
    assert await check(workshop, bev) == {"listed": 3, "held": 0, "refreshed": 3}
    sources = await workshop.sources(bev)
    assert {name: source.generation for name, source in sources.items()} == {IDS[0]: 2, IDS[1]: 1, IDS[2]: 1}
    assert await workshop.found(bev, "suspension fork after all") != []
    passages = await workshop.value(
        "SELECT count(*) FROM retrieval.placements WHERE source_id = %s", sources[IDS[0]].id
    )
    embedded = await workshop.value(
        "SELECT (result->>'embedded')::int FROM jobs.jobs WHERE result ? 'embedded' ORDER BY finished_at DESC, number DESC"
        " LIMIT 1"
    )
    assert 0 < embedded <= 3 < passages


def test_the_older_an_item_the_more_seldom_it_is_compared() -> None:
    settings = FeedSettings()
    entry = Entry(Address("youtube", "item", IDS[0], IDS[0]), version="1", covers_all=False)
    known = FeedItem(SourceId(uuid4()), IDS[0], "1", None, None, None, False, datetime.now(UTC), 0)
    year_s, week_s = timedelta(days=365).total_seconds(), settings.refresh_s
    for age_s, waited_s, change in (
        (0, week_s - 1, None),
        (0, week_s, "refreshed"),
        (year_s, week_s, None),
        (year_s, year_s / 10, "refreshed"),
    ):
        found = reason(entry, known, waited_s=waited_s, age_s=age_s, by_hand=False, settings=settings)
        assert found == change, (age_s, waited_s)
    whole = replace(entry, covers_all=True)
    assert reason(whole, known, waited_s=year_s, age_s=0, by_hand=True, settings=settings) is None


async def test_a_video_that_turns_private_stops_answering_until_it_is_back(
    workshop: Workshop, site: Site, bev: Creator
) -> None:
    await take_in(workshop, site, bev)
    words, title = f"take {IDS[1]} apart", f"About {IDS[1]}"
    assert title in await workshop.found(bev, words)
    private = site.videos[IDS[1]]
    private.playability = says("LOGIN_REQUIRED", "Private video", "Sign in if you've been granted access")
    workshop.clock.advance(workshop.settings.refresh_s + 1)
    await check(workshop, bev)
    gone = (await workshop.sources(bev))[IDS[1]]
    assert (gone.state, gone.withdrawn_reason) == ("withdrawn", "youtube_private")
    assert title not in await workshop.found(bev, words)
    private.playability = {"status": "OK"}
    assert (await check(workshop, bev))["retried"] == 1
    assert title in await workshop.found(bev, words)


async def test_a_video_that_left_its_list_stops_answering(
    workshop: Workshop, site: Site, bev: Creator
) -> None:
    await take_in(workshop, site, bev)
    show(site, IDS[:2])
    assert await check(workshop, bev) == {"listed": 2, "held": 0, "withdrawn": 1}
    gone = (await workshop.sources(bev))[IDS[2]]
    assert (gone.state, gone.withdrawn_reason) == ("withdrawn", "gone_from_feed")
