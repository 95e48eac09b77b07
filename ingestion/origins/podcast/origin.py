"""The origin of podcasts."""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import structlog

from ingestion.bundles import INFO_SUFFIX, TRANSCRIPT_SUFFIXES, Bundle, BundleFile, is_language
from ingestion.captions import parse_captions
from ingestion.origins.downloads import download
from ingestion.origins.podcast.addresses import NAME, episode_address, feed_of, recognise
from ingestion.origins.podcast.details import FORMATS, by_worth, info_file, media_suffix, parse_chapters
from ingestion.origins.podcast.feeds import Episode, Feed
from ingestion.origins.podcast.reading import FeedReader
from ingestion.origins.responses import refusal
from ingestion.origins.types import Address, Entry, ItemGone, Listing
from runtime.clock import Clock
from runtime.errors import InvalidInput, NotFound, Unavailable, UnderstudyError
from runtime.http import FetchLimits, OutsideClient

log = structlog.get_logger(__name__)

_FEED: Final = FetchLimits(timeout_s=60, max_bytes=50 * 2**20)
_TRANSCRIPT: Final = FetchLimits(timeout_s=60, max_bytes=16 * 2**20)
_AUDIO: Final = FetchLimits(timeout_s=1800, max_bytes=512 * 2**20)
_PACKED: Final = {"Accept-Encoding": "gzip"}


@dataclass(frozen=True, slots=True)
class PodcastLimits:
    """What one fetch of each kind may take, how many pages a feed may have, and how long it counts as just read."""

    feed: FetchLimits = _FEED
    transcript: FetchLimits = _TRANSCRIPT
    audio: FetchLimits = _AUDIO
    pages: int = 100
    fresh_s: float = 300


class PodcastOrigin:
    """Podcast feeds and their episodes.

    `downloads` is the folder for recordings of episodes that have no transcript: give it when speech can be recognised;
    without it such an episode ends as `transcript_missing`. A recording there may be deleted once its bundle was read, and
    is deleted after a day. `formats` are the transcripts that can be read, the best first. The client stays the caller's
    to close. Feeds are made for programs, so robots.txt is not asked.
    """

    def __init__(
        self,
        *,
        client: OutsideClient,
        clock: Clock,
        downloads: Path | None = None,
        formats: Sequence[str] = FORMATS,
        limits: PodcastLimits = PodcastLimits(),
    ) -> None:
        self._client, self._clock, self._downloads = client, clock, downloads
        self._formats, self._limits = tuple(formats), limits
        self._feeds = FeedReader(
            client, clock, limits=limits.feed, pages=limits.pages, fresh_s=limits.fresh_s
        )

    @property
    def name(self) -> str:
        """`podcast`."""
        return NAME

    def recognise(self, url: str) -> Address | None:
        """See `ingestion.origins.podcast.addresses`."""
        return recognise(url)

    async def discover(self, address: Address) -> Listing:
        """The episodes, newest first; `version` is a hash of all that the feed says about one, which its transcript is not.

        Raises what `OutsideClient.fetch` raises, the codes of `responses.refusal` for "feed", `feed_broken`, `feed_unsafe`, and
        BelongsElsewhere for what turns out to be a page, a sitemap, or a feed without recordings.
        """
        url = feed_of(address)
        feed, complete = await self._feeds.read(url, fresh=True)
        entries = (
            Entry(
                episode_address(url, episode.id),
                episode.title,
                episode.published_at,
                _version(episode),
                covers_all=not (episode.transcripts or episode.chapters_url),
            )
            for episode in feed.episodes
        )
        return Listing(feed.title, tuple(entries), complete)

    async def fetch(self, address: Address, *, languages: Sequence[str] = ()) -> Bundle:  # noqa: ARG002 - an episode has one
        """`<id>.info.json` with the transcript as it was sent, named as caption files are, or else the recording.

        Raises as `discover` does, ItemGone `episode_gone`, NotFound `episode_not_listed`, the codes of `responses.refusal` for "transcript" and "audio",
        what `parse_captions` raises of the only transcripts there are, `transcript_missing`, `audio_wrong_type`, and StorageFull `disk_full`.
        """
        feed, episode = await self._episode(address)
        chapters = episode.chapters or await self._chapters(episode)
        info = BundleFile(f"{episode.id}{INFO_SUFFIX}", info_file(feed, episode, chapters))
        words = await self._transcript(episode)
        if words is None and self._downloads is None:
            raise _transcript_missing(episode)
        return Bundle(episode.id, (info, words or await self._recording(episode)))

    async def _episode(self, address: Address) -> tuple[Feed, Episode]:
        complete = True
        for fresh in (False, True):
            feed, complete = await self._feeds.read(feed_of(address), fresh=fresh)
            found = next((episode for episode in feed.episodes if episode.id == address.id), None)
            if found is not None:
                return feed, found
        if not complete:
            raise NotFound(
                "episode_not_listed",
                f"The feed does not list this episode on its first {self._limits.pages} pages.",
                next_step="Upload the captions or the recording of the episode.",
            )
        raise ItemGone(
            "episode_gone",
            "The feed does not list this episode any more.",
            next_step="Remove the source, or put the episode back into the feed.",
        )

    async def _chapters(self, episode: Episode) -> tuple[tuple[float, str], ...]:
        """They help, but an episode can do without."""
        if episode.chapters_url is None:
            return ()
        try:
            got = await self._client.fetch(
                episode.chapters_url, headers=_PACKED, limits=self._limits.transcript
            )
            return parse_chapters(got.content) if got.status == 200 else ()
        except UnderstudyError as error:
            log.info("podcast_chapters_left_out", episode_id=episode.id, code=error.code)
            return ()

    async def _transcript(self, episode: Episode) -> BundleFile | None:
        """The best transcript that its server gives and that holds times. None when there is none, and the recording can be had."""
        failures: list[UnderstudyError] = []
        for transcript, suffix in by_worth(episode.transcripts, episode.language, self._formats):
            try:
                got = await self._client.fetch(
                    transcript.url, headers=_PACKED, limits=self._limits.transcript
                )
                if error := refusal(got.status, urlsplit(got.url).hostname or "", "transcript"):
                    raise error
                await asyncio.to_thread(parse_captions, got.content)
            except UnderstudyError as error:
                failures.append(error)
                continue
            language = transcript.language or episode.language or ""
            infix = f".{language}" if is_language(language) else ""
            return BundleFile(f"{episode.id}{infix}{_named(suffix)}", got.content)
        # One that may come later is worth waiting for; of the others the recording can take the place.
        waiting = next((error for error in failures if isinstance(error, Unavailable)), None)
        if waiting or (failures and self._downloads is None):
            raise waiting or failures[0]
        return None

    async def _recording(self, episode: Episode) -> BundleFile:
        assert self._downloads is not None  # noqa: S101 - looked at by the caller
        path = await download(
            self._client,
            episode.enclosure.url,
            self._downloads,
            suffix=media_suffix(episode),
            limits=self._limits.audio,
            now=self._clock.now(),
        )
        return BundleFile(f"{episode.id}{path.suffix}", path)


def _named(suffix: str) -> str:
    """What the name of a transcript ends with: pages, texts and JSON say by it that they are captions."""
    told = f".transcript{suffix}"
    return told if told in TRANSCRIPT_SUFFIXES else suffix


def _version(episode: Episode) -> str:
    return hashlib.sha256(repr(episode).encode("utf-8", "replace")).hexdigest()[:32]


def _transcript_missing(episode: Episode) -> InvalidInput:
    offered = ", ".join(sorted({one.type or "unknown" for one in episode.transcripts}))
    return InvalidInput(
        "transcript_missing",
        f"The feed offers no transcript of this episode{f' that can be read (only {offered})' if offered else ''}.",
        next_step="Add a <podcast:transcript> (WebVTT, SRT or JSON) at your podcast host, upload captions with the episode, "
        "or install the extra `speech`.",
    )
