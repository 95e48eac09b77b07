"""A process of its own for the two libraries that read YouTube's pages: `python -m ingestion.origins.youtube.library`.

They block, may hang, load slowly, and write where they stand; so each task gets a process that can be ended, in a folder of its
own. The task comes as JSON on standard input, the answer goes as JSON to standard output: {"error": code, ...} or what the
task found. `processes` is the other end.
"""

import json
import os
import sys
from collections.abc import Iterator
from http.cookiejar import LoadError, MozillaCookieJar
from typing import Any, Final, cast
from urllib.parse import parse_qs, urlsplit

from ingestion.origins.youtube.captions import choose, from_json3, from_snippets
from ingestion.origins.youtube.details import KEPT, Fields, completed, from_player, part, player_chapters
from ingestion.origins.youtube.failures import foremost, reason_code

# What a remark of yt-dlp is believed about: the way to YouTube. One player or page may well lack what another has.
_OF_THE_CALL: Final = frozenset(
    {"youtube_blocked", "youtube_rate_limited", "youtube_consent_wall", "youtube_timeout"}
    | {"youtube_unreachable", "youtube_proxy_failed"}
)
_GONE: Final = frozenset({"[Private video]", "[Deleted video]"})  # as lists of videos show them


def main() -> None:
    """One task, one answer."""
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints is not the answer
    request = json.load(sys.stdin)
    tasks = {"transcript": _transcript, "video": _video, "listing": _listing, "audio": _audio}
    with answer:
        json.dump(tasks[request["task"]](request), answer)


# --- youtube-transcript-api


def _transcript(request: Fields) -> Fields:
    """{"info", "caption"?, "error"?}: captions, and what the pages that were read for them say about the video."""
    import requests
    from youtube_transcript_api import CouldNotRetrieveTranscript, YouTubeTranscriptApi

    video_id: str = request["video_id"]
    try:
        session = _session(request)
    except (OSError, LoadError):
        return {"info": {}, "error": "youtube_cookies_unreadable"}
    found: Fields = {}
    try:
        found["caption"] = _from_tracks(
            YouTubeTranscriptApi(http_client=session).list(video_id), session, request
        )
    except CouldNotRetrieveTranscript as error:
        found["error"] = _transcript_code(error, session)
    except requests.RequestException as error:
        found["error"] = _request_code(error)
    except (LookupError, TypeError, ValueError, AttributeError, SyntaxError):
        # A page of another shape than the library expects; SyntaxError is XML's.
        found["error"] = "youtube_captions_locked" if session.bare else "youtube_not_understood"
    return {"info": session.info(video_id), **found}


def _from_tracks(tracks: Any, session: Any, request: Fields) -> Fields:
    from youtube_transcript_api import NoTranscriptFound, PoTokenRequired

    track = choose(
        list(tracks),
        request["languages"],
        language=lambda t: t.language_code,
        automatic=lambda t: t.is_generated,
    )
    if track is None:
        raise NoTranscriptFound(request["video_id"], request["languages"], tracks)
    # The library reads a format without times of words, and has no way to ask for another.
    address: str = track._url
    if "&exp=xpe" in address:
        raise PoTokenRequired(request["video_id"])
    vtt = from_json3(session.get(f"{address}&fmt=json3").content)
    if vtt is None:
        vtt = from_snippets((line.text, line.start, line.duration) for line in track.fetch())
    if vtt is None:
        raise ValueError("no words")
    return {
        "language": track.language_code,
        "automatic": track.is_generated,
        "vtt": vtt,
        "source": "youtube_transcript_api",
    }


def _session(request: Fields) -> Any:
    """A `requests` session with these settings, that keeps what it read: the watch page and the player's answer."""
    import requests

    class Recording(requests.Session):
        page = ""
        player: Fields = {}  # noqa: RUF012 - replaced, never changed
        status = 0
        bare = False  # captions without content: what those get who must prove to be YouTube's own player

        def request(self, method: Any, url: Any, *args: Any, **named: Any) -> requests.Response:
            named.setdefault("timeout", request["timeout_s"])
            response = super().request(method, url, *args, **named)
            self.status = response.status_code
            path = urlsplit(str(url)).path
            if path == "/watch":
                self.page = response.text
            elif path.endswith("/player") and response.ok:
                self.player = response.json()
            elif path == "/api/timedtext":
                self.bare = response.ok and not response.content.strip()
            return response

        def info(self, video_id: str) -> Fields:
            embedded = _embedded(self.page, "ytInitialPlayerResponse")
            microformat = part(embedded, "microformat", "playerMicroformatRenderer")
            details = part(self.player, "videoDetails") or part(embedded, "videoDetails")
            if not details:
                return {}
            info = from_player(video_id, details, microformat)
            chapters = player_chapters(_embedded(self.page, "ytInitialData"), info.get("duration"))
            return completed({**info, "chapters": chapters})

    session = Recording()
    session.trust_env = False
    if request.get("proxy"):
        session.proxies = {"http": request["proxy"], "https": request["proxy"]}
    if request.get("ca_file"):
        session.verify = request["ca_file"]
    if request.get("cookie_file"):
        jar = MozillaCookieJar(request["cookie_file"])
        jar.load(ignore_discard=True, ignore_expires=True)
        session.cookies.update(jar)
    return session


def _embedded(page: str, name: str) -> Fields:
    """The object that a script on the page assigns to `name`; {} without one."""
    place = page.find(f"{name} = ")
    if place < 0:
        return {}
    try:
        found, _ = json.JSONDecoder().raw_decode(page, place + len(name) + 3)
    except ValueError:
        return {}
    return cast("Fields", found) if isinstance(found, dict) else {}


def _transcript_code(error: Exception, session: Any) -> str:
    import youtube_transcript_api as library

    if session.status == 429:
        return "youtube_rate_limited"
    known: list[tuple[type[Exception], str]] = [
        (library.RequestBlocked, "youtube_blocked"),
        (library.FailedToCreateConsentCookie, "youtube_consent_wall"),
        (library.PoTokenRequired, "youtube_captions_locked"),
        (library.TranscriptsDisabled, "youtube_no_captions"),
        (library.NoTranscriptFound, "youtube_no_captions"),
        (library.AgeRestricted, "youtube_age_restricted"),
    ]
    if code := next((code for kind, code in known if isinstance(error, kind)), None):
        return code
    if session.status >= 500:
        return "youtube_unreachable"
    if session.status == 403:
        return "youtube_blocked"
    return reason_code(_reason(part(session.player, "playabilityStatus"))) or "youtube_not_understood"


def _reason(playability: Fields) -> str:
    """Everything that the player says about why it does not play, and its status."""
    screen = part(playability, "errorScreen", "playerErrorMessageRenderer")
    parts: list[str] = []
    for text in (part(screen, "reason"), part(screen, "subreason")):
        runs: list[Fields] = text.get("runs") or [{"text": text.get("simpleText")}]
        parts.append("".join(str(run.get("text") or "") for run in runs))
    return ". ".join([str(playability.get("reason", "")), *parts, str(playability.get("status", ""))])


def _request_code(error: Exception) -> str:
    import requests

    if isinstance(error, requests.exceptions.ProxyError):
        return "youtube_proxy_failed"
    if isinstance(error, requests.Timeout):
        return "youtube_timeout"
    if isinstance(error, requests.ConnectionError):
        return "youtube_proxy_failed" if "socks" in str(error).lower() else "youtube_unreachable"
    return "youtube_not_understood"


# --- yt-dlp


class _Log:
    """What yt-dlp remarks: where every player refuses, only the remarks say why."""

    def __init__(self) -> None:
        self.remarks: list[str] = []

    def debug(self, message: str) -> None:
        pass

    def warning(self, message: str) -> None:
        self.remarks.append(message)

    error = warning


def _reader(request: Fields, log: _Log, *, listing: bool = False, **options: Any) -> Any:
    from yt_dlp import YoutubeDL

    given: Fields = {
        "logger": log,
        "cachedir": False,
        "noplaylist": True,
        "socket_timeout": request["timeout_s"],
        "extractor_args": {
            "youtube": {"skip": ["translated_subs"], **({"raise_incomplete_data": ["1"]} if listing else {})},
            "youtubetab": {"approximate_date": ["1"]},
        },
        # "" stands for none: what the environment names is not for this.
        "proxy": request.get("proxy") or "",
        **options,
    }
    if request.get("cookie_file"):
        given["cookiefile"] = request["cookie_file"]
    if request.get("ca_file"):
        given["compat_opts"] = {"no-certifi"}  # then SSL_CERT_FILE counts
    if request.get("deno"):
        given["js_runtimes"] = {"deno": {"path": request["deno"]}}
    return YoutubeDL(cast("Any", given))


def _video(request: Fields) -> Fields:
    """{"info", "caption"?, "error"?}"""
    from yt_dlp.utils import YoutubeDLError

    log = _Log()
    info: Fields = {}
    try:
        with _reader(request, log) as reader:
            # Captions need no address of sound or picture, and so none of the page's scripts; chapters that the page
            # does not tell are not worth another request.
            reader.params["extractor_args"]["youtube"]["player_skip"] = ["js", "initial_data"]
            found: Fields = reader.extract_info(_watch(request), download=False, process=False)
            info = {name: found[name] for name in KEPT if found.get(name) is not None}
            if "title" not in info:  # what was given to read was no video
                return {"info": {}, "error": "youtube_not_understood"}
            tracks = list(_tracks(found))
            track = choose(
                tracks,
                request["languages"],
                language=lambda t: t["language"],
                automatic=lambda t: t["automatic"],
            )
            if track is None:
                locked = any("PO token" in remark for remark in log.remarks)
                return {"info": info, "error": "youtube_captions_locked" if locked else "youtube_no_captions"}
            vtt = from_json3(reader.urlopen(track.pop("url")).read())
    except YoutubeDLError as error:
        return {"info": info, "error": _code(error, log, request)}
    if vtt is None:
        return {"info": info, "error": "youtube_captions_locked"}
    return {"info": info, "caption": {**track, "vtt": vtt, "source": "yt_dlp"}}


def _tracks(found: Fields) -> Iterator[Fields]:
    """The tracks that are no translation by machine: those have the language to translate to in their address."""
    for automatic, group in ((False, found.get("subtitles")), (True, found.get("automatic_captions"))):
        formats: list[Fields]
        for language, formats in cast("dict[str, list[Fields]]", group or {}).items():
            url: str | None = next((one["url"] for one in formats if one.get("ext") == "json3"), None)
            if url and "tlang" not in parse_qs(urlsplit(url).query):
                yield {"language": language.removesuffix("-orig"), "automatic": automatic, "url": url}


def _audio(request: Fields) -> Fields:
    """{"file"} in the folder `request["folder"]`, or {"error"}."""
    from yt_dlp.utils import YoutubeDLError

    log = _Log()
    options: Fields = {
        # What speech recognition needs is in the smallest; a picture only where sound is not given alone.
        "format": "bestaudio[ext=m4a][abr<=130]/bestaudio[ext=m4a]/bestaudio/worst",
        "outtmpl": "%(id)s.%(ext)s",
        "paths": {"home": request["folder"]},
        "max_filesize": request["max_bytes"],
        "fixup": "never",
        "overwrites": True,
        "noprogress": True,
    }
    try:
        with _reader(request, log, **options) as reader:
            found: Fields = reader.extract_info(_watch(request), download=True)
    except YoutubeDLError as error:
        return {"error": _code(error, log, request)}
    files: list[Fields] = found.get("requested_downloads") or [{}]
    path: str = files[0].get("filepath") or ""
    return {"file": path} if path and os.path.exists(path) else {"error": "youtube_not_understood"}


def _listing(request: Fields) -> Fields:
    """{"title", "entries", "complete"} or {"error"}; the videos of several pages, each in its order."""
    from yt_dlp.utils import YoutubeDLError

    log = _Log()
    found: Fields = {"title": "", "entries": [], "complete": True}
    with _reader(request, log, listing=True, extract_flat=True) as reader:
        for url in request["urls"]:
            try:
                _read_page(reader, url, found, request["limit"])
            except YoutubeDLError as error:
                if "does not have a" in str(error):  # a channel need not have Shorts or streams
                    continue
                if not found["entries"]:
                    return {"error": _code(error, log, request)}
                found["complete"] = False
                break
    return found


def _read_page(reader: Any, url: str, found: Fields, limit: int) -> None:
    page: Fields = reader.extract_info(url, download=False, process=False)
    if page.get("_type") in {"url", "url_transparent"}:  # a name that leads to another, once
        page = reader.extract_info(page["url"], download=False, process=False)
    found["title"] = (
        found["title"] or page.get("channel" if str(page.get("id")).startswith("UC") else "title") or ""
    )
    names = ("id", "title", "timestamp", "release_timestamp", "live_status", "availability", "duration")
    for entry in page.get("entries") or ():
        if len(found["entries"]) >= limit:
            found["complete"] = False
            return
        if entry.get("ie_key") == "Youtube" and entry.get("title") not in _GONE:
            found["entries"].append({name: entry.get(name) for name in names})


def _code(error: Exception, log: _Log, request: Fields) -> str:
    """What stopped yt-dlp, by its words: its errors have no codes, and a message may be about one of several players."""
    from yt_dlp.cookies import CookieLoadError
    from yt_dlp.utils import DownloadError, GeoRestrictedError

    if isinstance(error, CookieLoadError):
        return "youtube_cookies_unreadable"
    inner = error.exc_info[1] if isinstance(error, DownloadError) and error.exc_info else error
    if isinstance(inner, GeoRestrictedError):
        return "youtube_region_blocked"
    # Ids are made of letters, and may happen to be one of the words that are looked for.
    text = str(error).replace(request.get("video_id") or "\n", "")
    if said := reason_code(text):
        return said
    codes = [code for remark in log.remarks if (code := reason_code(remark)) in _OF_THE_CALL]
    if "urls" in request and "HTTP Error 404" in text and not codes:
        return "youtube_removed"
    return foremost(codes) if codes else "youtube_not_understood"


def _watch(request: Fields) -> str:
    return f"https://www.youtube.com/watch?v={request['video_id']}"


if __name__ == "__main__":
    main()
