"""What a page points at instead of having words of its own: a podcast's feed, a player, or the podcast that a directory lists."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final, cast
from urllib.parse import urljoin, urlsplit

from ingestion.origins.responses import refusal
from ingestion.origins.types import BelongsElsewhere
from runtime.errors import InvalidInput, NotFound
from runtime.http import FetchLimits, OutsideClient

# What is looked at of a page: players stand anywhere in it.
MOST_LETTERS: Final = 2_000_000
# Apple's directory tells the feed of a podcast to anybody: "iTunes Search API", Lookup Examples.
APPLE_LOOKUP: Final = "https://itunes.apple.com/lookup"
_APPLE: Final = re.compile(
    r"https?://(?:podcasts|itunes)\.apple\.com/(?:[a-z-]{2,10}/)?podcast/(?:[^/?#]{1,400}/)?id(\d{4,15})(\?[^#]*)?"
)
_LINK: Final = re.compile(r"<link\b[^>]{0,2000}>", re.IGNORECASE)
_FEED_TYPE: Final = re.compile(r"""\btype\s*=\s*["']?application/(?:rss|atom)\+xml""", re.IGNORECASE)
_HREF: Final = re.compile(r"""\bhref\s*=\s*["']?([^"'\s>]{1,2000})""", re.IGNORECASE)
# schema.org/PodcastSeries, whose `webFeed` is the feed's address.
_SERIES: Final = re.compile(r'"@type"\s{0,9}:\s{0,9}"PodcastSeries"')
_WEB_FEED: Final = re.compile(r'"webFeed"\s{0,9}:\s{0,9}"(https?:[^"\s]{1,2000})"')
_PLAYER: Final = re.compile(
    r"(?:https?:)?//(?:www\.)?youtube(?:-nocookie)?\.com/embed/"
    r"(videoseries\?(?:[\w=-]+&(?:amp;)?){0,5}list=[\w-]{10,64}|[\w-]{11})"
)
_PODCAST: Final = "This page stands for a podcast, whose episodes are in its feed."
_LIMITS: Final = FetchLimits(timeout_s=30, max_bytes=2**20)


def feeds_named(page: str, base: str) -> Iterator[str]:
    """The feeds that the `<link>`s of a page name, which came from `base`."""
    for link in _LINK.findall(page):
        if (found := _HREF.search(link)) and _FEED_TYPE.search(link):
            yield _joined(base, found[1])


def series(page: str, base: str) -> BelongsElsewhere | None:
    """The feed, when the page says that it stands for a podcast."""
    if not _SERIES.search(page[:MOST_LETTERS]):
        return None
    named = _WEB_FEED.search(page[:MOST_LETTERS])
    url = named[1].replace("\\/", "/") if named else next(feeds_named(page[:MOST_LETTERS], base), None)
    return _elsewhere("page_is_podcast", _PODCAST, url) if url else None


def shown_instead(page: str, base: str) -> BelongsElsewhere | None:
    """Of a page without words of its own: the one video or playlist that it shows, or the feed that it names."""
    players = {found.replace("&amp;", "&") for found in _PLAYER.findall(page[:MOST_LETTERS])}
    if len(players) == 1:
        player = players.pop()
        place = f"playlist?{player.partition('?')[2]}" if "?" in player else f"watch?v={player}"
        url = f"https://www.youtube.com/{place}"
        return BelongsElsewhere(
            "page_is_player", "The page is a player without words.", next_step=f"Add {url} itself.", url=url
        )
    feed = next(feeds_named(page[:MOST_LETTERS], base), None)
    return _elsewhere("page_names_feed", "The page holds no words, and names a feed.", feed) if feed else None


async def listed_podcast(client: OutsideClient, url: str, lookup: str) -> BelongsElsewhere | None:
    """The feed of the podcast that an address of Apple Podcasts shows; None for any other address.

    Raises what `OutsideClient.fetch` raises, the codes of `refusal`, InvalidInput `podcast_episode_link`, NotFound
    `podcast_without_feed`.
    """
    if (found := _APPLE.match(url)) is None:
        return None
    if re.search(r"[?&]i=\d", found[2] or ""):
        raise InvalidInput(
            "podcast_episode_link",
            "This is one episode in Apple Podcasts.",
            next_step="Add the podcast itself: the same address without ?i= and what follows.",
        )
    got = await client.fetch(f"{lookup}?id={found[1]}&entity=podcast", limits=_LIMITS)
    if error := refusal(got.status, urlsplit(got.url).hostname or "", "page"):
        raise error
    feed = _feed_of(got.content)
    if feed is None:
        raise NotFound(
            "podcast_without_feed",
            "Apple Podcasts names no feed for this podcast.",
            next_step="Copy the feed's address from your podcast host.",
        )
    return _elsewhere("page_is_podcast", _PODCAST, feed)


def _feed_of(data: bytes) -> str | None:
    try:
        results = cast("dict[str, Any]", json.loads(data))["results"]
        feeds = [one.get("feedUrl") for one in results if one.get("feedUrl")]
    except (ValueError, LookupError, TypeError, AttributeError):
        return None
    return str(feeds[0]) if feeds else None


def _elsewhere(code: str, detail: str, feed: str) -> BelongsElsewhere:
    return BelongsElsewhere(code, detail, next_step=f"Add the feed: {feed}", url=f"feed:{feed}")


def _joined(base: str, reference: str) -> str:
    try:
        return urljoin(base, reference.replace("&amp;", "&"))
    except ValueError:
        return base
