"""Caption tracks: which one to take, and from YouTube's own formats to WebVTT.

`json3` is what YouTube's player reads; it alone tells when each word of automatic captions is said. Its shape, as yt-dlp
asks for it (`_SUBTITLE_FORMATS` in `extractor/youtube/_video.py`) and the player receives it:
`{"events": [{"tStartMs", "dDurationMs", "aAppend"?, "segs": [{"utf8", "tOffsetMs"?}]}]}`; an event with `aAppend` holds only
the line break that rolls the lines up.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar, cast

_NO_END_MS: Final = 10_000
_HEADER: Final = "WEBVTT\n"


@dataclass(frozen=True, slots=True)
class Caption:
    """A caption track as WebVTT. `source` is the way it came."""

    language: str
    automatic: bool
    vtt: str
    source: str


T = TypeVar("T")


def choose(
    tracks: Sequence[T],
    wanted: Iterable[str],
    *,
    language: Callable[[T], str],
    automatic: Callable[[T], bool],
) -> T | None:
    """The track to take: the language that was spoken, or the first of `wanted` (of the creator, main first) that there is; made by a
    person before automatic. None without tracks.

    Automatic tracks are in the language that was spoken. Translations by machine must not be among the tracks.
    """
    spoken = [_base(language(track)) for track in tracks if automatic(track)]
    order = [_base(code) for code in wanted]
    # Dubbed videos have several automatic tracks; then nothing tells which came first.
    if len(spoken) == 1:
        order = [*spoken, *order] if spoken[0] in order or not order else [*order, *spoken]

    def rank(track: T) -> tuple[int, bool, int, str]:
        base = _base(language(track))
        place = order.index(base) if base in order else len(order)
        return place, automatic(track), len(language(track)), language(track)

    return min(tracks, key=rank, default=None)


def _base(language: str) -> str:
    return language.lower().split("-")[0]


def from_json3(data: bytes | str) -> str | None:
    """WebVTT with a time before each word that has one; None when `data` is not json3 or holds no words."""
    try:
        document = json.loads(data)
    except ValueError:
        return None
    events = cast("dict[str, Any]", document).get("events") if isinstance(document, dict) else None
    if not isinstance(events, list):
        return None
    spoken = [cast("dict[str, Any]", event) for event in cast("list[Any]", events) if _is_spoken(event)]
    starts = [int(event["tStartMs"]) for event in spoken]
    followings: list[int | None] = [*starts[1:], None]
    cues = [
        _cue(event, start, following)
        for event, start, following in zip(spoken, starts, followings, strict=False)
    ]
    text = "\n".join(cue for cue in cues if cue)
    return f"{_HEADER}\n{text}" if text else None


def _is_spoken(event: Any) -> bool:
    if not isinstance(event, dict):
        return False
    given = cast("dict[str, Any]", event)
    return (
        "aAppend" not in given
        and isinstance(given.get("segs"), list)
        and isinstance(given.get("tStartMs"), int | float)
    )


def _cue(event: dict[str, Any], start: int, following: int | None) -> str:
    """One event as a cue; "" when it holds no words.

    Automatic captions keep a line on screen while the next is said: there a cue ends where the next begins.
    """
    segments = [cast("dict[str, Any]", one) for one in event["segs"] if isinstance(one, dict)]
    pieces = [(str(one.get("utf8", "")), one.get("tOffsetMs")) for one in segments]
    timed = any(offset for _, offset in pieces)
    end = start + int(event.get("dDurationMs") or _NO_END_MS)
    if timed and following is not None and start < following < end:
        end = following
    text = ""
    for piece, offset in pieces:
        if timed and offset and piece.strip():
            # The time stands before the word, the space that comes with it before the time.
            space = piece[: len(piece) - len(piece.lstrip())]
            text += f"{space}<{_clock(start + int(offset))}>{_escaped(piece.lstrip())}"
        else:
            text += _escaped(piece)
    return _block(start, end, text)


def from_snippets(snippets: Iterable[tuple[str, float, float]]) -> str | None:
    """WebVTT from (text, start, length) with times in seconds; None when there is no word."""
    cues = [
        _block(round(start * 1000), round((start + (length or _NO_END_MS / 1000)) * 1000), _escaped(text))
        for text, start, length in snippets
    ]
    text = "\n".join(cue for cue in cues if cue)
    return f"{_HEADER}\n{text}" if text else None


def _block(start: int, end: int, text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return ""
    return f"{_clock(start)} --> {_clock(max(end, start + 1))}\n" + "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("-->", "--&gt;")


def _clock(milliseconds: int) -> str:
    seconds, rest = divmod(max(0, milliseconds), 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{rest:03}"
