"""What is known about a video, in the field names of yt-dlp's info file, from whichever way told it."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, cast

Fields = dict[str, Any]

# Of what yt-dlp says about a video, what is kept: no formats, no addresses that expire.
KEPT: Final = (
    *("id", "title", "description", "upload_date", "timestamp", "release_timestamp", "duration", "channel"),
    *(
        "channel_id",
        "channel_url",
        "uploader",
        "uploader_id",
        "uploader_url",
        "thumbnail",
        "language",
        "chapters",
    ),
    *("live_status", "availability", "age_limit", "media_type", "categories", "tags", "webpage_url"),
)
_TIME: Final = r"(?:\d{1,2}:)?\d{1,2}:\d{2}"
_TIME_FIRST: Final = re.compile(rf"^\W*({_TIME})\b\W*\s(\S.*?)\s*$", re.MULTILINE)
_TIME_LAST: Final = re.compile(rf"^\s*(\S.*?)\s\W*({_TIME})\W*$", re.MULTILINE)
_LENGTH: Final = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")


def part(fields: Mapping[str, Any], *names: str) -> Fields:
    """The object under these names, one inside the other; {} where there is none."""
    found: Any = dict(fields)
    for name in names:
        found = cast("Fields", found).get(name) if isinstance(found, dict) else None
    return cast("Fields", found) if isinstance(found, dict) else {}


def completed(first: Fields, *others: Fields) -> Fields:
    """`first` with what it lacks from the others, in their order."""
    found = dict(first)
    for other in others:
        found |= {name: value for name, value in other.items() if found.get(name) in (None, "", [])}
    if not found.get("chapters"):
        found["chapters"] = chapters_of(found.get("description") or "", found.get("duration"))
    return found


def live_obstacle(info: Mapping[str, Any]) -> str | None:
    """The code of what is not over yet, by yt-dlp's `live_status`."""
    states = {"is_live": "youtube_live", "post_live": "youtube_live", "is_upcoming": "youtube_premiere"}
    return states.get(info.get("live_status") or "")


def from_player(video_id: str, player: Mapping[str, Any], microformat: Mapping[str, Any]) -> Fields:
    """From the player's `videoDetails` and the watch page's `playerMicroformatRenderer`.

    Their shapes: the test assets `youtube.innertube.json.static` and `youtube.html.static` of youtube-transcript-api.
    """
    live = part(microformat, "liveBroadcastDetails")
    state = (
        "post_live"
        if player.get("isPostLiveDvr")
        else "is_live"
        if player.get("isLive") or live.get("isLiveNow")
        else "is_upcoming"
        if player.get("isUpcoming")
        else "was_live"
        if player.get("isLiveContent")
        else "not_live"
    )
    published = _moment(microformat.get("uploadDate") or microformat.get("publishDate"))
    channel_id = player.get("channelId") or microformat.get("externalChannelId")
    return _fields(
        video_id,
        title=player.get("title"),
        description=player.get("shortDescription"),
        duration=_whole(player.get("lengthSeconds")) or None,
        channel=player.get("author") or microformat.get("ownerChannelName"),
        channel_id=channel_id,
        uploader_url=microformat.get("ownerProfileUrl"),
        thumbnail=_largest(part(player, "thumbnail").get("thumbnails")),
        live_status=state,
        release_timestamp=_moment(live.get("startTimestamp")).get("timestamp")
        if state == "is_upcoming"
        else None,
        **published,
    )


def from_api(video: Mapping[str, Any]) -> Fields:
    """From a `video` resource with the parts snippet, contentDetails, status and liveStreamingDetails.

    Its shape: https://developers.google.com/youtube/v3/docs/videos#resource-representation.
    """
    snippet = part(video, "snippet")
    content = part(video, "contentDetails")
    live = part(video, "liveStreamingDetails")
    state = {"live": "is_live", "upcoming": "is_upcoming"}.get(snippet.get("liveBroadcastContent") or "none")
    return _fields(
        str(video.get("id", "")),
        title=snippet.get("title"),
        description=snippet.get("description"),
        duration=length_s(content.get("duration")),
        channel=snippet.get("channelTitle"),
        channel_id=snippet.get("channelId"),
        thumbnail=_largest(list(part(snippet, "thumbnails").values())),
        language=snippet.get("defaultAudioLanguage"),
        tags=snippet.get("tags"),
        live_status=state or ("was_live" if live else "not_live"),
        release_timestamp=_moment(live.get("scheduledStartTime")).get("timestamp")
        if state == "is_upcoming"
        else None,
        age_limit=18 if part(content, "contentRating").get("ytRating") == "ytAgeRestricted" else 0,
        **_moment(snippet.get("publishedAt")),
    )


def _fields(video_id: str, **named: Any) -> Fields:
    channel_id = named.get("channel_id")
    given = {
        "id": video_id,
        "webpage_url": f"https://www.youtube.com/watch?v={video_id}",
        "channel_url": f"https://www.youtube.com/channel/{channel_id}" if channel_id else None,
        "uploader": named.get("channel"),
        **named,
    }
    return {name: value for name, value in given.items() if value is not None}


def chapters_of(description: str, duration_s: float | None) -> list[dict[str, Any]]:
    """The chapters that a description lists, by YouTube's own rule (https://support.google.com/youtube/answer/9884579):
    at least three, the first at 0:00, in ascending order, each ten seconds or longer. Else none.
    """
    times = [(_seconds(time), title) for time, title in _TIME_FIRST.findall(description)]
    if len(times) < 3:
        times = [(_seconds(time), title) for title, time in _TIME_LAST.findall(description)]
    starts = [start for start, _ in times]
    if len(times) < 3 or starts[0] != 0:
        return []
    ends = [*starts[1:], duration_s if duration_s is not None else starts[-1] + 10]
    if any(end - start < 10 for start, end in zip(starts, ends, strict=True)):
        return []
    titles = (title.strip(" -\u2013\u2014|:\t") or title for _, title in times)
    return [
        {"start_time": float(start), "end_time": float(end), "title": title}
        for start, end, title in zip(starts, ends, titles, strict=True)
    ]


def player_chapters(initial_data: Mapping[str, Any], duration_s: float | None) -> list[dict[str, Any]]:
    """The chapters of the watch page's `ytInitialData`; where they stand: yt-dlp's `_extract_chapters_from_json` and the newer
    `multiMarkersPlayerBarRenderer` beside it.
    """
    found: list[tuple[float, str]] = []
    pending: list[Any] = [initial_data.get("playerOverlays")]
    while pending:
        node = pending.pop()
        if isinstance(node, list):
            pending += cast("list[Any]", node)
        elif isinstance(node, dict) and (chapter := part(cast("Fields", node), "chapterRenderer")):
            title = part(chapter, "title").get("simpleText")
            if title and isinstance(start := chapter.get("timeRangeStartMillis"), int | float):
                found.append((start / 1000, str(title)))
        elif isinstance(node, dict):
            pending += cast("Fields", node).values()
    found = sorted(set(found))
    ends = [*(start for start, _ in found[1:]), duration_s]
    return (
        [
            {"start_time": start, "title": title} | ({} if end is None else {"end_time": end})
            for (start, title), end in zip(found, ends, strict=True)
        ]
        if found
        else []
    )


def _seconds(clock: str) -> int:
    total = 0
    for part in clock.split(":"):
        total = total * 60 + int(part)
    return total


def length_s(text: str | None) -> int | None:
    """Seconds of an ISO 8601 duration as the Data API writes it; None for none, and for a stream's `P0D`."""
    found = _LENGTH.fullmatch(text or "")
    if not found:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds or None


def _moment(text: str | None) -> Fields:
    """`upload_date` of an ISO date, and `timestamp` where it has a time with a zone."""
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return {}
    if moment.tzinfo is None:
        return {"upload_date": moment.strftime("%Y%m%d")}
    moment = moment.astimezone(UTC)
    return {"upload_date": moment.strftime("%Y%m%d"), "timestamp": int(moment.timestamp())}


def _whole(text: Any) -> int | None:
    return int(text) if isinstance(text, int) or (isinstance(text, str) and text.isdigit()) else None


def _largest(thumbnails: Any) -> str | None:
    given = cast("list[Any]", thumbnails) if isinstance(thumbnails, list) else []
    sized = [cast("Fields", one) for one in given if isinstance(one, dict)]
    best = max(sized, key=lambda one: one.get("width") or 0) if sized else Fields()
    return str(best["url"]) if "url" in best else None
