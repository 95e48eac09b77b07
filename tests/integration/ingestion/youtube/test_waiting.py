"""What is not there yet is waited for: by the real libraries on the local wire, in a worker whose clock a test moves."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from creators import Creator
from ingestion.fetching import PATIENCE
from ingestion.origins.youtube.origin import YouTubeOrigin
from jobs import Job
from runtime.database import Database
from runtime.ids import JobId
from runtime.testing import FixedClock
from tests.integration.ingestion.feeding import check
from tests.integration.ingestion.workshop import Workshop
from tests.integration.ingestion.youtube.site import Site, Track, Video, listed, playlist
from tests.integration.ingestion.youtube.test_failures import says
from tests.integration.ingestion.youtube.wire import Reply

Make = Callable[..., YouTubeOrigin]
ID = "demoTubes21"
ADDRESS = f"https://www.youtube.com/watch?v={ID}"
PLAYLIST = "PL" + "a" * 32
TRACK = Track("en", [(0, "so take the wheel out"), (4000, "and look at the tyre")], automatic=True)
HOUR_S = 3600.0
SPREAD_S = 900.0


@pytest.fixture
def workshop(database: Database, tmp_path: Path, make: Make) -> Workshop:
    clock = FixedClock()
    return Workshop(database, tmp_path, [make(clock=clock)], clock)


@pytest.fixture
async def bev(workshop: Workshop) -> Creator:
    return await workshop.creator("bev")


def announced(start: datetime) -> Video:
    return Video(
        ID,
        playability=says("LIVE_STREAM_OFFLINE", "Premieres in 3 days"),
        details={"isUpcoming": True, "isLiveContent": True},
        live={"isLiveNow": False, "startTimestamp": start.isoformat()},
    )


async def waiting(workshop: Workshop, job_id: JobId, code: str) -> Job:
    """The job, which waits for this reason and has spent nothing; so says its source."""
    job = await workshop.job(job_id)
    assert (job.state, job.error_code, job.attempts) == ("queued", code, 0)
    source = await workshop.source_of(job)
    assert (source.state, source.error_code) == ("pending", None)
    assert "asked for again by itself after" in (source.next_step or "")
    return job


async def test_a_premiere_is_taken_in_when_it_is_over(workshop: Workshop, site: Site, bev: Creator) -> None:
    start = workshop.clock.now() + timedelta(days=3)
    video = site.add(announced(start))
    accepted = await workshop.take_in(bev, ADDRESS)
    job = await waiting(workshop, accepted.job_id, "youtube_premiere")
    assert job.run_at == start + timedelta(seconds=video.length_s + SPREAD_S)
    # It overruns: what was announced is on air.
    video.playability, video.details = {"status": "OK"}, {"isLive": True, "isLiveContent": True}
    await workshop.work_on((job.run_at - workshop.clock.now()).total_seconds())
    job = await waiting(workshop, accepted.job_id, "youtube_live")
    assert job.run_at == workshop.clock.now() + timedelta(seconds=HOUR_S + SPREAD_S)
    # And is over, and has captions.
    video.details, video.live, video.tracks = {"isLiveContent": True}, {}, [TRACK]
    await workshop.work_on(HOUR_S + SPREAD_S)
    job = await workshop.job(accepted.job_id)
    assert (job.state, job.attempts, job.error_code) == ("succeeded", 1, None)
    source = await workshop.source(accepted.source_id)
    assert (source.state, source.next_step) == ("ready", None)
    assert await workshop.found(bev, "take the wheel out") == [video.title]


@pytest.mark.parametrize(
    ("video", "code", "wait_s"),
    [
        (Video(ID, replies={"page": Reply("", status=429)}), "youtube_rate_limited", HOUR_S),
        (
            Video(
                ID, playability=says("LIVE_STREAM_OFFLINE", "This live event will begin in a few moments.")
            ),
            "youtube_premiere",
            3 * HOUR_S,
        ),
        (
            Video(ID, playability=says("UNPLAYABLE", "We're processing this video. Check back later.")),
            "youtube_processing",
            HOUR_S,
        ),
        (Video(ID, published="2026-01-01T00:00:00+00:00"), "youtube_captions_pending", 2 * HOUR_S),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_passes_in_hours_is_waited_for(
    workshop: Workshop, site: Site, bev: Creator, video: Video, code: str, wait_s: float
) -> None:
    site.add(video)
    accepted = await workshop.take_in(bev, ADDRESS)
    job = await waiting(workshop, accepted.job_id, code)
    assert job.run_at == workshop.clock.now() + timedelta(seconds=wait_s + min(SPREAD_S, wait_s / 4))
    site.add(Video(ID, tracks=[TRACK]))
    await workshop.work_on(wait_s + SPREAD_S)
    assert (await workshop.source(accepted.source_id)).state == "ready"


async def test_nothing_is_waited_for_without_end(workshop: Workshop, site: Site, bev: Creator) -> None:
    site.add(announced(workshop.clock.now() + PATIENCE - timedelta(days=1)))
    soon = await workshop.take_in(bev, ADDRESS)
    await waiting(workshop, soon.job_id, "youtube_premiere")
    # It is put off, beyond what is waited for.
    site.add(announced(workshop.clock.now() + PATIENCE + timedelta(days=30)))
    await workshop.work_on(PATIENCE.total_seconds() - HOUR_S)
    job = await workshop.job(soon.job_id)
    assert (job.state, job.error_code) == ("failed", "youtube_premiere")
    source = await workshop.source(soon.source_id)
    assert (source.state, source.error_code) == ("failed", "youtube_premiere")
    assert "14 days" in (source.next_step or "")


async def test_a_feed_does_not_wait_with_its_item_and_tries_it_again(
    workshop: Workshop, site: Site, bev: Creator
) -> None:
    page, rest = playlist("All about tubes", [listed(ID, "Tubes")])
    site.pages[f"/playlist?list={PLAYLIST}"], site.more[f"VL{PLAYLIST}"] = page, rest
    site.add(announced(workshop.clock.now() + PATIENCE + timedelta(days=3)))
    await workshop.take_in(bev, f"https://www.youtube.com/playlist?list={PLAYLIST}")
    assert await workshop.states(bev) == {ID: "failed"}
    site.add(announced(workshop.clock.now() + timedelta(days=1)))
    assert (await check(workshop, bev))["retried"] == 1
    assert await workshop.states(bev) == {ID: "pending"}
    async with workshop.database.transaction() as tx:
        [(_, counts)] = await workshop.addresses.feeds(tx, bev.id)
    assert (counts.pending, counts.working, counts.failed) == (1, 0, 0)
    site.add(Video(ID, tracks=[TRACK]))
    await workshop.work_on(2 * 24 * HOUR_S)
    assert await workshop.states(bev) == {ID: "ready"}
