"""Which video, playlist or channel a text means: every form in which people copy one, and nothing else.

A video's address wins over the list it was opened from: who copies `watch?v=...&list=...` from a browser has one video
before their eyes; the list has an address of its own (`playlist?list=...`). Whole mixes and personal lists are refused: YouTube makes them
anew for each person.
"""

import re
from typing import Final
from urllib.parse import SplitResult, parse_qs, quote, unquote, urlsplit

from ingestion.origins.types import Address
from runtime.errors import InvalidInput

NAME: Final = "youtube"

VIDEO_ID: Final = re.compile(r"[A-Za-z0-9_-]{11}")
CHANNEL_ID: Final = re.compile(r"UC[A-Za-z0-9_-]{22}")
_PLAYLIST_ID: Final = re.compile(r"(?:PL|UU|OLAK5uy_|FL|SP|EC)[A-Za-z0-9_-]{10,64}|PU[A-Za-z0-9_-]{22}")
# https://support.google.com/youtube/answer/11585688: letters of any script, digits, and . _ - and the middle dot.
_HANDLE: Final = re.compile(r"@[\w.\-\u00b7]{1,64}")
_LEGACY_NAME: Final = re.compile(r"[\w.\-]{1,100}")
_PERSONAL: Final = frozenset({"WL", "LL", "LM", "HL"})

_HOSTS: Final = frozenset({"youtube.com", "youtube-nocookie.com", "youtubekids.com"})
_SUBDOMAINS: Final = ("www.", "m.", "music.", "gaming.", "consent.", "accounts.", "de.", "en.", "uk.", "fr.")
_ITEM_FOLDERS: Final = frozenset({"shorts", "live", "embed", "v", "e", "vi", "watch"})
_WRAPPERS: Final = 5  # more than these of addresses in addresses nobody pastes
TABS: Final = ("videos", "streams", "shorts")
# They show what the channel is, not another set of videos; the channel itself is meant.
_SAME_AS_CHANNEL: Final = frozenset(
    {"featured", "about", "community", "posts", "home", "search", "playlists", "podcasts", "releases", "join"}
    | {"membership", "store", "channels", "courses", "null"}
)
# Short words are taken as a handle only with an @; a bare word of eleven letters is a video only where it looks like one.
_OTHER_PAGES: Final = frozenset(
    {
        "results",
        "feed",
        "hashtag",
        "post",
        "clip",
        "account",
        "premium",
        "upload",
        "gaming",
        "source",
        "t",
        "about",
    }
)


def recognise(text: str) -> Address | None:
    """The place that `text` means; None when it is not YouTube's.

    Raises InvalidInput `youtube_id_invalid`, `youtube_address_unknown`, `youtube_list_personal`.
    """
    for _ in range(_WRAPPERS):
        text = text.strip().strip("<>\"'\u201c\u201d")
        inner = _inside(text)
        if inner is None:
            return _recognise(text)
        text = inner
    raise _unknown()


def _recognise(text: str) -> Address | None:
    if "/" not in text and "?" not in text and "." not in text[:1]:
        return _bare(text)
    parts = _split(text)
    host = _host(parts) if parts else None
    if parts is None or host is None:
        return None
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    path = [unquote(piece) for piece in parts.path.split("/") if piece]
    if host in {"youtu.be", "y2u.be"}:
        return _video(path[0] if path else query.get("v", ""), query)
    return _page(path, query)


def video(video_id: str) -> Address:
    """The address of a video."""
    return Address(NAME, "item", video_id, f"https://www.youtube.com/watch?v={video_id}")


def _bare(text: str) -> Address | None:
    if _HANDLE.fullmatch(text):
        return _channel(text)
    if CHANNEL_ID.fullmatch(text):
        return _channel(f"channel/{text}")
    if _PLAYLIST_ID.fullmatch(text) and len(text) > 12:
        return _playlist(text)
    # Eleven plain letters may be a word of somebody's language: an id has a digit, a mark, or capitals inside.
    if VIDEO_ID.fullmatch(text) and re.search(r"[0-9_-]|[a-z][A-Z]|[A-Z].*[a-z].*[A-Z]", text):
        return video(text)
    return None


def _split(text: str) -> SplitResult | None:
    if text.startswith("//"):
        text = f"https:{text}"
    if "://" not in text:
        text = f"https://{text}"
    try:
        parts = urlsplit(text)
        return parts if parts.scheme.lower() in {"http", "https"} and parts.hostname else None
    except ValueError:
        return None


def _inside(text: str) -> str | None:
    """The address inside `text`, if that is one of YouTube's that leads to another."""
    parts = _split(text)
    host = _host(parts) if parts else None
    if parts is None or host is None:
        return None
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    return _wrapped(host, [piece for piece in parts.path.split("/") if piece], query)


def _host(parts: SplitResult) -> str | None:
    """YouTube's name without what stands before it; None for any other host, however alike."""
    host = (parts.hostname or "").lower().rstrip(".")
    if host in {"youtu.be", "www.youtu.be", "y2u.be"}:
        return "youtu.be"
    for prefix in ("", *_SUBDOMAINS):
        if host.startswith(prefix) and host[len(prefix) :] in _HOSTS:
            return prefix + host[len(prefix) :]
    return None


def _wrapped(host: str, path: list[str], query: dict[str, str]) -> str | None:
    """The address inside one that leads to it: consent and sign-in pages, attribution and redirect links."""
    inner = None
    if host.startswith(("consent.", "accounts.")):
        inner = query.get("continue")
    elif path[:1] == ["attribution_link"]:
        inner = query.get("u")
    elif path[:1] == ["oembed"]:
        inner = query.get("url")
    elif path[:1] in (["redirect"], ["signin"]):
        inner = query.get("q") or query.get("next")
    if inner is None:
        return None
    return f"https://www.youtube.com{inner}" if inner.startswith("/") and inner[:2] != "//" else inner


def _page(path: list[str], query: dict[str, str]) -> Address | None:
    first = path[0] if path else ""
    if first in {"", "watch", "watch_popup", "ytscreeningroom"} and (len(path) < 2):
        return _watch(query)
    if first in {"playlist", "embed", "p", "view_play_list", "videoseries"} and (
        found := _list_page(path, query)
    ):
        return found
    if first in _ITEM_FOLDERS:
        return _video(path[1] if len(path) > 1 else "", query)
    if first == "browse" and len(path) > 1 and path[1].startswith("VL"):
        return _playlist(path[1][2:])
    if first == "channel" or (first == "browse" and len(path) > 1):
        return _channel_by_id(path)
    if first in {"c", "user"}:
        return _channel_by_name(first, path)
    if first.startswith("@"):
        return _channel_by_handle(path)
    if len(path) <= 2 and first not in _OTHER_PAGES and _LEGACY_NAME.fullmatch(first):
        return _channel(f"c/{first}", path[1:])
    raise _unknown()


def _watch(query: dict[str, str]) -> Address:
    if "v" in query or "vi" in query:
        return _video(query.get("v") or query["vi"], query)
    if "list" in query:
        return _playlist(query["list"])
    raise _unknown()


def _list_page(path: list[str], query: dict[str, str]) -> Address | None:
    if path[0] == "embed" and path[1:] != ["videoseries"]:
        return None
    if path[0] == "p" and len(path) > 1:
        return _playlist(f"PL{path[1].removeprefix('PL')}")
    if found := query.get("list") or query.get("p"):
        return _playlist(found)
    raise _unknown()


def _video(video_id: str, query: dict[str, str]) -> Address:
    # What follows an id when an address was copied with the sentence around it.
    video_id = re.split(r"[&?%#/\s]", video_id, maxsplit=1)[0].rstrip(".,;:!)]}>")
    if VIDEO_ID.fullmatch(video_id):
        return video(video_id)
    if not video_id and (listed := query.get("list")):
        return _playlist(listed)
    raise InvalidInput(
        "youtube_id_invalid",
        "The id of a YouTube video has eleven letters, digits, - or _; this one has not.",
        next_step="Copy the whole address from the browser's address bar or YouTube's Share button.",
    )


def _playlist(list_id: str) -> Address:
    if list_id in _PERSONAL or list_id.startswith("RD"):
        raise InvalidInput(
            "youtube_list_personal",
            "Mixes, Watch Later, Liked videos and History are made by YouTube for one person and change all the time.",
            next_step="Put the videos into a playlist of your own and use its address.",
        )
    if list_id.startswith("UC") and CHANNEL_ID.fullmatch(list_id):
        return _channel(f"channel/{list_id}")
    if not _PLAYLIST_ID.fullmatch(list_id):
        raise InvalidInput(
            "youtube_id_invalid",
            "This is not the id of a YouTube playlist.",
            next_step="Open the playlist and copy the whole address from the browser's address bar.",
        )
    return Address(NAME, "collection", list_id, f"https://www.youtube.com/playlist?list={list_id}")


def _channel_by_id(path: list[str]) -> Address:
    channel = path[1] if len(path) > 1 else ""
    if not CHANNEL_ID.fullmatch(channel):
        raise InvalidInput(
            "youtube_id_invalid",
            "The id of a YouTube channel begins with UC and has 24 letters, digits, - or _; this one has not.",
            next_step="Copy the whole address of the channel, or use its @handle.",
        )
    return _channel(f"channel/{channel}", path[2:])


def _channel_by_name(kind: str, path: list[str]) -> Address:
    if len(path) < 2 or not _LEGACY_NAME.fullmatch(path[1]):
        raise _unknown()
    return _channel(f"{kind}/{path[1]}", path[2:])


def _channel_by_handle(path: list[str]) -> Address:
    if not _HANDLE.fullmatch(path[0]):
        raise InvalidInput(
            "youtube_id_invalid",
            "This is not the @handle of a YouTube channel.",
            next_step="Copy the whole address of the channel.",
        )
    return _channel(path[0], path[1:])


def _channel(name: str, rest: list[str] | None = None) -> Address:
    """A channel, or one tab of it. Handles mean the same in capitals and small letters."""
    tab = rest[0].lower() if rest else ""
    if tab == "live":
        tab = "streams"
    if tab and tab not in TABS and tab not in _SAME_AS_CHANNEL:
        raise _unknown()
    name = name.lower() if name.startswith("@") else name.removeprefix("channel/")
    identifier = f"{name}/{tab}" if tab in TABS else name
    path = f"channel/{identifier}" if CHANNEL_ID.match(identifier) else identifier
    return Address(NAME, "collection", identifier, f"https://www.youtube.com/{quote(path, safe='/@')}")


def _unknown() -> InvalidInput:
    return InvalidInput(
        "youtube_address_unknown",
        "This page of YouTube is not a video, a playlist or a channel.",
        next_step="Open the video, playlist or channel itself and copy its address.",
    )
