"""Fetching a feed: all its pages, and again only when it has changed."""

import asyncio
import re
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import urlsplit

from ingestion.origins.podcast.addresses import feed_address
from ingestion.origins.podcast.feeds import Feed, distinct, parse_feed
from ingestion.origins.pointers import feeds_named
from ingestion.origins.responses import refusal
from ingestion.origins.types import BelongsElsewhere
from ingestion.origins.xml import decode_text, read_xml
from runtime.clock import Clock
from runtime.errors import InvalidInput
from runtime.http import Fetched, FetchLimits, OutsideClient

_ACCEPT: Final = {
    "Accept": "application/rss+xml, application/atom+xml, application/xml;q=0.9, text/xml;q=0.9, */*;q=0.5",
    "Accept-Encoding": "gzip",
}
_HTML: Final = re.compile(
    r"\s*(?:<!--.{0,2000}?-->\s*)?(?:<\?xml[^>]{0,200}>\s*)?<(?:!doctype\s+html|html)\b", re.I | re.S
)
_HEAD: Final = 300_000
_KEPT: Final = 8


@dataclass(slots=True)
class _Known:
    """What the last answer was, and how to ask whether it still holds."""

    feed: Feed
    complete: bool
    read_at: float
    validators: dict[str, str]


@dataclass(slots=True)
class _Slot:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    known: _Known | None = None


class FeedReader:
    """Reads feeds, and keeps the last few: their episodes are asked for one by one."""

    def __init__(
        self, client: OutsideClient, clock: Clock, *, limits: FetchLimits, pages: int, fresh_s: float
    ) -> None:
        self._client, self._clock = client, clock
        self._limits, self._pages, self._fresh_s = limits, pages, fresh_s
        self._slots: OrderedDict[str, _Slot] = OrderedDict()

    async def read(self, url: str, *, fresh: bool) -> tuple[Feed, bool]:
        """The feed with the episodes of all its pages, and whether these were all. With `fresh`, its server is asked in any
        case, otherwise when that was a while ago. Raises what fetching and reading raise, `feed_...`."""
        slot = self._slots.setdefault(url, _Slot())
        self._slots.move_to_end(url)
        while len(self._slots) > _KEPT:
            self._slots.popitem(last=False)
        async with slot.lock:
            known = slot.known
            if fresh or known is None or self._clock.monotonic() - known.read_at > self._fresh_s:
                known = slot.known = await self._read(url, known)
            return known.feed, known.complete

    async def _read(self, url: str, known: _Known | None) -> _Known:
        validators = known.validators if known else {}
        got = await self._client.fetch(url, headers=_ACCEPT | validators, limits=self._limits)
        if got.status == 304 and known is not None:
            return replace(known, read_at=self._clock.monotonic())
        feed = await self._parse(url, got)
        episodes, seen, complete = list(feed.episodes), {url, got.url}, True
        others, following = feed.others, feed.next_url
        while following is not None and following not in seen:
            if len(seen) > self._pages:
                complete = False
                break
            seen.add(following)
            page = await self._parse(
                url, await self._client.fetch(following, headers=_ACCEPT, limits=self._limits)
            )
            episodes += page.episodes
            others, following = others + page.others, page.next_url
        if others and not episodes:
            raise _without_recordings(url)
        whole = replace(feed, episodes=tuple(distinct(feed.identity, episodes)), others=others)
        return _Known(whole, complete, self._clock.monotonic(), _validators(got))

    async def _parse(self, asked: str, got: Fetched) -> Feed:
        if error := refusal(got.status, urlsplit(got.url).hostname or "", "feed"):
            raise error
        return await asyncio.to_thread(_parsed, asked, got)


def _parsed(asked: str, got: Fetched) -> Feed:
    content_type = got.headers.get("content-type", "")
    if _HTML.match(head := decode_text(got.content[:_HEAD], content_type)):
        raise _is_page(asked, got.url, head)
    document = read_xml(got.content, content_type, "feed")
    feed = parse_feed(document, asked=asked, url=got.url)
    if feed is not None:
        return feed
    if document.root in {"urlset", "sitemapindex"}:
        raise BelongsElsewhere(
            "feed_is_sitemap",
            "This is a list of pages, not a podcast.",
            url=f"sitemap:{asked}",
            next_step=_SITEMAP,
        )
    raise InvalidInput(
        "feed_broken",
        f"This is not a feed: it begins with <{document.root[:40]}>.",
        next_step="Copy the feed's address from your podcast host.",
    )


_SITEMAP: Final = "Add it as sitemap: followed by the address."


def _validators(got: Fetched) -> dict[str, str]:
    asked = {"If-None-Match": got.headers.get("etag"), "If-Modified-Since": got.headers.get("last-modified")}
    return {name: value for name, value in asked.items() if value and value.isascii() and value.isprintable()}


def _is_page(asked: str, base: str, head: str) -> BelongsElsewhere:
    for url in feeds_named(head, base):
        if url != asked:
            return BelongsElsewhere(
                "feed_named_by_page",
                "This is a web page that names its feed.",
                next_step=f"Add the feed: {url}",
                url=feed_address(url),
            )
    return BelongsElsewhere(
        "feed_is_page",
        "This is a web page, not a feed.",
        next_step="Copy the feed's address from your podcast host; to add the page itself, put page: before the address.",
        url=f"page:{asked}",
    )


def _without_recordings(url: str) -> BelongsElsewhere:
    return BelongsElsewhere(
        "feed_without_recordings",
        "The feed lists pages, but no recordings.",
        next_step=_SITEMAP,
        url=f"sitemap:{url}",
    )
