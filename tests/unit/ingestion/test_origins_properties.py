"""Whatever a feed, a sitemap, a page or a robots.txt is made into, it is read or refused by name."""

from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.info import parse_info
from ingestion.origins.pages import read_page
from ingestion.origins.podcast.details import FORMATS, by_worth, info_file, parse_chapters
from ingestion.origins.podcast.feeds import distinct, parse_feed
from ingestion.origins.robots import parse_robots
from ingestion.origins.sitemaps import parse_sitemap
from ingestion.origins.xml import read_xml
from runtime.errors import UnderstudyError
from tests.unit.ingestion.test_podcast import item, rss, transcript
from tests.unit.ingestion.test_sitemaps import urlset
from tests.unit.ingestion.test_web import page

URL = "https://example.org/x"
CHAPTERS = b'{"version": "1.2.0", "chapters": [{"startTime": 90.5, "title": "Grease", "toc": true}]}'
PIECES = [
    *(
        b"<",
        b">",
        b"&",
        b"&#0;",
        b"&#xD800;",
        b"&nbsp;",
        b"]]>",
        b"<![CDATA[",
        b"<!--",
        b"-->",
        b"<?xml ",
        b"<!DOCTYPE ",
    ),
    *(
        b"\x00",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"\xed\xa0\x80",
        b"http://[",
        b"://",
        b"%00",
        b"xmlns:a=",
        b"encoding='utf-7'",
    ),
    *(
        b"99999999999999999999",
        b"-1",
        b"1e999",
        b"NaN",
        b"0000-00-00",
        b"Mon, 99 Foo 99999 99:99:99 +9999",
        b"99:99:99",
    ),
    *(
        b"<item>",
        b"</item>",
        b"<channel>",
        b"</channel>",
        b"<a/>" * 300,
        b"User-agent: *\n",
        b"Disallow: /*$\n",
        b'{"a":[',
    ),
]


@st.composite
def mutated(draw: st.DrawFn, base: bytes) -> bytes:
    data = bytearray(base)
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(data)))
        until = draw(st.integers(at, min(len(data), at + 40)))
        data[at:until] = draw(st.one_of(st.sampled_from(PIECES), st.binary(max_size=8)))
    return bytes(data)


def feed(data: bytes) -> None:
    found = parse_feed(read_xml(data, "text/xml; charset=koi8-r", "feed"), asked=URL, url=URL)
    for episode in distinct(found.identity, found.episodes) if found else ():
        assert found is not None
        assert all(
            suffix in FORMATS for _, suffix in by_worth(episode.transcripts, episode.language, FORMATS)
        )
        assert parse_info(info_file(found, episode, episode.chapters)).id == episode.id


def robots(data: bytes) -> None:
    parse_robots(data.decode("utf-8", "replace"), "Understudy").allows(URL)


FEED = rss(
    item(more=transcript("/1.vtt", "text/vtt") + '<podcast:person role="guest">Jo</podcast:person>')
).replace("{site}", "https://example.org")
READERS: dict[str, tuple[bytes, Callable[[bytes], object]]] = {
    "feed": (FEED.encode(), feed),
    "sitemap": (
        urlset("<url><loc>https://example.org/a</loc><lastmod>2026-01-01</lastmod></url>").encode(),
        lambda d: parse_sitemap(d, "", URL),
    ),
    "page": (page().encode(), lambda data: read_page(data, "text/html", URL)),
    "robots": (b"User-agent: *\nDisallow: /a*b$\nSitemap: https://example.org/s.xml\n", robots),
    "chapters": (CHAPTERS, parse_chapters),
}


@pytest.mark.parametrize("name", READERS)
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(data=st.data())
def test_what_is_sent_is_read_or_refused_by_name(name: str, data: st.DataObject) -> None:
    base, read = READERS[name]
    broken = data.draw(mutated(base))
    with suppress(UnderstudyError):
        read(broken)
