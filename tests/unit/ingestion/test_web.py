"""Web pages and sitemaps, from a real server through the guarded client to segments.

Shapes: sitemaps.org/protocol.html, RFC 9309 (robots.txt); pages are our own.
"""

import asyncio
import gzip
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from ingestion.bundles import Bundle
from ingestion.extraction import extract
from ingestion.origins.page_reading import read_in_child
from ingestion.origins.pages import read_page
from ingestion.origins.types import BelongsElsewhere, ItemGone
from ingestion.origins.web import WebLimits, WebOrigin
from runtime.errors import InvalidInput, TooLarge, Unavailable, UnderstudyError
from runtime.http import FetchLimits
from runtime.testing import FixedClock
from tests.unit.ingestion.site import Reply, Site, running_site

BODY = (
    "<nav><a href='/'>Home</a> <a href='/shop'>Shop</a></nav><main><article><h1>Seat posts</h1>"
    "<p>Grease the seat post every spring, or it will seize in the frame for good and no vice will move it.</p>"
    "<h2>Which grease</h2><p>Carbon wants assembly paste, aluminium wants ordinary grease; do not mix the two of them up.</p>"
    "</article></main><footer>We use cookies. All rights reserved.</footer>"
)


def page(body: str = BODY, head: str = "") -> str:
    return (
        '<!doctype html><html lang="en-GB"><head><meta charset="utf-8"><title>Seat posts | Wrench</title>'
        '<meta name="author" content="Mara Holt"><meta property="article:published_time" content="2026-03-02T08:00:00Z">'
        f"{head}</head><body>{body}</body></html>"
    )


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with running_site() as site:
        yield site


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


async def read_here(data: bytes, content_type: str, url: str) -> bytes:
    """Without the start of a process; some tests below go through one."""
    return await asyncio.to_thread(read_page, data, content_type, url)


@pytest.fixture
def origin(site: Site, clock: FixedClock) -> WebOrigin:
    return WebOrigin(client=site.client, clock=clock, read_page=read_here)


async def code_of(origin: WebOrigin, url: str) -> str:
    with pytest.raises(UnderstudyError) as caught:
        await fetch(origin, url)
    assert caught.value.detail
    assert caught.value.next_step
    return caught.value.code


async def fetch(origin: WebOrigin, url: str) -> Bundle:
    address = origin.recognise(url)
    assert address is not None
    return await origin.fetch(address)


async def test_a_page_is_read_without_what_frames_it(site: Site, origin: WebOrigin) -> None:
    head = '<link rel="canonical" href="/seat-posts">'
    site.put("/seat-posts?id=1", page(head=head), "text/html")
    bundle = await fetch(origin, f"{site.url}/seat-posts?utm_source=x&id=1#top")
    assert site.paths == ["/robots.txt", "/seat-posts?id=1"]
    found = extract(bundle, ["Mara Holt"])
    facts = found.facts
    assert (facts.title, facts.language, facts.url) == ("Seat posts", "en-GB", f"{site.url}/seat-posts")
    assert (facts.published_at, facts.speakers) == (datetime(2026, 3, 2, tzinfo=UTC), ("Mara Holt",))
    assert [(one.heading, one.role) for one in found.segments] == [
        ("Seat posts", "creator"),
        ("Seat posts > Which grease", "creator"),
    ]
    assert found.segments[0].text.startswith("Grease the seat post")
    assert not any("cookies" in one.text or "Shop" in one.text for one in found.segments)


@pytest.mark.parametrize("reference", ["https://elsewhere.example/x", "javascript:alert(1)", "http://[::1"])
async def test_a_canonical_address_elsewhere_is_not_believed(
    reference: str, site: Site, origin: WebOrigin
) -> None:
    url = site.put("/a", page(head=f'<link rel="canonical" href="{reference}">'), "text/html")
    assert extract(await fetch(origin, url)).facts.url == url


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        (
            page().replace("vice", "Schraubstöcke").encode("cp1252").replace(b"utf-8", b"iso-8859-1"),
            "text/html",
        ),
        (page().replace("vice", "Schraubstöcke").encode("cp1252"), "text/html; charset=windows-1252"),
        (page().replace("vice", "Schraubstöcke").encode(), "text/html; charset=iso-8859-1"),
        (page().replace("vice", "Schraubst&ouml;cke").encode(), ""),
    ],
)
async def test_encodings(data: bytes, content_type: str, site: Site, origin: WebOrigin) -> None:
    found = extract(await fetch(origin, site.put("/a", data, content_type)))
    assert "Schraubstöcke" in found.segments[0].text


@pytest.mark.parametrize(
    ("robots", "allowed"),
    [
        ("User-agent: *\nDisallow: /", False),
        ("User-agent: *\nDisallow: /\n\nUser-agent: Understudy\nDisallow:", True),
        ("User-agent: understudy\nDisallow: /a\n", False),
        ("User-agent: *\nDisallow: /a\nAllow: /a/page", True),
        ("User-agent: *\nDisallow: /*/page$", False),
        ("User-agent: *\nDisallow: /*/page$\nAllow: /a/pag", False),
        ("User-agent: other\nUser-agent: understudy\nDisallow: /%61/\n", False),
        ("User-agent: other\nDisallow: /\n", True),
        ("Disallow: /\nrubbish\n\x00", True),
        ("User-agent: *\nDisallow: " + "/*a" * 5000 + "$\n", True),
    ],
)
async def test_robots_are_respected(robots: str, allowed: bool, site: Site, origin: WebOrigin) -> None:
    site.put("/robots.txt", robots, "text/plain")
    url = site.put("/a/page", page(), "text/html")
    if allowed:
        assert (await fetch(origin, url)).files
    else:
        assert await code_of(origin, url) == "robots_refused"
        assert site.paths == ["/robots.txt"]


async def test_robots_that_cannot_be_read_stop_it_for_now(
    site: Site, origin: WebOrigin, clock: FixedClock
) -> None:
    site.put("/robots.txt", status=503)
    url = site.put("/a", page(), "text/html")
    with pytest.raises(Unavailable) as caught:
        await fetch(origin, url)
    assert caught.value.code == "robots_unavailable"
    site.put("/robots.txt", "User-agent: *\nDisallow: /b")
    for _ in range(2):
        await fetch(origin, url)
    assert site.paths.count("/robots.txt") == 2
    clock.advance(3601)
    await fetch(origin, url)
    assert site.paths.count("/robots.txt") == 3


async def test_a_redirect_to_what_robots_refuse_is_not_used(site: Site, origin: WebOrigin) -> None:
    site.put("/robots.txt", "User-agent: *\nDisallow: /b")
    site.put("/b", page(), "text/html")
    assert await code_of(origin, site.put("/a", status=302, Location="/b")) == "robots_refused"


@pytest.mark.parametrize(
    ("status", "code", "transient"),
    [
        (401, "page_login_needed", False),
        (402, "page_paywalled", False),
        (403, "page_forbidden", False),
        (404, "page_not_found", False),
        (410, "page_gone", False),
        (451, "page_withheld", False),
        (418, "page_refused", False),
        (429, "page_rate_limited", True),
        (500, "page_server_error", True),
        (503, "page_server_error", True),
    ],
)
async def test_refusals(status: int, code: str, transient: bool, site: Site, origin: WebOrigin) -> None:
    url = site.put("/a", page(), "text/html", status=status)
    with pytest.raises(UnderstudyError) as caught:
        await fetch(origin, url)
    assert (caught.value.code, caught.value.transient) == (code, transient)
    assert caught.value.next_step


@pytest.mark.parametrize(
    ("html", "code"),
    [
        (page(head='<meta name="robots" content="NOINDEX, follow">'), "page_noindex"),
        (page(head='<meta name="ROBOTS" content="nosnippet">'), "page_noindex"),
        (page(head='<meta name="understudy" content="none">'), "page_noindex"),
        (
            page(head='<script type="application/ld+json">{"isAccessibleForFree": "False"}</script>'),
            "page_paywalled",
        ),
        (page("<div id=app></div><script>go()</script>"), "page_empty"),
        (page("<form><input name=user><input type=password></form>"), "page_login_needed"),
        ("<html>", "page_empty"),
    ],
)
async def test_pages_without_words_for_everyone(html: str, code: str, site: Site, origin: WebOrigin) -> None:
    assert await code_of(origin, site.put("/a", html, "text/html")) in {code, "page_unreadable"}


async def test_a_mark_in_the_head_of_the_answer(site: Site, origin: WebOrigin) -> None:
    url = site.put("/a", page(), "text/html", X_Robots_Tag="noarchive, noindex")
    assert await code_of(origin, url) == "page_noindex"


async def test_a_redirect_to_a_form_is_a_login(site: Site, origin: WebOrigin) -> None:
    site.put("/login?next=a", page(), "text/html")
    assert await code_of(origin, site.put("/a", status=302, Location="/login?next=a")) == "page_login_needed"


async def test_too_large_and_too_slow(site: Site) -> None:
    origin = WebOrigin(client=site.client, clock=FixedClock(), limits=WebLimits(html_bytes=100))
    url = site.put("/a", page(), "text/html")
    with pytest.raises(TooLarge) as caught:
        await fetch(origin, url)
    assert caught.value.code == "page_too_large"
    site.replies["/robots.txt"] = Reply()
    origin = WebOrigin(
        client=site.client,
        clock=FixedClock(),
        limits=WebLimits(fetch=FetchLimits(timeout_s=0.2, max_bytes=100_000)),
    )
    site.replies["/a"] = Reply(silent=True)
    assert await code_of(origin, url) == "fetch_timeout"
    site.put("/a", gzip.compress(b"\0" * 1_000_000), "text/html", Content_Encoding="gzip")
    assert await code_of(origin, url) == "response_too_large"


@pytest.mark.parametrize(
    ("path", "content_type", "data", "name"),
    [
        ("/talk.pdf", "application/pdf", b"%PDF-1.7 x", "talk.pdf"),
        ("/download?id=3", "text/html", b"%PDF-1.7 x", "download.pdf"),
        ("/My%20talk.docx", "application/octet-stream", b"PK\x03\x04", "My talk.docx"),
        (
            "/x",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            b"PK\x03\x04",
            "x.docx",
        ),
        ("/notes.txt", "text/plain; charset=utf-8", b"Grease", "notes.txt"),
        ("/README.md", "text/plain", b"# Grease", "README.md"),
        ("/..%2f..%2fetc%2fpasswd", "text/plain", b"x", "_.._etc_passwd.txt"),
    ],
)
async def test_files_are_passed_on(
    path: str, content_type: str, data: bytes, name: str, site: Site, origin: WebOrigin
) -> None:
    bundle = await fetch(origin, site.put(path, data, content_type))
    [file] = bundle.files
    assert (bundle.name, file.name, file.read()) == (name, name, data)


@pytest.mark.parametrize(
    "content_type", ["video/mp4", "application/json", "font/woff2", "application/zip", ""]
)
async def test_other_types_are_named(content_type: str, site: Site, origin: WebOrigin) -> None:
    assert await code_of(origin, site.put("/x", b"\x00\x01", content_type)) == "page_type_unsupported"


@pytest.mark.parametrize(
    ("body", "code", "leads_to"),
    [
        ('<?xml version="1.0"?>\n<!-- x --><rss version="2.0"/>', "page_is_feed", "feed:"),
        ('<feed xmlns="http://www.w3.org/2005/Atom"/>', "page_is_feed", "feed:"),
        ('<?xml version="1.0"?><urlset/>', "page_is_sitemap", "sitemap:"),
    ],
)
async def test_what_belongs_elsewhere_says_where(
    body: str, code: str, leads_to: str, site: Site, origin: WebOrigin
) -> None:
    url = site.put("/x", body, "text/html")
    with pytest.raises(BelongsElsewhere) as caught:
        await fetch(origin, url)
    assert (caught.value.code, caught.value.url) == (code, f"{leads_to}{url}")


@pytest.mark.parametrize(
    ("url", "page_url"),
    [
        ("HTTPS://Example.org", "https://example.org/"),
        ("page:https://example.org/feed.xml", "https://example.org/feed.xml"),
        ("https://example.org:443/a?b=1&gclid=x#c", "https://example.org/a?b=1"),
        ("http://example.org:8080/a b".replace(" ", "%20"), "http://example.org:8080/a%20b"),
    ],
)
def test_one_spelling_of_an_address(url: str, page_url: str, origin: WebOrigin) -> None:
    found = origin.recognise(url)
    assert found is not None
    assert (found.kind, found.id, found.url) == ("item", page_url, page_url)


def test_a_page_that_is_named_like_a_list_says_that_it_is_none(origin: WebOrigin) -> None:
    found = origin.recognise("page:https://example.org/sitemap.xml")
    assert found is not None
    assert (found.kind, found.url) == ("item", "page:https://example.org/sitemap.xml")
    assert origin.recognise(found.url) == found


async def test_only_a_page_that_is_not_there_is_gone(site: Site, origin: WebOrigin) -> None:
    for status, gone in ((404, True), (410, True), (403, False), (500, False), (451, False)):
        with pytest.raises(UnderstudyError) as caught:
            await fetch(origin, site.put("/a", status=status))
        assert isinstance(caught.value, ItemGone) == gone


@pytest.mark.parametrize("url", ["ftp://example.org/", "notes.md", "", "@handle", "feed:https://example.org"])
def test_not_of_the_web(url: str, origin: WebOrigin) -> None:
    assert origin.recognise(url) is None


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://", "url_invalid"),
        ("https://exa mple.org", "url_invalid"),
        ("https://example.org:x/", "url_invalid"),
        ("page:example.org", "url_invalid"),
        ("https://me:secret@example.org/", "url_has_password"),
    ],
)
def test_wrong_addresses(url: str, code: str, origin: WebOrigin) -> None:
    with pytest.raises(InvalidInput) as caught:
        origin.recognise(url)
    assert caught.value.code == code


async def test_pages_are_read_in_a_process_that_knows_no_secrets(
    site: Site, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    real = WebOrigin(client=site.client, clock=clock)
    [file] = (await fetch(real, site.put("/a", page(), "text/html"))).files
    assert file.name == "127.0.0.1-a.md"
    assert file.read().startswith(b"---\ntitle: Seat posts\nauthor: Mara Holt\n")
    assert await code_of(real, site.put("/b", page("<p>x"), "text/html")) == "page_empty"


async def test_a_page_that_takes_too_long_is_given_up() -> None:
    with pytest.raises(InvalidInput) as caught:
        await read_in_child(page().encode(), "text/html", "https://example.org/", longest_s=0.001)
    assert caught.value.code == "page_unreadable"


@pytest.mark.parametrize("nested", ["<div>", "<table><tr><td>", "<!--"])
async def test_tangled_pages_cost_only_themselves(nested: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        await read_in_child(
            b"<!doctype html>" + nested.encode() * 50_000, "text/html", "https://example.org/"
        )
    assert caught.value.code in {"page_empty", "page_unreadable"}
