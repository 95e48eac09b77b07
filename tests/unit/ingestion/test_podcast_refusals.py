"""Feeds as they are found in the world: in wrong encodings, broken, hostile, gone, or something else altogether."""

import gzip
from collections.abc import AsyncIterator

import pytest

from ingestion.origins.podcast import PodcastOrigin
from ingestion.origins.podcast.origin import PodcastLimits
from ingestion.origins.types import BelongsElsewhere
from runtime.errors import InvalidInput, TooLarge, Unavailable, UnderstudyError
from runtime.http import FetchLimits
from runtime.testing import FixedClock
from tests.unit.ingestion.site import Reply, Site, running_site
from tests.unit.ingestion.test_podcast import listed, rss


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with running_site() as site:
        yield site


@pytest.fixture
def origin(site: Site) -> PodcastOrigin:
    return PodcastOrigin(client=site.client, clock=FixedClock())


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        (
            '<?xml version="1.0" encoding="iso-8859-1"?><rss><channel><title>Café – Rad</title></channel></rss>'.encode(),
            "",
        ),
        (
            '<?xml version="1.0" encoding="utf-8"?><rss><channel><title>Café – Rad</title></channel></rss>'.encode(
                "cp1252"
            ),
            "text/xml",
        ),
        ("<rss><channel><title>Café – Rad</title></channel></rss>".encode("utf-16"), ""),
        (b"<rss><channel><title>Caf&eacute; &ndash; Rad</title></channel></rss>", ""),
        (
            "\n <rss><channel><title><![CDATA[Caf&eacute; – Rad]]></title><b></channel></rss>".encode(),
            "",
        ),
        (
            '<!DOCTYPE rss PUBLIC "-//N//DTD RSS 0.91//EN" "http://127.0.0.1:1/x.dtd"><rss><channel><title>Café – Rad</title>'.encode(),
            "",
        ),
    ],
)
async def test_encodings_and_entities(
    data: bytes, content_type: str, site: Site, origin: PodcastOrigin
) -> None:
    assert (await listed(origin, site.put("/f.rss", data, content_type))).title == "Café – Rad"


async def test_text_of_another_alphabet_is_read_as_declared(site: Site, origin: PodcastOrigin) -> None:
    text = '<?xml version="1.0" encoding="windows-1251"?><rss><channel><title>Привет, велосипед</title></channel></rss>'
    assert (await listed(origin, site.put("/f.rss", text.encode("cp1251")))).title == "Привет, велосипед"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("", "feed_broken"),
        ("just words", "feed_broken"),
        ("{}", "feed_broken"),
        ("<opml/>", "feed_broken"),
        (
            '<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a "b">]><rss><channel><title>&a;</title></channel></rss>',
            "feed_unsafe",
        ),
        (
            '<!-- <rss> --><!DOCTYPE r SYSTEM "x" [<!ENTITY % a SYSTEM "file:///etc/passwd">%a;]><rss/>',
            "feed_unsafe",
        ),
        ("<rss><channel>" + "<a>" * 300, "feed_unsafe"),
        ("<rss><channel><item>" + "<a/>" * 100_001, "feed_unsafe"),
    ],
)
async def test_what_is_no_feed_or_a_bomb(body: str, code: str, site: Site, origin: PodcastOrigin) -> None:
    with pytest.raises(InvalidInput) as caught:
        await listed(origin, site.put("/f.rss", body))
    assert caught.value.code == code
    assert caught.value.next_step


@pytest.mark.parametrize(
    ("body", "code", "leads_to"),
    [
        ("<!doctype html><title>x</title>", "feed_is_page", "page:{url}"),
        (
            '<html><link rel="alternate" type="application/rss+xml" href="/real.rss?a=1&amp;b">',
            "feed_named_by_page",
            "feed:{site}/real.rss?a=1&b",
        ),
        ("<urlset/>", "feed_is_sitemap", "sitemap:{url}"),
        (
            rss("<item><title>a page</title><link>{site}/a</link></item>"),
            "feed_without_recordings",
            "sitemap:{url}",
        ),
    ],
)
async def test_what_belongs_elsewhere_says_where(
    body: str, code: str, leads_to: str, site: Site, origin: PodcastOrigin
) -> None:
    url = site.put("/f.rss", body)
    with pytest.raises(BelongsElsewhere) as caught:
        await listed(origin, url)
    assert caught.value.code == code
    assert caught.value.url == leads_to.format(url=url, site=site.url)


@pytest.mark.parametrize(
    ("status", "code", "transient"),
    [
        (401, "feed_login_needed", False),
        (404, "feed_not_found", False),
        (410, "feed_gone", False),
        (429, "feed_rate_limited", True),
        (502, "feed_server_error", True),
        (418, "feed_refused", False),
    ],
)
async def test_refusals(status: int, code: str, transient: bool, site: Site, origin: PodcastOrigin) -> None:
    with pytest.raises(UnderstudyError) as caught:
        await listed(origin, site.put("/f.rss", status=status))
    assert (caught.value.code, caught.value.transient) == (code, transient)


async def test_too_large_and_too_slow(site: Site) -> None:
    limits = PodcastLimits(feed=FetchLimits(timeout_s=0.1, max_bytes=10_000))
    origin = PodcastOrigin(client=site.client, clock=FixedClock(), limits=limits)
    bomb = gzip.compress(rss(" " * 5_000_000).encode())
    with pytest.raises(TooLarge):
        await listed(origin, site.put("/f.rss", bomb, Content_Encoding="gzip"))
    site.replies["/f.rss"] = Reply(silent=True)
    with pytest.raises(Unavailable) as caught:
        await listed(origin, f"{site.url}/f.rss")
    assert caught.value.code == "fetch_timeout"
