"""Which addresses mean a feed, told by their text alone.

`feed:https://example.org/show` says so of any address, as do feed://, itpc://, itpcs://, pcast://, podcast:// and rss://, which players use. An
http(s) address is taken when it is named as feeds are. The same address with `#episode=<id>` is one episode.
"""

import re
from typing import Final
from urllib.parse import SplitResult, urlsplit, urlunsplit
from uuid import UUID, uuid5

from ingestion.origins.types import Address, short_id
from runtime.errors import InvalidInput

NAME: Final = "podcast"
# Podcasting 2.0, `podcast:guid`: the namespace of a feed's own id, which is made of its address.
_FEEDS: Final = UUID("ead4c236-bf58-58c6-a2c6-a6b28d128cb6")
_SCHEMES: Final = re.compile(r"(feed|itpcs?|pcast|podcast|rss):(?://)?(https?://)?(?://)?", re.IGNORECASE)
_EPISODE: Final = re.compile(r"episode=([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
_LAST_PART: Final = re.compile(
    r"(?:.*\.(?:rss2?|rdf|atom)|(?:.*[._-])?(?:rss|atom|feeds?|podcasts?|itunes|episodes)(?:[._-].*)?\.xml|rss2?|atom|feed)",
    re.IGNORECASE,
)
_HOST: Final = re.compile(r"(?:feeds?|rss)\d{0,2}\..+|.+\.feeds?\..+", re.IGNORECASE)
_QUERY: Final = re.compile(
    r"(?:^|&)(?:feed=[a-z0-9_-]+|(?:format|alt|type|output)=(?:rss|atom|feed|podcast))(?:&|$)", re.IGNORECASE
)
_LONGEST: Final = 2000


def recognise(url: str) -> Address | None:
    """The feed or episode that `url` means, or None. Raises InvalidInput `url_invalid` for a `feed:` without address."""
    text = url.strip()
    told = _SCHEMES.match(text)
    if told:
        text = f"{(told[2] or 'https://').lower()}{text[told.end() :]}"
    parts = _parts(text)
    if parts is None:
        if told:
            raise _invalid()
        return None
    episode = _EPISODE.fullmatch(parts.fragment)
    feed_url = urlunsplit(parts._replace(fragment=""))
    if episode:
        return Address(NAME, "item", episode[1], f"{feed_url}#{parts.fragment}")
    if _looks_like_feed(parts):
        return Address(NAME, "collection", short_id(_bare(feed_url)), feed_url)
    if told:
        return Address(NAME, "collection", short_id(_bare(feed_url)), feed_address(feed_url))
    return None


def feed_address(feed_url: str) -> str:
    """The form in which any address says that it is a feed's."""
    return f"feed:{feed_url}"


def feed_of(episode: Address) -> str:
    """Where to fetch the feed that an address means, or that lists the episode it means."""
    return episode.url.removeprefix("feed:").partition("#")[0]


def episode_address(feed_url: str, episode_id: str) -> Address:
    """The address of one episode of a feed."""
    return Address(NAME, "item", episode_id, f"{feed_url}#episode={episode_id}")


def identity(feed_url: str, declared: str) -> UUID:
    """What stays the same when a feed moves: the `podcast:guid` that it declares, else the one its address makes."""
    try:
        return UUID(declared.strip())
    except ValueError:
        return uuid5(_FEEDS, _bare(feed_url))


def _bare(feed_url: str) -> str:
    """Without scheme, name and password, and the slashes at the end, as the namespace says."""
    parts = urlsplit(feed_url)
    bare = parts._replace(scheme="", netloc=parts.netloc.rpartition("@")[2])
    return urlunsplit(bare).removeprefix("//").rstrip("/")


def _parts(text: str) -> SplitResult | None:
    if len(text) > _LONGEST or any(letter.isspace() or not letter.isprintable() for letter in text):
        return None
    try:
        parts = urlsplit(text)
        if parts.scheme.lower() not in {"http", "https"} or not parts.hostname or parts.netloc.endswith(":"):
            return None
    except ValueError:
        return None
    who, at, where = parts.netloc.rpartition("@")
    return parts._replace(scheme=parts.scheme.lower(), netloc=f"{who}{at}{where.lower()}")


def _looks_like_feed(parts: SplitResult) -> bool:
    last = parts.path.rstrip("/").rpartition("/")[2]
    if "sitemap" in last.lower():
        return False
    named = _LAST_PART.fullmatch(last) or _QUERY.search(parts.query)
    return bool(named or (_HOST.fullmatch(parts.hostname or "") and parts.path.strip("/")))


def _invalid() -> InvalidInput:
    return InvalidInput(
        "url_invalid",
        "This is not the address of a feed.",
        next_step="Copy the feed's address from your podcast host; it begins with https://.",
    )
