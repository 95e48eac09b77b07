"""Lists of pages: sitemaps and their indexes (sitemaps.org/protocol.html), which may also be feeds or plain lists."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urljoin, urlsplit

from ingestion.origins.types import BelongsElsewhere
from ingestion.origins.xml import Node, decode_text, read_xml
from runtime.errors import InvalidInput, TooLarge, Unavailable
from runtime.http import Inflater

MAX_BYTES: Final = 50 * 2**20  # the protocol's own limit, unpacked
_HTML: Final = re.compile(
    r"\s*(?:<!--.{0,2000}?-->\s*)?<(?:!doctype\s+html|html)\b", re.IGNORECASE | re.DOTALL
)


@dataclass(frozen=True, slots=True)
class ListedPage:
    """A page as its list names it. `changed` is the list's own word for its last change."""

    url: str
    changed: str | None = None
    title: str = ""
    published_at: datetime | None = None

    @property
    def changed_at(self) -> datetime | None:
        """When that was, if it is a date."""
        return _date(self.changed or "")


@dataclass(frozen=True, slots=True)
class Sitemap:
    """Pages, and further sitemaps to read."""

    pages: tuple[ListedPage, ...]
    sitemaps: tuple[str, ...] = ()


def parse_sitemap(data: bytes, content_type: str, url: str) -> Sitemap:
    """Read what `url` sent. Raises InvalidInput `sitemap_broken`, `sitemap_unsafe`, TooLarge `sitemap_too_large`, and
    BelongsElsewhere for a page."""
    data = _unpacked(data)
    head = decode_text(data[:4000], content_type)
    if _HTML.match(head):
        raise BelongsElsewhere(
            "sitemap_is_page",
            "This is a web page, not a sitemap.",
            next_step="Add the page itself, or look for the sitemap's address in the site's robots.txt.",
            url=f"page:{url}",
        )
    if not head.lstrip().startswith("<"):
        return _plain_list(decode_text(data, content_type))
    document = read_xml(data, content_type, "sitemap")
    if document.root == "sitemapindex":
        found = (unit.get("loc") for unit in document.units if unit.name == "sitemap")
        return Sitemap((), tuple(joined for loc in found if loc and (joined := _joined(url, loc))))
    if document.root not in {"urlset", "rss", "rdf", "feed"}:
        raise _broken()
    return Sitemap(tuple(page for unit in document.units if (page := _page(unit, url)) is not None))


def _page(unit: Node, base: str) -> ListedPage | None:
    if unit.name == "url":
        news = next(unit.all("news"), unit)
        link, changed, published = unit.get("loc"), unit.get("lastmod"), news.get("publication_date")
        title = news.get("title")
    elif unit.name in {"item", "entry"}:
        links = (n for n in unit.all("link") if n.attributes.get("rel", "alternate") == "alternate")
        link = next((found for n in links if (found := n.attributes.get("href") or n.text.strip())), "")
        published = unit.get("pubdate", "published", "date")
        changed, title = unit.get("updated") or published, unit.get("title")
    else:
        return None
    url = _joined(base, link) if link else None
    return ListedPage(url, changed[:64] or None, title[:500], _date(published)) if url else None


def _plain_list(text: str) -> Sitemap:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines or not all(line.startswith(("http://", "https://")) for line in lines[:20]):
        raise _broken()
    return Sitemap(tuple(_pages_of(lines)))


def _pages_of(lines: list[str]) -> Iterator[ListedPage]:
    return (ListedPage(line) for line in lines if line.startswith(("http://", "https://")))


def _unpacked(data: bytes) -> bytes:
    """A `.xml.gz`, as far as the limit goes."""
    if not data.startswith(b"\x1f\x8b"):
        return data
    inflater, found = Inflater(), bytearray()
    try:
        for piece in inflater.feed(data):
            found += piece
            if len(found) > MAX_BYTES:
                raise TooLarge(
                    "sitemap_too_large",
                    f"The sitemap unpacks to more than {MAX_BYTES // 2**20} MiB.",
                    next_step="Split it, as sitemaps.org asks.",
                )
        inflater.finish()
    except Unavailable as error:
        raise _broken() from error
    return bytes(found)


def _joined(base: str, reference: str) -> str | None:
    try:
        url = urljoin(base, reference)
        usable = urlsplit(url).scheme in {"http", "https"} and bool(urlsplit(url).hostname)
    except ValueError:
        return None
    return url if usable and url.isprintable() and len(url) <= 2000 else None


def _date(text: str) -> datetime | None:
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            found = read(text[:80])
            return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
        except (ValueError, TypeError, OverflowError, IndexError):
            continue
    return None


def _broken() -> InvalidInput:
    return InvalidInput(
        "sitemap_broken",
        "What the address sent is not a sitemap.",
        next_step="Look for the sitemap's address in the site's robots.txt.",
    )
