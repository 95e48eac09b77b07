"""The origin of YouTube's videos, playlists and channels.

How a composition root makes one:

    youtube = YouTubeOrigin(
        Access(proxy=..., cookie_file=..., ca_file=..., timeout_s=...),
        key=...,  # of the Data API; without it yt-dlp lists
        owner=Owner(client_id=..., client_secret=..., refresh_token=...),  # or None
        languages=("en",),  # after those of the creator
        audio_folder=settings.var / "audio",  # None: videos without captions end as `youtube_no_captions`
    )
    bundle = await youtube.fetch(youtube.recognise("https://youtu.be/..."), languages=creator.languages)
    await youtube.aclose()
"""

import asyncio
import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from ingestion.bundles import Bundle, BundleFile, is_language
from ingestion.origins.types import Address, Listing
from ingestion.origins.youtube import addresses
from ingestion.origins.youtube.captions import Caption
from ingestion.origins.youtube.data_api import DataApi, Owner
from ingestion.origins.youtube.details import Fields, completed, from_api, live_obstacle
from ingestion.origins.youtube.failures import foremost, obstacle
from ingestion.origins.youtube.listing import MOST_ITEMS, discover
from ingestion.origins.youtube.processes import Access, Library
from runtime.clock import Clock, SystemClock
from runtime.errors import UnderstudyError

_FETCH_S: Final = 240
_AUDIO_S: Final = 3600
_MAX_AUDIO_BYTES: Final = 2 * 2**30  # a day of sound at the rate that is asked for is 1.4 GB
_LEFT_BEHIND_S: Final = 24 * 3600
# A premiere that should have begun is looked for again after so long.
_OVERDUE_S: Final = 900.0
# YouTube makes automatic captions within hours of publishing; a day leaves room for long videos.
_CAPTIONS_PENDING_S: Final = 24 * 3600

# What no other way to read the same pages, from the same address, can change.
_FINAL: Final = frozenset(
    {"youtube_id_invalid", "youtube_removed", "youtube_paid", "youtube_region_blocked", "youtube_live"}
    | {"youtube_premiere", "youtube_processing", "youtube_rate_limited", "youtube_unreachable"}
    | {"youtube_proxy_failed", "youtube_cookies_unreadable"}
)
# Only cookies help: yt-dlp sends them with its requests to the player, youtube-transcript-api does not.
_BY_COOKIES: Final = frozenset({"youtube_private", "youtube_members_only", "youtube_age_restricted"})
# What the Data API or the owner's account ends with says nothing about the pages, but for these.
_FINAL_BY_API: Final = frozenset(
    {"youtube_live", "youtube_premiere", "youtube_processing", "youtube_proxy_failed"}
)


@dataclass(slots=True)
class _Findings:
    """What the ways that were gone brought."""

    info: Fields
    caption: Caption | None = None
    tried: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    def take(self, way: str, answer: Fields) -> None:
        """The answer of a task of the library."""
        self.info = completed(self.info, answer["info"])
        if "caption" in answer:
            self.caption = self.caption or Caption(**answer["caption"])
        else:
            self.tried.append((way, live_obstacle(self.info) or answer["error"]))

    @property
    def last(self) -> str:
        return self.tried[-1][1] if self.tried else ""


class YouTubeOrigin:
    """An `Origin`. See the module for how to make one; whoever does closes it."""

    name = addresses.NAME

    def __init__(
        self,
        access: Access,
        *,
        key: str | None = None,
        owner: Owner | None = None,
        languages: Sequence[str] = ("en",),
        audio_folder: Path | None = None,
        max_items: int = MOST_ITEMS,
        clock: Clock | None = None,
    ) -> None:
        self._library = Library(access)
        self._api = DataApi(access, key=key, owner=owner)
        self._has_cookies = access.cookie_file is not None
        self._languages, self._max_items, self._audio_folder = tuple(languages), max_items, audio_folder
        self._clock = clock or SystemClock()

    async def aclose(self) -> None:
        await self._api.aclose()

    def recognise(self, url: str) -> Address | None:
        """As `Origin`. Raises InvalidInput `youtube_id_invalid`, `youtube_address_unknown`, `youtube_list_personal`."""
        return addresses.recognise(url)

    async def discover(self, address: Address) -> Listing:
        """As `Origin`; `listing.discover` says more. Raises the errors of `failures`."""
        return await discover(address, self._api, self._library, limit=self._max_items)

    async def fetch(self, address: Address, *, languages: Sequence[str] = ()) -> Bundle:
        """As `Origin`. `languages` are those the creator speaks, main first. Raises the errors of `failures`.

        The bundle is `<id>.info.json` in yt-dlp's field names with `<id>.<language>.vtt`; or, where there are no captions and sound is
        wanted, with an audio file in `audio_folder`, in a folder of its own that whoever takes the bundle removes (what is left
        there for a day is removed too).
        """
        video_id = address.id
        found = _Findings({"id": video_id, "webpage_url": addresses.video(video_id).url})
        wanted = list(dict.fromkeys([*languages, *self._languages]))
        if self._api.has_key:
            await self._ask_api(found, video_id)
        if self._api.has_owner:
            await self._ask_owner(found, video_id, wanted)
        if found.caption is None:
            await self._ask_library(found, "youtube-transcript-api", "transcript", wanted)
        if found.caption is None or not found.info.get("upload_date"):
            await self._ask_library(found, "yt-dlp", "video", wanted)
        if code := live_obstacle(found.info):
            raise self._ended(code, found)
        if found.caption is not None:
            return _bundle(found.info, found.caption)
        if self._audio_folder and found.last in {"youtube_no_captions", "youtube_captions_locked"}:
            return await self._with_audio(found, self._audio_folder)
        raise self._why(found)

    async def _ask_api(self, found: _Findings, video_id: str) -> None:
        try:
            videos = await self._api.videos([video_id])
        except UnderstudyError as error:
            found.tried.append(("Data API", error.code))
            return
        if video_id not in videos:  # private or removed: the pages say which
            found.tried.append(("Data API", "youtube_unavailable"))
            return
        found.info = completed(from_api(videos[video_id]), found.info)
        if code := live_obstacle(found.info):
            raise self._ended(code, found)

    async def _ask_owner(self, found: _Findings, video_id: str, wanted: list[str]) -> None:
        try:
            found.caption = await self._api.captions(video_id, wanted)
        except UnderstudyError as error:
            found.tried.append(("owner's account", error.code))
            if error.code in _FINAL_BY_API:
                raise

    async def _ask_library(self, found: _Findings, way: str, task: str, wanted: list[str]) -> None:
        """Go one way further, unless what stopped the one before stops this one too."""
        pages = [code for name, code in found.tried if name == "youtube-transcript-api"]
        if pages and (pages[-1] in _FINAL or (pages[-1] in _BY_COOKIES and not self._has_cookies)):
            return
        answer: Fields
        try:
            answer = await self._library.run(
                task, limit_s=_FETCH_S, video_id=found.info["id"], languages=wanted
            )
        except UnderstudyError as error:
            answer = {"info": {}, "error": error.code}
        found.take(way, answer)

    def _why(self, found: _Findings) -> UnderstudyError:
        # What the API and the account said matters only where the pages could not be asked.
        pages = [code for way, code in found.tried if way in {"youtube-transcript-api", "yt-dlp"}]
        code = foremost(pages)
        if code == "youtube_no_captions" and self._is_new(found.info):
            code = "youtube_captions_pending"
        return self._ended(code, found)

    def _ended(self, code: str, found: _Findings) -> UnderstudyError:
        """The error for a code, with when a premiere is over if that is known."""
        start = found.info.get("release_timestamp") if code == "youtube_premiere" else None
        if start is None:
            return obstacle(code, found.tried)
        ends_in_s = start + (found.info.get("duration") or 0) - self._clock.now().timestamp()
        return obstacle(code, found.tried, wait_s=max(_OVERDUE_S, ends_in_s))

    def _is_new(self, info: Fields) -> bool:
        stamp = info.get("timestamp")
        return stamp is not None and self._clock.now().timestamp() - stamp < _CAPTIONS_PENDING_S

    async def _with_audio(self, found: _Findings, audio_folder: Path) -> Bundle:
        folder = await asyncio.to_thread(_fresh_folder, audio_folder)
        try:
            answer = await self._library.run(
                "audio",
                limit_s=_AUDIO_S,
                video_id=found.info["id"],
                folder=str(folder),
                max_bytes=_MAX_AUDIO_BYTES,
            )
            if code := answer.get("error"):
                raise obstacle(code, [*found.tried, ("audio", code)])
        except BaseException:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
            raise
        path = Path(answer["file"])
        files = (_info_file(found.info), BundleFile(path.name, path))
        return Bundle(found.info["id"], files)


def _bundle(info: Fields, caption: Caption) -> Bundle:
    language = caption.language if is_language(caption.language) else caption.language[:2]
    listed = {language: [{"ext": "vtt", "name": language}]}
    kinds = {
        "subtitles": {} if caption.automatic else listed,
        "automatic_captions": listed if caption.automatic else {},
    }
    spoken = info.get("language") or (language if caption.automatic else None)
    info = {**info, **kinds, "language": spoken, "captions_by": caption.source}
    track = BundleFile(f"{info['id']}.{language}.vtt", caption.vtt.encode())
    return Bundle(info["id"], (_info_file(info), track))


def _info_file(info: Fields) -> BundleFile:
    fields: dict[str, Any] = {**info, "_type": "video", "extractor": "youtube", "extractor_key": "Youtube"}
    return BundleFile(f"{info['id']}.info.json", json.dumps(fields, ensure_ascii=False).encode())


def _fresh_folder(audio_folder: Path) -> Path:
    """A new folder in `audio_folder`, from which those that nobody took away are removed."""
    audio_folder.mkdir(parents=True, exist_ok=True)
    for old in audio_folder.iterdir():
        if time.time() - old.stat().st_mtime > _LEFT_BEHIND_S:
            shutil.rmtree(old, ignore_errors=True)
    fresh = audio_folder / uuid4().hex
    fresh.mkdir()
    return fresh
