"""Cues of other formats as the lines of a WebVTT cue, so that one way leads from lines to words, speakers and times."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, cast

from ingestion.captions.blocks import Block
from ingestion.captions.timing import MS_PER_CHARACTER
from ingestion.decoding import drop_senseless

# Longer than any recording, and short enough for the clock of a WebVTT tag.
LONGEST_MS: Final = 10_000 * 3600 * 1000
_HALVES: Final = re.compile("[\ud800-\udfff]")  # of characters, which JSON can spell and no text can hold
_MARKUP: Final = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;", ord("{"): "&#123;"}
_TAG: Final = re.compile(r"<[^<>]*>")
_NUMBER: Final = re.compile(r"\s*-?[0-9]{1,12}(?:\.[0-9]{0,12})?\s*")
# How far a word that is listed may stand from the one before it in the text: past what is written and not listed.
_REACH: Final = 40


@dataclass(frozen=True, slots=True)
class TimedWord:
    """A word as a list of words gives it; `start_ms` and `voice` are None where that is not said."""

    text: str
    start_ms: int | None
    voice: str | None = None


def escaped(text: str) -> str:
    """`text` so that nothing in it is taken for markup."""
    return _HALVES.sub("", drop_senseless(text)).translate(_MARKUP)


def voice_tag(name: str | None) -> str:
    """The tag after which `name` speaks; None: nobody who is named."""
    bare = " ".join(name.split()) if name else ""
    return f"<v {escaped(bare)}>" if bare else "</v>"


def time_tag(ms: int) -> str:
    """The tag that says when the next word starts."""
    return f"<{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}.{ms % 1000:03}>"


def woven(text: str, words: Iterable[TimedWord], voice: str | None = None) -> list[str]:
    """Lines that hold all of `text`, with times and voices of those `words` that are found in it, in order."""
    said = voice
    parts = [voice_tag(voice)] if voice else []
    at = 0
    for word in words:
        bare = word.text.strip()
        place = _place(text, bare, at) if bare else -1
        if place < 0:
            continue
        parts.append(escaped(text[at:place]))
        if word.voice is not None and word.voice != said:
            said = word.voice
            parts.append(voice_tag(said))
        if word.start_ms is not None:
            parts.append(time_tag(word.start_ms))
        at = place + len(bare)
        parts.append(escaped(bare))
    parts.append(escaped(text[at:]))
    return "".join(parts).split("\n")


def _place(text: str, bare: str, at: int) -> int:
    following = at
    while following < len(text) and text[following].isspace():
        following += 1
    return following if text.startswith(bare, following) else text.find(bare, at, at + len(bare) + _REACH)


def dictionaries(items: object) -> list[dict[str, Any]]:
    """What is an object in a list of JSON; nothing for anything else."""
    found = cast("list[Any]", items) if isinstance(items, list) else []
    return [cast("dict[str, Any]", item) for item in found if isinstance(item, dict)]


def milliseconds(value: object, *, per_second: int = 1000) -> int | None:
    """A time that JSON or XML gives as a number or as its digits; None when it is no time of a recording."""
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    limit = LONGEST_MS * per_second // 1000
    return round(value * 1000 / per_second) if 0 <= value <= limit else None  # NaN is not in any range


def with_ends(blocks: list[Block]) -> list[Block]:
    """`blocks` in which one that has a start has an end: where the next starts, or as long as saying it takes."""
    following: int | None = None
    for block in reversed(blocks):
        if block.start_ms is not None and block.end_ms is None:
            said_ms = block.start_ms + MS_PER_CHARACTER * len(_TAG.sub("", "".join(block.lines)))
            block.end_ms = following if following is not None and following > block.start_ms else said_ms
        if block.start_ms is not None:
            following = block.start_ms
    return blocks
