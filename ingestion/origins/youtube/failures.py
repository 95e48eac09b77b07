"""What stands in the way of a video: one stable code each, what the creator can do, and whether waiting can help.

The texts by which YouTube gives its reasons were taken from the two libraries that read its pages: yt-dlp's
`extractor/youtube/_video.py` and `_tab.py`, and youtube-transcript-api's `_transcripts.py` and test assets. Both ask for
English pages, so the texts are English whatever the creator speaks.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from ingestion.origins.types import ItemGone, NotYet
from runtime.errors import Forbidden, InvalidInput, NotFound, Unauthorized, Unavailable, UnderstudyError

_COOKIES: Final = "Set UNDERSTUDY_YOUTUBE__COOKIE_FILE to cookies of an account that may watch it"


class _Obstacle(NamedTuple):
    kind: type[
        UnderstudyError
    ]  # Unavailable: waiting can help; all others: something has to be changed first
    detail: str
    next_step: str


# In the order of what a person needs to know first when several ways failed for different reasons.
OBSTACLES: Final[dict[str, _Obstacle]] = {
    "youtube_id_invalid": _Obstacle(
        InvalidInput,
        "YouTube knows no video, playlist or channel under this address.",
        "Copy the address from the browser's address bar or YouTube's Share button.",
    ),
    "youtube_removed": _Obstacle(
        ItemGone,
        "This was removed from YouTube.",
        "Remove the source here too, or upload the recording itself.",
    ),
    "youtube_private": _Obstacle(
        ItemGone,
        "This is private on YouTube.",
        f"Make it public or unlisted, connect the owner's account, or upload the recording. {_COOKIES}, if there is one.",
    ),
    "youtube_members_only": _Obstacle(
        Forbidden,
        "Only members of the channel may watch this video.",
        f"Connect the owner's account, or upload the captions. {_COOKIES}, if there is one.",
    ),
    "youtube_age_restricted": _Obstacle(
        Forbidden,
        "YouTube shows this video only to grown-up people who signed in.",
        f"{_COOKIES}, connect the owner's account, or upload the captions.",
    ),
    "youtube_paid": _Obstacle(
        Forbidden, "This video has to be paid for on YouTube.", "Upload the recording or its captions."
    ),
    "youtube_region_blocked": _Obstacle(
        Forbidden,
        "YouTube does not show this video in the country this server calls from.",
        "Set UNDERSTUDY_YOUTUBE__PROXY to a proxy in a country where it is shown, or upload the recording.",
    ),
    "youtube_live": _Obstacle(
        Unavailable,
        "This stream is still live, or its recording is not ready yet.",
        "Try again some hours after its end.",
    ),
    "youtube_premiere": _Obstacle(
        Unavailable, "This premiere or stream has not begun yet.", "Try again some hours after it was shown."
    ),
    "youtube_processing": _Obstacle(
        Unavailable, "YouTube is still processing this video.", "Try again in an hour."
    ),
    "youtube_captions_pending": _Obstacle(
        Unavailable,
        "This video is new, and YouTube has not made its captions yet.",
        "Try again in some hours, or add captions in YouTube Studio.",
    ),
    "youtube_no_captions": _Obstacle(
        NotFound,
        "This video has no captions in the language that is spoken.",
        "Turn captions on in YouTube Studio, upload a caption file, or set UNDERSTUDY_YOUTUBE__AUDIO=true to have it "
        "recognised from its sound.",
    ),
    "youtube_unavailable": _Obstacle(
        NotFound,
        "YouTube says that this is unavailable, and not why.",
        "Open it in a private browser window; if it plays there, set a proxy and try again.",
    ),
    "youtube_rate_limited": _Obstacle(
        Unavailable,
        "YouTube has had too many requests from this server.",
        "Wait an hour, or set UNDERSTUDY_YOUTUBE__PROXY. It is tried again by itself.",
    ),
    "youtube_consent_wall": _Obstacle(
        Forbidden,
        "YouTube asks this server to agree to its cookies before it shows anything.",
        "Set UNDERSTUDY_YOUTUBE__COOKIE_FILE to cookies of a browser in which that was agreed to, or another proxy.",
    ),
    "youtube_captions_locked": _Obstacle(
        Unavailable,
        "YouTube gives the captions of this video only to its own player at present.",
        "Connect the owner's account, or try again later; if it stays so, update yt-dlp and youtube-transcript-api.",
    ),
    "youtube_blocked": _Obstacle(
        Unavailable,
        "YouTube takes this server for a robot and refuses it.",
        "Set UNDERSTUDY_YOUTUBE__PROXY to a residential proxy or UNDERSTUDY_YOUTUBE__COOKIE_FILE to a browser's cookies, "
        "or connect the owner's account.",
    ),
    "youtube_cookies_unreadable": _Obstacle(
        InvalidInput,
        "The file of cookies cannot be read as one.",
        "Export the cookies again in Netscape format and check UNDERSTUDY_YOUTUBE__COOKIE_FILE.",
    ),
    "youtube_proxy_failed": _Obstacle(
        Unavailable, "The proxy for YouTube does not answer or refuses.", "Check UNDERSTUDY_YOUTUBE__PROXY."
    ),
    "youtube_unreachable": _Obstacle(
        Unavailable,
        "YouTube could not be reached.",
        "Check this server's network; it is tried again by itself.",
    ),
    "youtube_timeout": _Obstacle(
        Unavailable, "YouTube did not send everything in time.", "It is tried again by itself."
    ),
    "youtube_not_understood": _Obstacle(
        Unavailable,
        "YouTube answered in a way that is not understood here.",
        "Try again later; if it stays so, update yt-dlp and youtube-transcript-api.",
    ),
    # From here on: of one way only. They end a fetch or listing only where no other way is left.
    "youtube_quota_exceeded": _Obstacle(
        Unavailable,
        "The day's quota of the YouTube Data API is used up.",
        "It is renewed at midnight Pacific Time; ask Google for more if this happens often.",
    ),
    "youtube_key_refused": _Obstacle(
        Forbidden,
        "Google refuses the key for the YouTube Data API.",
        "Check UNDERSTUDY_YOUTUBE__API_KEY, and that the API is enabled for it.",
    ),
    "youtube_oauth_revoked": _Obstacle(
        Unauthorized,
        "Google no longer accepts the owner's permission to read captions.",
        "Give it again and set UNDERSTUDY_YOUTUBE__OAUTH_REFRESH_TOKEN to the new token.",
    ),
    "youtube_not_owner": _Obstacle(
        Forbidden, "The account that is connected does not own this video.", "Connect the account that does."
    ),
}
_HOUR_S: Final = 3600.0
# What passes in hours, with how long to leave it alone where nothing tells how long it takes. A limit lasts "up to an hour"
# (yt-dlp, `_video.py`); the others are looked for again at a pace that costs YouTube little.
_WAITS_S: Final = {
    "youtube_live": _HOUR_S,
    "youtube_premiere": 3 * _HOUR_S,
    "youtube_processing": _HOUR_S,
    "youtube_captions_pending": 2 * _HOUR_S,
    "youtube_rate_limited": _HOUR_S,
}
_ORDER: Final = {code: place for place, code in enumerate(OBSTACLES)}

# The first text that is found decides, so the narrower ones stand first.
_REASONS: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    (
        "youtube_rate_limited",
        ("isn't available, try again later", "error 429", "rate-limited", "too many requests"),
    ),
    ("youtube_blocked", ("not a bot", "captcha", "unusual traffic", "your ip is likely being blocked")),
    ("youtube_proxy_failed", ("proxy", "socks")),
    ("youtube_unreachable", ("failed to resolve", "name resolution", "connection refused", "unreachable")),
    (
        "youtube_unreachable",
        ("certificate verify failed", "connection reset", "connection aborted", "broken pipe"),
    ),
    ("youtube_timeout", ("timed out", "timeout")),
    ("youtube_region_blocked", ("in your country", "in your region", "geo restrict")),
    (
        "youtube_premiere",
        ("premieres in", "premiere will begin", "live event will begin", "begin in a few moments"),
    ),
    ("youtube_live", ("live event has ended", "live stream recording is not available", "offline")),
    ("youtube_processing", ("processing this video",)),
    ("youtube_members_only", ("members-only", "members only", "channel's members", "join this channel")),
    ("youtube_age_restricted", ("confirm your age", "age-restricted", "inappropriate", "age verification")),
    ("youtube_paid", ("requires payment", "to rent", "or rent", "purchase", "premium members")),
    ("youtube_private", ("private",)),
    (
        "youtube_removed",
        ("been removed", "been terminated", "no longer available", "isn't available anymore"),
    ),
    ("youtube_removed", ("does not exist", "does the playlist exist", "copyright", "closed their")),
    ("youtube_consent_wall", ("consent",)),
    ("youtube_id_invalid", ("unviewable", "invalid id", "incomplete youtube id", "looks truncated")),
    ("youtube_unavailable", ("unavailable", "isn't available", "is not available")),
)


def reason_code(text: str) -> str | None:
    """The code for what YouTube or a library gives as the reason; None when nothing in it is known."""
    text = text.lower().replace("\u2019", "'")
    return next((code for code, marks in _REASONS if any(mark in text for mark in marks)), None)


def obstacle(
    code: str, tried: Sequence[tuple[str, str]] = (), *, wait_s: float | None = None
) -> UnderstudyError:
    """The error for a code. `tried` are the ways that were gone, each with the code at which it ended.

    `wait_s` is how long what passes in hours takes, where that is known.
    """
    kind, detail, next_step = OBSTACLES[code]
    if len(tried) > 1:
        ends = (f"{way} ({end.removeprefix('youtube_')})" for way, end in tried)
        detail += f" Tried: {', '.join(ends)}."
    if code in _WAITS_S:
        return NotYet(code, detail, next_step=next_step, wait_s=wait_s or _WAITS_S[code])
    return kind(code, detail, next_step=next_step)


def foremost(codes: Sequence[str]) -> str:
    """Of several reasons the one to name."""
    return min(codes, key=_ORDER.__getitem__)
