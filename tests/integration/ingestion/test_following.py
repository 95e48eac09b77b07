"""Where an address leads: the job that finds out puts what is meant in its place; what leads nowhere says so and leaves nothing."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from creators import Creator
from ingestion import Accepted
from ingestion.origins.podcast import PodcastOrigin
from ingestion.origins.web import WebOrigin
from ingestion.origins.youtube.addresses import recognise as recognise_youtube
from runtime.database import Database
from runtime.ids import JobId
from runtime.testing import FixedClock
from tests.integration.ingestion.workshop import Workshop
from tests.unit.ingestion.site import Site, running_site
from tests.unit.ingestion.test_podcast import VTT, item, rss, transcript
from tests.unit.ingestion.test_web import page, read_here


class _YouTubeByName:
    """Only recognised here: the libraries have a wire of their own."""

    name = "youtube"
    recognise = staticmethod(recognise_youtube)


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with running_site() as site:
        yield site


@pytest.fixture
def workshop(database: Database, tmp_path: Path, site: Site) -> Workshop:
    clock = FixedClock()
    podcast = PodcastOrigin(client=site.client, clock=clock)
    others = (recognise_youtube, podcast.recognise)
    web = WebOrigin(client=site.client, clock=clock, read_page=read_here, others=others)
    return Workshop(database, tmp_path, [_YouTubeByName(), podcast, web], clock)  # pyright: ignore[reportArgumentType] - fetches nothing


@pytest.fixture
async def bev(workshop: Workshop) -> Creator:
    return await workshop.creator("bev")


def put_feed(site: Site, path: str = "/show") -> str:
    site.put("/1.vtt", VTT, "text/vtt")
    return site.put(path, rss(item(more=transcript("/1.vtt", "text/vtt"))), "application/rss+xml")


async def moved_to(workshop: Workshop, accepted: Accepted) -> dict[str, Any]:
    job = await workshop.job(accepted.job_id)
    assert job.state == "succeeded", (job.error_code, job.error_detail)
    assert job.result is not None
    found = job.result["moved_to"]
    assert isinstance(found, dict)
    return found


async def ended(workshop: Workshop, job_id: JobId) -> tuple[str, str | None]:
    """How the last job of a trail ended."""
    job = await workshop.job(job_id)
    if job.result and isinstance(moved := job.result.get("moved_to"), dict):
        return await ended(workshop, JobId(UUID(str(moved["job_id"]))))
    if job.state == "failed":
        assert job.next_step
    return job.state, job.error_code


async def feeds(workshop: Workshop, creator: Creator) -> list[tuple[str, bool, str]]:
    async with workshop.database.transaction() as tx:
        found = await workshop.addresses.feeds(tx, creator.id)
    return [(feed.url, feed.watch, feed.access) for feed, _ in found]


@pytest.mark.parametrize("watch", [None, False])
async def test_a_page_that_is_a_feed_becomes_the_feed(
    workshop: Workshop, site: Site, bev: Creator, watch: bool | None
) -> None:
    url = put_feed(site)
    accepted = await workshop.take_in(bev, url, watch=watch, access="members")
    moved = await moved_to(workshop, accepted)
    assert (moved["url"], moved["source_id"]) == (f"feed:{url}", None)
    assert await feeds(workshop, bev) == [(f"feed:{url}", watch is None, "members")]
    [source] = (await workshop.sources(bev)).values()
    assert (source.facts.title, source.state, source.access) == ("Seat posts", "ready", "members")


async def test_a_page_that_is_a_sitemap_becomes_its_pages(
    workshop: Workshop, site: Site, bev: Creator
) -> None:
    place = site.put("/post", page(), "text/html")
    url = site.put("/pages", f"<urlset><url><loc>{place}</loc></url></urlset>", "application/xml")
    await workshop.take_in(bev, url)
    assert {source.facts.url: source.state for source in (await workshop.sources(bev)).values()} == {
        place: "ready"
    }


async def test_a_feed_s_name_on_a_page_leads_to_its_feed_and_to_its_pages(
    workshop: Workshop, site: Site, bev: Creator
) -> None:
    """Three steps: a page named as a feed is, the feed that it names, and, as that has no recordings, its pages."""
    post = site.put("/post", page(), "text/html")
    site.put(
        "/atom.xml",
        f"<rss><channel><item><title>P</title><link>{post}</link></item></channel></rss>",
        "text/xml",
    )
    link = '<link rel="alternate" type="application/rss+xml" href="/atom.xml">'
    url = site.put("/feed", page(head=link), "text/html")
    await workshop.take_in(bev, url)
    assert [source.state for source in (await workshop.sources(bev)).values()] == ["ready"]
    assert [url for url, _, _ in await feeds(workshop, bev)] == [f"sitemap:{site.url}/atom.xml"]


async def test_a_short_link_becomes_the_video(workshop: Workshop, site: Site, bev: Creator) -> None:
    url = site.put("/s", status=302, Location="https://youtu.be/demoTubes21")
    accepted = await workshop.submit(bev, url)
    await workshop.runner().drain("parse")
    moved = await moved_to(workshop, accepted)
    assert moved["url"] == "https://www.youtube.com/watch?v=demoTubes21"
    assert list(await workshop.sources(bev)) == ["demoTubes21"]


async def test_what_was_there_already_is_not_there_twice(
    workshop: Workshop, site: Site, bev: Creator
) -> None:
    url = put_feed(site)
    await workshop.take_in(bev, f"feed:{url}", watch=False)
    await workshop.take_in(bev, url)
    assert await feeds(workshop, bev) == [(f"feed:{url}", False, "public")]
    assert len(await workshop.sources(bev)) == 1


async def test_an_address_that_circles_ends(workshop: Workshop, site: Site, bev: Creator) -> None:
    """`/feed` is a feed to whoever asks for pages, and a page to whoever asks for feeds."""
    feed, html = rss(item()).replace("{site}", site.url).encode(), page().encode()
    site.answer = lambda path, asked: (
        None if path != "/feed" else (html, "text/html") if "rss" in asked["accept"] else (feed, "text/xml")
    )
    accepted = await workshop.take_in(bev, f"{site.url}/feed")
    assert await ended(workshop, accepted.job_id) == ("failed", "address_circles")
    assert [url for url, _, _ in await feeds(workshop, bev)] == [f"{site.url}/feed"]
    assert await workshop.sources(bev) == {}


async def test_an_address_that_leads_on_and_on_ends(workshop: Workshop, site: Site, bev: Creator) -> None:
    for step in range(6):
        link = f'<link rel="alternate" type="application/rss+xml" href="/{step + 1}.rss">'
        site.put(f"/{step}.rss", page(head=link), "text/html")
    accepted = await workshop.take_in(bev, f"{site.url}/0.rss")
    assert await ended(workshop, accepted.job_id) == ("failed", "address_leads_on")
    assert site.paths == ["/0.rss", "/1.rss", "/2.rss", "/3.rss"]
    assert len(await feeds(workshop, bev)) == 1


@pytest.mark.parametrize(("prefix", "code"), [("feed:", "feed_is_page"), ("sitemap:", "sitemap_is_page")])
async def test_what_somebody_said_it_is_does_not_become_a_page(
    workshop: Workshop, site: Site, bev: Creator, prefix: str, code: str
) -> None:
    url = site.put("/post", page(), "text/html")
    accepted = await workshop.take_in(bev, f"{prefix}{url}")
    assert await ended(workshop, accepted.job_id) == ("failed", code)
    assert await workshop.sources(bev) == {}


async def test_a_page_that_answers_stays_when_it_turns_into_something_else(
    workshop: Workshop, site: Site, bev: Creator
) -> None:
    url = site.put("/show", page(), "text/html")
    accepted = await workshop.take_in(bev, url)
    put_feed(site)
    again = await workshop.take_in(bev, url)
    assert await ended(workshop, again.job_id) == ("failed", "page_is_feed")
    source = await workshop.source(accepted.source_id)
    assert (source.state, source.error_code) == ("ready", "page_is_feed")
    assert await feeds(workshop, bev) == []


async def test_what_a_site_lists_is_not_followed(workshop: Workshop, site: Site, bev: Creator) -> None:
    """A site's map may name its feeds: they are not to be watched for that."""
    place = put_feed(site)
    site.put("/sitemap.xml", f"<urlset><url><loc>{place}</loc></url></urlset>", "application/xml")
    await workshop.take_in(bev, f"{site.url}/sitemap.xml")
    assert [source.error_code for source in (await workshop.sources(bev)).values()] == ["page_is_feed"]
    assert len(await feeds(workshop, bev)) == 1
