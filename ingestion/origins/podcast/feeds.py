"""From the text of a feed to its episodes.

RSS 2.0 (rssboard.org/rss-specification), Atom (RFC 4287), pages of a feed (RFC 5005), the iTunes tags
(podcasters.apple.com/support/823), the Podcasting 2.0 namespace (podcastindex.org/namespace/1.0) and Podlove's Simple
Chapters (podlove.org/simple-chapters).
"""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urljoin, urlsplit
from uuid import UUID, uuid5

from ingestion.decoding import drop_senseless, unescape
from ingestion.origins.podcast.addresses import identity
from ingestion.origins.xml import Node, XmlDocument
from ingestion.speakers import Cast

_SPEAKING: Final = frozenset(
    {"host", "co-host", "guest host", "guest", "narrator", "panelist", "moderator", "reporter"}
)
# Whoever stands in for the host is a guest in the house, and what the others are to the show is not said.
_HOSTS: Final = frozenset({"host", "co-host"})
_GUESTS: Final = frozenset({"guest", "guest host", "panelist"})
_CLOCK: Final = re.compile(r"(?:(\d{1,4}):)?(\d{1,4}):(\d{1,2})(?:\.(\d{1,3})\d*)?")
_SECONDS: Final = re.compile(r"(\d{1,8})(?:\.\d+)?")
_LONGEST_S: Final = 60 * 24 * 3600
_ATOM: Final = "http://www.w3.org/2005/atom"
_LONGEST_TEXT: Final = 500


@dataclass(frozen=True, slots=True)
class Transcript:
    """`podcast:transcript`: where it is, what it says it is, and in which language."""

    url: str
    type: str
    language: str | None


@dataclass(frozen=True, slots=True)
class Enclosure:
    """The recording itself."""

    url: str
    type: str


@dataclass(frozen=True, slots=True)
class Episode:
    """One item of a feed. `cast` are those who speak, hosts first; `chapters` are (seconds, title)."""

    id: str
    guid: str
    title: str
    enclosure: Enclosure
    link: str | None
    published_at: datetime | None
    duration_s: int | None
    language: str | None
    image: str | None
    cast: Cast
    transcripts: tuple[Transcript, ...]
    chapters_url: str | None
    chapters: tuple[tuple[float, str], ...]


@dataclass(frozen=True, slots=True)
class Feed:
    """One page of a feed. `others` counts the items that have no recording; `next_url` is the following page."""

    identity: UUID
    title: str
    author: str
    language: str | None
    episodes: tuple[Episode, ...]
    others: int
    next_url: str | None


def parse_feed(document: XmlDocument, *, asked: str, url: str) -> Feed | None:
    """The feed that was `asked` for and came from `url`; None when the document is no feed."""
    if document.root not in {"rss", "rdf", "feed"}:
        return None
    items = [unit for unit in document.units if unit.name in {"item", "entry"}]
    units = (unit for unit in document.units if unit.name not in {"item", "entry"})
    channel = Node("", "channel", children=[child for unit in units for child in _flat(unit, document.root)])
    about = _About(
        identity(asked, channel.get("guid")),
        url,
        _language(channel.get("language") or document.language),
        _cast(channel, unsaid="host"),
    )
    episodes = [episode for item in items if (episode := about.episode(item)) is not None]
    return Feed(
        identity=about.identity,
        title=_text(channel.get("title")),
        author=_text(channel.get("author")),
        language=about.language,
        episodes=tuple(episodes),
        others=len(items) - len(episodes),
        next_url=_next(channel, url),
    )


def _flat(unit: Node, root: str) -> Iterable[Node]:
    # In RSS 1.0 the channel is an element beside the items, and what it holds is not.
    return unit.children if root == "rdf" and unit.name == "channel" else (unit,)


@dataclass(frozen=True, slots=True)
class _About:
    """What a feed says that holds for its items."""

    identity: UUID
    url: str
    language: str | None
    cast: Cast | None

    def episode(self, item: Node) -> Episode | None:
        enclosure = _enclosure(item, self.url)
        if enclosure is None:
            return None
        guid = item.get("guid", "id") or enclosure.url
        chapters = list(item.all("chapters"))
        return Episode(
            id=str(uuid5(self.identity, guid)),
            guid=guid,
            title=_text(item.get("title")) or _text(urlsplit(enclosure.url).path.rpartition("/")[2]),
            enclosure=enclosure,
            link=_link(item, self.url),
            published_at=_date(item.get("pubdate", "published", "updated", "date")),
            duration_s=_duration(item.get("duration")),
            language=_language(item.get("language")) or self.language,
            image=next(
                (found for n in item.all("image") if (found := _web(n.attributes.get("href"), self.url))),
                None,
            ),
            cast=_cast(item) or self.cast or Cast(),
            transcripts=tuple(self._transcripts(item)),
            chapters_url=next((u for n in chapters if (u := _web(n.attributes.get("url"), self.url))), None),
            chapters=tuple(chapter for node in chapters for chapter in _inline_chapters(node)),
        )

    def _transcripts(self, item: Node) -> Iterator[Transcript]:
        for node in item.all("transcript"):
            url = _web(node.attributes.get("url"), self.url)
            if url is not None:
                kind = node.attributes.get("type", "").partition(";")[0].strip().lower()
                yield Transcript(url, kind, _language(node.attributes.get("language", "")))


def distinct(feed: UUID, episodes: Iterable[Episode]) -> list[Episode]:
    """Each episode once, newest first. Of different ones that a feed gives the same guid, the oldest keeps it."""
    start = datetime.min.replace(tzinfo=UTC)
    newest = sorted(episodes, key=lambda episode: episode.published_at or start, reverse=True)
    taken: dict[str, str] = {}
    kept: list[Episode] = []
    for episode in reversed(newest):
        if episode.id in taken and taken[episode.id] != episode.enclosure.url:
            episode = replace(episode, id=str(uuid5(feed, f"{episode.guid} {episode.enclosure.url}")))
        if episode.id not in taken:
            taken[episode.id] = episode.enclosure.url
            kept.append(episode)
    return kept[::-1]


def _enclosure(item: Node, base: str) -> Enclosure | None:
    links = [node for node in item.all("link") if node.attributes.get("rel", "").lower() == "enclosure"]
    for node in (*item.all("enclosure"), *links):
        url = _web(node.attributes.get("url") or node.attributes.get("href"), base)
        kind = node.attributes.get("type", "").strip().lower()
        if url is not None and not kind.startswith(("image/", "text/", "application/pdf")):
            return Enclosure(url, kind)
    return None


def _link(item: Node, base: str) -> str | None:
    for node in item.all("link"):
        found = _web(node.attributes.get("href") or node.text, base)
        if found and node.attributes.get("rel", "alternate").lower() == "alternate":
            return found
    return None


def _next(channel: Node, base: str) -> str | None:
    for node in channel.all("link"):
        if node.attributes.get("rel", "").lower() in {"next", "prev-archive"}:
            return _web(node.attributes.get("href"), base)
    return None


def _cast(parent: Node, *, unsaid: str = "") -> Cast | None:
    """Who speaks, hosts before guests; None when nobody is named.

    `podcast:person` without a role is a host by its specification, and in no group is of the cast. Not every feed
    follows that where it lists the people of an episode, guests included: there such a person is listed, and no more.
    """
    found: list[tuple[bool, str, str]] = []
    for node in parent.all("person"):
        said = node.attributes.get("role", "").strip().lower()
        group = node.attributes.get("group", "").strip().lower() or "cast"
        name = _text(node.words())
        if name and (said or "host") in _SPEAKING and group == "cast":
            found.append(("host" not in (said or "host"), name, said or unsaid))
    found.sort(key=lambda person: person[0])

    def named(roles: Collection[str]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for _, name, role in found if role in roles))

    return Cast(named({*_SPEAKING, ""}), named(_HOSTS), named(_GUESTS)) if found else None


def _inline_chapters(chapters: Node) -> Iterator[tuple[float, str]]:
    for node in chapters.all("chapter"):
        start_s = seconds_of(node.attributes.get("start", ""))
        title = _text(node.attributes.get("title", ""))
        if start_s is not None and title:
            yield start_s, title


def seconds_of(clock: str) -> float | None:
    """Seconds of "1:02:03.5", "62:03" or "3723"."""
    if found := _CLOCK.fullmatch(clock.strip()):
        hours, minutes, seconds = int(found[1] or 0), int(found[2]), int(found[3])
        value = hours * 3600 + minutes * 60 + seconds + float(f"0.{found[4] or 0}")
    elif found := _SECONDS.fullmatch(clock.strip()):
        value = float(clock)
    else:
        return None
    return value if value <= _LONGEST_S else None


def _duration(text: str) -> int | None:
    return round(seconds_of(text) or 0) or None


def _date(text: str) -> datetime | None:
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            found = read(text[:80])
            found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
        except (ValueError, TypeError, OverflowError, IndexError):
            continue
        return found if found.year >= 1970 else None
    return None


def _language(text: str) -> str | None:
    code = text.strip().replace("_", "-")
    return code if re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,3}", code) else None


def _web(text: str | None, base: str) -> str | None:
    """An address that may be fetched and shown, of a reference in the feed that came from `base`."""
    try:
        url = urljoin(base, unescape((text or "").strip())) if text and text.strip() else ""
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and len(url) <= 2000
    except ValueError:
        return None
    return url.replace(" ", "%20") if usable and url.isprintable() else None


def _text(text: str) -> str:
    return " ".join(drop_senseless(unescape(text)).split())[:_LONGEST_TEXT]
