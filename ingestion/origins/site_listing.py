"""Reading a site's sitemaps, with the sitemaps that they name, as far as the limits go."""

import asyncio
from collections import deque
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

from ingestion.origins.responses import refusal
from ingestion.origins.robots import RobotsReader
from ingestion.origins.sitemaps import MAX_BYTES, ListedPage, Sitemap, parse_sitemap
from runtime.errors import NotFound, Unavailable, UnderstudyError
from runtime.http import FetchLimits, OutsideClient

_LIMITS: Final = FetchLimits(timeout_s=60, max_bytes=MAX_BYTES)
_NEVER: Final = datetime.min.replace(tzinfo=UTC)
_HEADERS: Final = {"Accept": "application/xml, text/xml;q=0.9, */*;q=0.5", "Accept-Encoding": "gzip"}


class SiteReader:
    """Finds the pages that a site lists."""

    def __init__(self, client: OutsideClient, robots: RobotsReader, *, sitemaps: int, pages: int) -> None:
        self._client, self._robots = client, robots
        self._sitemaps, self._pages = sitemaps, pages

    async def read(self, url: str) -> tuple[list[ListedPage], bool]:
        """The pages, those that changed last first, and whether they are all. A sitemap speaks for its own host only.

        One that is named by another and cannot be had costs only its own pages, if trying later would not help either.
        """
        waiting, seen, pages, complete = deque(await self._first(url)), set[str](), list[ListedPage](), True
        while waiting:
            place = waiting.popleft()
            if place in seen:
                continue
            if len(seen) >= self._sitemaps or len(pages) > self._pages:
                complete = False
                break
            seen.add(place)
            try:
                found = await self._fetch(place)
            except UnderstudyError as error:
                if len(seen) == 1 or isinstance(error, Unavailable):
                    raise
                complete = False
                continue
            waiting.extend(found.sitemaps)
            pages += [page for page in found.pages if _host(page.url) == _host(place)]
        robots = await self._robots.read(url)
        allowed = [page for page in pages if _host(page.url) != _host(url) or robots.allows(page.url)]
        allowed.sort(key=lambda page: page.published_at or page.changed_at or _NEVER, reverse=True)
        return allowed[: self._pages], complete and len(allowed) <= self._pages

    async def _first(self, url: str) -> list[str]:
        """`url` itself, or for a whole site the sitemaps that its robots.txt names, else the one at the usual place."""
        parts = urlsplit(url)
        if parts.path.strip("/") or parts.query:
            return [url]
        named = [place for place in (await self._robots.read(url)).sitemaps if _host(place)]
        return named or [f"{parts.scheme}://{parts.netloc}/sitemap.xml"]

    async def _fetch(self, url: str) -> Sitemap:
        got = await self._client.fetch(url, headers=_HEADERS, limits=_LIMITS)
        host = urlsplit(got.url).hostname or ""
        if got.status == 404:
            raise NotFound(
                "sitemap_missing",
                f"{host} has no sitemap at this address.",
                next_step="Look for a line that begins with Sitemap: in the site's robots.txt, or add its pages one by one.",
            )
        if error := refusal(got.status, host, "sitemap"):
            raise error
        content_type = got.headers.get("content-type", "")
        return await asyncio.to_thread(parse_sitemap, got.content, content_type, got.url)


def _host(url: str) -> str:
    """The host and port, `www.` or not."""
    try:
        return urlsplit(url).netloc.lower().rpartition("@")[2].removeprefix("www.")
    except ValueError:
        return ""
