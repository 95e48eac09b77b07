"""Sitemaps and other lists of pages, from a real server through the guarded client.

Shapes: sitemaps.org/protocol.html.
"""

import gzip
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from ingestion.origins.types import Listing
from ingestion.origins.web import WebLimits, WebOrigin
from runtime.errors import InvalidInput, UnderstudyError
from runtime.testing import FixedClock
from tests.unit.ingestion.site import Site, running_site


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with running_site() as site:
        yield site


@pytest.fixture
def origin(site: Site) -> WebOrigin:
    return WebOrigin(client=site.client, clock=FixedClock())


async def listed(origin: WebOrigin, url: str) -> Listing:
    address = origin.recognise(f"sitemap:{url}")
    assert address is not None
    return await origin.discover(address)


def urlset(*pages: str) -> str:
    return f'<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{"".join(pages)}</urlset>'


async def test_a_sitemap_lists_its_own_pages_newest_first(site: Site, origin: WebOrigin) -> None:
    site.put("/robots.txt", "User-agent: *\nDisallow: /private")
    url = site.put(
        "/sitemap.xml",
        urlset(
            "<url><loc>{site}/old</loc><lastmod>2025-01-01</lastmod></url>",
            "<url><loc> {site}/new?utm_source=x </loc><lastmod>2026-01-01T10:00:00Z</lastmod></url>",
            "<url><loc>{site}/new</loc></url><url><loc>{site}/private/a</loc></url>",
            "<url><loc>https://elsewhere.example/x</loc></url><url><loc>file:///etc/passwd</loc></url><url/>",
        ),
    )
    assert origin.recognise(url) == origin.recognise(f"sitemap:{url}")
    listing = await listed(origin, url)
    assert [(entry.address.url, entry.version) for entry in listing.entries] == [
        (f"{site.url}/new", "2026-01-01T10:00:00Z"),
        (f"{site.url}/old", "2025-01-01"),
    ]
    assert listing.complete
    assert all(origin.recognise(entry.address.url) == entry.address for entry in listing.entries)


async def test_an_index_and_packed_parts_from_robots(site: Site, origin: WebOrigin) -> None:
    site.put("/robots.txt", "Sitemap: {site}/index.xml\nSitemap: {site}/list.txt\n")
    site.put(
        "/index.xml",
        "<sitemapindex><sitemap><loc>{site}/a.xml.gz</loc></sitemap><sitemap><loc>{site}/index.xml</loc></sitemap>"
        "<sitemap><loc>{site}/gone.xml</loc></sitemap></sitemapindex>",
    )
    packed = urlset(f"<url><loc>{site.url}/a</loc></url>")
    site.put("/a.xml.gz", gzip.compress(packed.encode()), "application/gzip")
    site.put("/list.txt", "{site}/b\n{site}/c\n", "text/plain")
    listing = await listed(origin, site.url)
    assert sorted(entry.address.url for entry in listing.entries) == [f"{site.url}/{name}" for name in "abc"]
    assert not listing.complete, "one part is missing"


async def test_a_feed_of_pages_is_a_list_too(site: Site, origin: WebOrigin) -> None:
    url = site.put(
        "/blog.rss",
        "<rss><channel><item><title>A</title><link>{site}/a</link><pubDate>Mon, 02 Mar 2026 08:00:00 GMT</pubDate></item></channel></rss>",
    )
    [entry] = (await listed(origin, url)).entries
    assert (entry.title, entry.address.url) == ("A", f"{site.url}/a")
    assert entry.published_at == datetime(2026, 3, 2, 8, tzinfo=UTC)


async def test_limits_of_a_listing_are_told(site: Site) -> None:
    origin = WebOrigin(client=site.client, clock=FixedClock(), limits=WebLimits(pages=2, sitemaps=1))
    url = site.put("/sitemap.xml", urlset(*(f"<url><loc>{{site}}/{n}</loc></url>" for n in range(5))))
    listing = await listed(origin, url)
    assert (len(listing.entries), listing.complete) == (2, False)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "sitemap_broken"),
        (b"words", "sitemap_broken"),
        (b"<opml/>", "sitemap_broken"),
        (b"<html>", "sitemap_is_page"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><urlset/>', "sitemap_unsafe"),
        (gzip.compress(b"<urlset>" + b" " * (51 * 2**20)), "sitemap_too_large"),
        (gzip.compress(b"<urlset/>")[:-9], "sitemap_broken"),
    ],
)
async def test_what_is_no_sitemap(body: bytes, code: str, site: Site, origin: WebOrigin) -> None:
    with pytest.raises(InvalidInput) as caught:
        await listed(origin, site.put("/sitemap.xml", body))
    assert caught.value.code == code


async def test_a_site_without_a_sitemap(site: Site, origin: WebOrigin) -> None:
    with pytest.raises(UnderstudyError) as caught:
        await listed(origin, site.url)
    assert caught.value.code == "sitemap_missing"
