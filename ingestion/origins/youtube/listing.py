"""What a channel or playlist holds: by the Data API where a key is set and its quota lasts, else by yt-dlp."""

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

from ingestion.origins.types import Address, Entry, Listing
from ingestion.origins.youtube.addresses import CHANNEL_ID, TABS, video
from ingestion.origins.youtube.data_api import DataApi
from ingestion.origins.youtube.details import Fields, from_api, live_obstacle, part
from ingestion.origins.youtube.failures import obstacle
from ingestion.origins.youtube.processes import Library
from runtime.errors import UnderstudyError

# More are not listed: https://developers.google.com/youtube/v3/docs/playlistItems/list gives no more of a channel's uploads.
MOST_ITEMS: Final = 20_000
_LIMIT_S: Final = 1800  # 20,000 videos come in 700 pages of 30
# Where another way to list can still help.
_API_ONLY: Final = frozenset(
    {"youtube_quota_exceeded", "youtube_key_refused", "youtube_rate_limited", "youtube_not_understood"}
    | {"youtube_private", "youtube_timeout", "youtube_unreachable"}
)
_AVAILABILITY: Final = {
    "subscriber_only": "youtube_members_only",
    "premium_only": "youtube_paid",
    "private": "youtube_private",
    "needs_auth": "youtube_age_restricted",
}


async def discover(address: Address, api: DataApi, library: Library, *, limit: int) -> Listing:
    """At most `limit` items of a collection. Raises the errors of `failures`.

    By the Data API they are newest first by their date. yt-dlp knows a date for videos and streams only roughly, and for Shorts none:
    those follow, in the order of their tab. Without the API, `complete` is false after a page that could not be read.
    """
    limit = min(limit, MOST_ITEMS)
    tried: list[tuple[str, str]] = []
    if api.has_key and "/" not in address.id.removeprefix(
        "user/"
    ):  # no tab, no /c/ name: the API knows neither
        try:
            return await _by_api(address, api, limit)
        except UnderstudyError as error:
            if error.code not in _API_ONLY:
                raise
            tried.append(("Data API", error.code))
    try:
        return await _by_library(address, library, limit)
    except UnderstudyError as error:
        tried.append(("yt-dlp", error.code))
        raise obstacle(error.code, tried) from error


async def _by_api(address: Address, api: DataApi, limit: int) -> Listing:
    if address.id.startswith(("@", "user/")) or CHANNEL_ID.fullmatch(address.id):
        title, playlist = await api.channel(address.id)
    else:
        title, playlist = await api.playlist_title(address.id), address.id
    ids: list[str] = []
    complete = True
    async for video_id in api.playlist_videos(playlist):
        if len(ids) == limit:
            complete = False
            break
        ids.append(video_id)
    ids = list(dict.fromkeys(ids))
    found = await api.videos(ids)
    entries = [_api_entry(found[video_id]) for video_id in ids if _is_public(found.get(video_id))]
    entries.sort(key=_age)
    return Listing(title, tuple(entries), complete)


def _is_public(resource: dict[str, Any] | None) -> bool:
    return resource is not None and part(resource, "status").get("privacyStatus") != "private"


def _api_entry(resource: dict[str, Any]) -> Entry:
    info = from_api(resource)
    content = part(resource, "contentDetails")
    uploaded = part(resource, "status").get("uploadStatus")
    code = live_obstacle(info) or ("youtube_processing" if uploaded == "uploaded" else None)
    marks = [info.get(name) for name in ("title", "description", "duration", "live_status")]
    return Entry(
        video(info["id"]),
        title=info.get("title", ""),
        published_at=_moment(info),
        version=_version([*marks, content.get("caption")]),
        covers_all=False,
        obstacle=code,
    )


async def _by_library(address: Address, library: Library, limit: int) -> Listing:
    answer = await library.run("listing", limit_s=_LIMIT_S, urls=list(_pages(address)), limit=limit)
    if code := answer.get("error"):
        raise obstacle(code)
    entries = list({found["id"]: _library_entry(found) for found in answer["entries"]}.values())
    if address.id.partition("/")[2] != "shorts":
        entries.sort(key=_age)
    return Listing(answer["title"], tuple(entries), answer["complete"])


def _pages(address: Address) -> Iterable[str]:
    """A playlist's page, or those of the channel's tabs: each shows one kind of video only."""
    if "playlist?list=" in address.url or address.url.rpartition("/")[2] in TABS:
        return [address.url]
    return [f"{address.url}/{tab}" for tab in TABS]


def _library_entry(found: Fields) -> Entry:
    marks = [found.get(name) for name in ("title", "duration", "live_status", "availability")]
    return Entry(
        video(found["id"]),
        title=found.get("title") or "",
        published_at=_moment(found),
        version=_version(marks),
        covers_all=False,
        obstacle=live_obstacle(found) or _AVAILABILITY.get(found.get("availability") or ""),
    )


def _age(entry: Entry) -> float:
    """For sorting, newest first; those without a date last, in the order in which they were."""
    return -entry.published_at.timestamp() if entry.published_at else 0.0


def _moment(info: Fields) -> datetime | None:
    stamp = info.get("timestamp")
    return None if stamp is None else datetime.fromtimestamp(stamp, UTC)


def _version(marks: list[Any]) -> str:
    return hashlib.sha256(json.dumps(marks).encode()).hexdigest()[:16]
