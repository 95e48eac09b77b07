"""YouTube as the libraries see it: pages and answers of the shapes that are named beside each."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from tests.integration.ingestion.youtube.wire import Reply, Request

CHANNEL = "UC" + "k" * 22
UPLOADS = "UU" + "k" * 22


def asset(name: str) -> str:
    """A page or answer that youtube-transcript-api recorded for its own tests (`youtube_transcript_api/test/assets`)."""
    return (files("youtube_transcript_api.test.assets") / f"{name}.static").read_text(encoding="utf-8")


@dataclass
class Track:
    """A caption track. `lines` are (start in ms, words, with 300 ms between them)."""

    language: str
    lines: list[tuple[int, str]]
    automatic: bool = False
    query: str = ""


@dataclass
class Video:
    id: str
    title: str = "How to fix a puncture"
    description: str = "Everything about punctures."
    published: str = "2024-05-06T07:08:09+00:00"
    length_s: int = 600
    tracks: list[Track] = field(default_factory=list)
    playability: dict[str, Any] = field(default_factory=lambda: {"status": "OK"})
    details: dict[str, Any] = field(default_factory=dict)
    chapters: list[tuple[int, str]] = field(default_factory=list)
    sound: bytes = b""
    live: dict[str, Any] = field(default_factory=dict[str, Any])  # `liveBroadcastDetails` of the watch page
    # Instead of the above, by the name of the client that asks (`context.client.clientName`), or for the page (`page`).
    replies: dict[str, Reply] = field(default_factory=dict)

    def player(self) -> dict[str, Any]:
        """Shape: youtube-transcript-api's asset `youtube.innertube.json.static`; formats: yt-dlp, `_extract_formats_and_subtitles`."""
        plays = self.playability.get("status") == "OK"
        return {
            "playabilityStatus": self.playability,
            "videoDetails": {
                "videoId": self.id,
                "title": self.title,
                "lengthSeconds": str(self.length_s),
                "channelId": CHANNEL,
                "shortDescription": self.description,
                "thumbnail": {
                    "thumbnails": [{"url": f"https://i.ytimg.com/vi/{self.id}/hq.jpg", "width": 480}]
                },
                "author": "Demo channel",
                "isPrivate": False,
                "isLiveContent": False,
                **self.details,
            },
        } | ({"captions": self._captions(), "streamingData": self._formats()} if plays else {})

    def _captions(self) -> dict[str, Any]:
        tracks = [
            {
                "baseUrl": f"https://www.youtube.com/api/timedtext?v={self.id}&lang={track.language}"
                f"{'&kind=asr' if track.automatic else ''}{track.query}&fmt=srv3",
                "name": {"runs": [{"text": track.language}]},
                "vssId": f"{'a' if track.automatic else ''}.{track.language}",
                "languageCode": track.language,
                "isTranslatable": True,
            }
            | ({"kind": "asr"} if track.automatic else {})
            for track in self.tracks
        ]
        languages = [
            {"languageCode": code, "languageName": {"runs": [{"text": code}]}}
            for code in ("en", "de", "fr", "ja")
        ]
        listed = {"captionTracks": tracks} if tracks else {}
        return {"playerCaptionsTracklistRenderer": {**listed, "translationLanguages": languages}}

    def _formats(self) -> dict[str, Any]:
        sound = {
            "itag": 140,
            "url": f"https://rr1---sn-demo.googlevideo.com/videoplayback?id={self.id}",
            "mimeType": 'audio/mp4; codecs="mp4a.40.2"',
            "bitrate": 128000,
            "contentLength": str(len(self.sound)),
            "audioQuality": "AUDIO_QUALITY_MEDIUM",
        }
        return {"adaptiveFormats": [sound] if self.sound else []}

    def page(self) -> str:
        """The watch page. Shape: youtube-transcript-api's asset `youtube.html.static`; chapters: yt-dlp, `_extract_chapters_from_json`."""
        microformat = {
            "playerMicroformatRenderer": {
                "title": {"simpleText": self.title},
                "ownerChannelName": "Demo channel",
                "externalChannelId": CHANNEL,
                "ownerProfileUrl": "http://www.youtube.com/@demo",
                "publishDate": self.published,
                "uploadDate": self.published,
                **({"liveBroadcastDetails": self.live} if self.live else {}),
            }
        }
        chapters = [
            {"chapterRenderer": {"title": {"simpleText": title}, "timeRangeStartMillis": start}}
            for start, title in self.chapters
        ]
        bar = {"playerBar": {"chapteredPlayerBarRenderer": {"chapters": chapters}}}
        data = {
            "contents": {"twoColumnWatchNextResults": {"results": {"results": {"contents": []}}}},
            "playerOverlays": {
                "playerOverlayRenderer": {"decoratedPlayerBarRenderer": {"decoratedPlayerBarRenderer": bar}}
            },
        }
        return _page({**self.player(), "microformat": microformat, "streamingData": {}}, data)

    def timedtext(self, request: Request) -> Reply:
        """json3: yt-dlp, `_SUBTITLE_FORMATS`; the XML: youtube-transcript-api's asset `transcript.xml.static`."""
        automatic = "kind" in request.query
        for track in self.tracks:
            if track.language == request.query["lang"] and track.automatic == automatic:
                if request.query.get("fmt") == "json3":
                    return Reply({"wireMagic": "pb3", "events": list(_events(track))})
                rows = (f'<text start="{start / 1000}" dur="2">{text}</text>' for start, text in track.lines)
                return Reply(
                    f'<?xml version="1.0" encoding="utf-8" ?><transcript>{"".join(rows)}</transcript>'
                )
        return Reply(status=404)


def _page(player: dict[str, Any], data: dict[str, Any]) -> str:
    return (
        '<!DOCTYPE html><html><head><script>ytcfg.set({"INNERTUBE_API_KEY":"AIzaDemo"});</script></head><body>'
        f"<script>var ytInitialPlayerResponse = {json.dumps(player)};</script>"
        f"<script>var ytInitialData = {json.dumps(data)};</script></body></html>"
    )


def _events(track: Track) -> Iterable[dict[str, Any]]:
    yield {"tStartMs": 0, "dDurationMs": 600_000, "id": 1, "wpWinPosId": 1, "wsWinStyleId": 1}
    for start, text in track.lines:
        words = text.split(" ")
        segments = [
            {"utf8": word if n == 0 else f" {word}", "acAsrConf": 0} | ({"tOffsetMs": 300 * n} if n else {})
            for n, word in enumerate(words)
        ]
        if not track.automatic:
            segments = [{"utf8": text}]
        yield {"tStartMs": start, "dDurationMs": 4000, "wWinId": 1, "segs": segments}
        if track.automatic:
            yield {
                "tStartMs": start + 1990,
                "dDurationMs": 2010,
                "wWinId": 1,
                "aAppend": 1,
                "segs": [{"utf8": "\n"}],
            }


class Site:
    """Answers for the videos, tabs and Data API resources that it is given."""

    def __init__(self) -> None:
        self.videos: dict[str, Video] = {}
        self.pages: dict[str, Reply] = {}  # by path, or path?list=...
        self.more: dict[str, Reply] = {}  # what `youtubei/v1/browse` gives, by continuation or id
        self.api: dict[str, Any] = {}  # what the Data API gives, by path: Reply, or a function of the request
        self.token = Reply({"access_token": "granted", "expires_in": 3599, "token_type": "Bearer"})

    def add(self, video: Video) -> Video:
        self.videos[video.id] = video
        return video

    def __call__(self, request: Request) -> Reply:
        if request.host == "oauth2.googleapis.com":
            return self.token
        if request.host == "www.googleapis.com":
            found = self.api.get(request.path.removeprefix("/youtube/v3/"), Reply(status=404))
            return found(request) if callable(found) else found
        if request.host.endswith("googlevideo.com"):
            return Reply(self.videos[request.query["id"]].sound, headers={"Content-Type": "audio/mp4"})
        return self._youtube(request)

    def _youtube(self, request: Request) -> Reply:
        if request.path == "/watch":
            video = self.videos[request.query["v"]]
            return video.replies.get("page") or Reply(video.page())
        if request.path.endswith("/player"):
            video = self.videos[request.form["videoId"]]
            client = request.form["context"]["client"]["clientName"]
            return video.replies.get(client) or Reply(video.player())
        if request.path == "/api/timedtext":
            video = self.videos[request.query["v"]]
            return video.replies.get("timedtext") or video.timedtext(request)
        if request.path.endswith("/browse"):
            return self.more[request.form.get("continuation") or request.form["browseId"]]
        name = f"{request.path}?list={request.query['list']}" if "list" in request.query else request.path
        return self.pages.get(name, Reply("<html><title>404 Not Found</title></html>", status=404))


# --- lists of videos, as yt-dlp reads them


def tab(handle: str, name: str, items: list[dict[str, Any]], then: str = "") -> Reply:
    """A tab of a channel. Shape: yt-dlp, `_extract_tab_renderers`, `_extract_metadata_from_tabs` and `_extract_entries`."""
    url = {"commandMetadata": {"webCommandMetadata": {"url": f"/{handle}/{name}"}}}
    contents = [{"richItemRenderer": {"content": item}} for item in items] + _continuation(then)
    selected = {"tabRenderer": {"title": name.title(), "selected": True, "endpoint": url}}
    selected["tabRenderer"]["content"] = {"richGridRenderer": {"contents": contents}}
    return Reply(
        _page({}, _browse(selected, {"channelMetadataRenderer": {"title": "Demo", "externalId": CHANNEL}}))
    )


def more(items: list[dict[str, Any]], then: str = "") -> Reply:
    """What follows a tab. Shape: yt-dlp, `_entries`."""
    continued = [{"richItemRenderer": {"content": item}} for item in items] + _continuation(then)
    return Reply(
        {"onResponseReceivedActions": [{"appendContinuationItemsAction": {"continuationItems": continued}}]}
    )


def playlist(title: str, items: list[dict[str, Any]]) -> tuple[Reply, Reply]:
    """A playlist's page, and what its button for unavailable videos gives. Shape: yt-dlp, `_playlist_entries`."""
    section = {"itemSectionRenderer": {"contents": [{"playlistVideoListRenderer": {"contents": items}}]}}
    selected = {
        "tabRenderer": {"selected": True, "content": {"sectionListRenderer": {"contents": [section]}}}
    }
    data = _browse(selected, {"playlistMetadataRenderer": {"title": title}})
    return Reply(_page({}, data)), Reply(data)


def alert(text: str) -> Reply:
    """A page that only says why there is nothing. Shape: yt-dlp, `_extract_alerts`."""
    return Reply(_page({}, {"alerts": [{"alertRenderer": {"type": "ERROR", "text": {"simpleText": text}}}]}))


def _browse(selected: dict[str, Any], metadata: dict[str, Any]) -> dict[str, Any]:
    return {"contents": {"twoColumnBrowseResultsRenderer": {"tabs": [selected]}}, "metadata": metadata}


def _continuation(token: str) -> list[dict[str, Any]]:
    end = {"continuationItemRenderer": {"continuationEndpoint": {"continuationCommand": {"token": token}}}}
    return [end] if token else []


def lockup(video_id: str, title: str, when: str, *, badge: str = "", length: str = "10:00") -> dict[str, Any]:
    """A video on a tab. Shape: yt-dlp, `_extract_lockup_view_model`."""
    row = {
        "metadataParts": [
            {"text": {"content": "1K views"}},
            {"text": {"content": when}, "accessibilityLabel": when},
        ]
    }
    rows = [row] + ([{"badges": [{"badgeViewModel": {"badgeStyle": badge}}]}] if badge else [])
    shown = {
        "thumbnailBadgeViewModel": {"text": length, "badgeStyle": "THUMBNAIL_OVERLAY_BADGE_STYLE_DEFAULT"}
    }
    return {
        "lockupViewModel": {
            "contentId": video_id,
            "contentType": "LOCKUP_CONTENT_TYPE_VIDEO",
            "contentImage": {
                "thumbnailViewModel": {
                    "overlays": [{"thumbnailOverlayBadgeViewModel": {"thumbnailBadges": [shown]}}]
                }
            },
            "metadata": {
                "lockupMetadataViewModel": {
                    "title": {"content": title},
                    "metadata": {"contentMetadataViewModel": {"metadataRows": rows}},
                }
            },
        }
    }


def short(video_id: str, title: str) -> dict[str, Any]:
    """A Short on its tab. Shape: yt-dlp, `_rich_entries`."""
    return {
        "shortsLockupViewModel": {
            "entityId": f"shorts-shelf-item-{video_id}",
            "onTap": {"innertubeCommand": {"reelWatchEndpoint": {"videoId": video_id}}},
            "overlayMetadata": {"primaryText": {"content": title}, "secondaryText": {"content": "2K views"}},
        }
    }


def listed(video_id: str, title: str) -> dict[str, Any]:
    """A video in a playlist. Shape: yt-dlp, `_extract_video`."""
    return {
        "playlistVideoRenderer": {
            "videoId": video_id,
            "title": {"runs": [{"text": title}]},
            "lengthSeconds": "600",
        }
    }
