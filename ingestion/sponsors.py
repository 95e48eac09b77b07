"""Which parts of a recording are read for a sponsor, so that they are not taken for the creator's advice.

Two signs: a chapter that is named so (also by SponsorBlock's users, whose marks come as chapters), and the set phrases with which such a part opens. After an opening the
part lasts to the phrase that closes it, or to its last call to buy something; without either, only the opening
itself is taken, because what is marked here is lost as advice.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

from creators import Chapter, Segment

# A paid spot of a podcast is 30 to 90 s long; two in a row are announced twice.
_LONGEST_MS: Final = 150_000

# The name of a chapter that is made of a mark.
SPONSOR_CHAPTER: Final = "Sponsor"
# How yt-dlp names what SponsorBlock's users marked: "[SponsorBlock]: Sponsor, Interaction Reminder".
_MARKED: Final = re.compile(r"\[SponsorBlock\]:(.*)", re.IGNORECASE)
_CHAPTER: Final = re.compile(
    r"\b(?:sponsor(?:s|ed|ship)?(?: (?:read|break|message|segment|spot)s?)?|ads?|ad (?:read|break)s?|"
    r"advert(?:s|isements?|ising)?|promo(?:tion)?s?|werbung|publicidad|publicit[eé]|pubblicit[aà])\b",
    re.IGNORECASE,
)
# A chapter that speaks about the subject is not a read: "How to find sponsors", "Are ads dead?".
_CHAPTER_ABOUT: Final = re.compile(
    r"\?|\b(?:how|why|what|when|should|find(?:ing)?|get(?:ting)?|block(?:ers?|ing)?|revenue|google|facebook|"
    r"running|about|without|against|no)\b",
    re.IGNORECASE,
)
_OPENING: Final = re.compile(
    r"""
      \b(?:episode|video|podcast|show|stream)\s+(?:is|was|comes)\s+(?:\w+\s+)?
        (?:sponsored|made\s+possible|supported)\s+by\b
    | \b(?:portion|segment|part|section)\s+(?:of\s+\w+\s+\w+\s+)?(?:is|was)\s+(?:\w+\s+)?sponsored\s+by\b
    | \b(?:episode|video|podcast|show|stream|bit)\s+(?:is|was)\s+paid\s+for\s+(?:in\s+part\s+)?by\b
    | \b(?:bit|part|section|segment|video|episode)\s+is\s+(?:an?\s+)?(?:paid\s+)?(?:ad|advert|advertisement)\b
    | \bbrought\s+to\s+you\s+(?:\w+\s+)?by\b
    | \b(?:today'?s|this\s+(?:week|episode|video)'?s|our|the\s+show'?s)\s+(?:\w+\s+)?sponsors?
        (?:,|:|\s+(?:is|are|for\s+(?:today|this))\b)
    | \b(?:word|message|words|break)\s+(?:from|for)\s+(?:our|my|today'?s|this\s+\w+'?s|the)\s+(?:\w+\s+)?sponsors?\b
    | \b(?:thanks?|thank\s+you|shout\s?-?out)\s+(?:so\s+much\s+)?to\s+(?:[\w.'-]+\s+){1,5}for\s+sponsoring\b
    | \b(?:thanks?|thank\s+you|shout\s?-?out)\s+(?:so\s+much\s+)?to\s+
        (?:our|today'?s|this\s+\w+'?s|the)\s+(?:\w+\s+)?sponsors?\b
    | \btake\s+(?:a|this)\s+(?:quick\s+|short\s+|brief\s+)?(?:break|pause|moment|second)\s+to\s+
        (?:thank|tell\s+you\s+about|hear\s+from)\b
    | \bto\s+(?:thank|tell\s+you\s+about)\s+(?:[\w.'-]+\s+){0,4}(?:sponsor|sponsors|sponsoring)\b
    """,
    re.IGNORECASE | re.VERBOSE,
)
_CLOSING: Final = re.compile(
    r"""
      \b(?:right\s+)?back\s+(?:in)?to\s+(?:the|our|this|today'?s)\s+
        (?:show|episode|video|podcast|conversation|interview|story|program(?:me)?|topic)\b
    | \bwith\s+that\s+(?:being\s+said|out\s+of\s+the\s+way)\b
    | \blet'?s\s+(?:get|dive|jump)\s+(?:right\s+)?(?:back\s+)?in(?:to)?\s+(?:it|the\s+(?:episode|video|show))\b
    | \bnow\s+on\s+with\s+the\s+(?:show|episode|video)\b
    """,
    re.IGNORECASE | re.VERBOSE,
)
_CALL: Final = re.compile(
    r"""
      \b(?:promo|discount|coupon|offer|use\s+(?:my|the|our|this)?)\s*code\b
    | \b(?:[0-9]+|ten|fifteen|twenty|thirty|fifty)\s*(?:%|percent)\s+off\b
    | \bfree\s+trial\b | \bsign\s+up\s+(?:at|for|today)\b
    | \blinks?\s+(?:(?:is|are)\s+)?(?:in\s+the|below)\b
    | \b\w+(?:\.|\s+dot\s+)(?:com|io|co|org|net)\b
    """,
    re.IGNORECASE | re.VERBOSE,
)


def sponsored_ordinals(segments: Sequence[Segment], chapters: Sequence[Chapter]) -> frozenset[int]:
    """Ordinals of the segments of a recording that are read for a sponsor; documents have none.

    `segments` and `chapters` must be in order of time.
    """
    script = _Script([segment for segment in segments if segment.start_ms is not None], chapters)
    found = script.in_sponsored_chapters()
    position = 0
    while opening := _OPENING.search(script.text, position):
        first, last = script.read_of(opening)
        found.update(segment.ordinal for segment in script.segments[first : last + 1])
        position = max(opening.end(), script.offsets[last + 1])
    return frozenset(found)


class _Script:
    """The text of a recording in one piece, because captions break phrases anywhere."""

    def __init__(self, segments: list[Segment], chapters: Sequence[Chapter]) -> None:
        self.segments = segments
        self.text = " ".join(segment.text for segment in segments)
        # Where each segment starts in the text, and the end of the last one.
        self.offsets = [0, *accumulate(len(segment.text) + 1 for segment in segments)]
        self._starts = [segment.start_ms or 0 for segment in segments]
        self._chapters = chapters
        self._chapter_starts = [chapter.start_ms for chapter in chapters]

    def in_sponsored_chapters(self) -> set[int]:
        """Ordinals of the segments of which at least half is in such a chapter."""
        sponsored = [_names_sponsor(chapter.title) for chapter in self._chapters]
        return {
            segment.ordinal
            for segment in self.segments
            if (chapter := bisect_right(self._chapter_starts, _middle(segment))) and sponsored[chapter - 1]
        }

    def read_of(self, opening: re.Match[str]) -> tuple[int, int]:
        """The first and last index of the segments of the sponsor read that begins with `opening`."""
        first, last = self._at(opening.start()), self._at(opening.end() - 1)
        limit = self.offsets[self._end_of_read(first)]
        if following := _OPENING.search(self.text, opening.end(), limit):
            limit = following.start()
        closing = _CLOSING.search(self.text, opening.end(), limit)
        if closing is not None:
            return first, self._at(closing.start())
        calls = list(_CALL.finditer(self.text, opening.end(), limit))
        return first, self._at(calls[-1].start()) if calls else last

    def _at(self, offset: int) -> int:
        return bisect_right(self.offsets, offset) - 1

    def _end_of_read(self, first: int) -> int:
        """The index after the last segment that can belong to a read that starts at `first`."""
        end_ms = self._starts[first] + _LONGEST_MS
        chapter = bisect_right(self._chapter_starts, self._starts[first])
        if chapter < len(self._chapter_starts):
            end_ms = min(end_ms, self._chapter_starts[chapter])
        return max(first + 1, bisect_left(self._starts, end_ms))


def _names_sponsor(title: str) -> bool:
    if marked := _MARKED.fullmatch(title.strip()):
        return SPONSOR_CHAPTER in (category.strip().title() for category in marked[1].split(","))
    return bool(_CHAPTER.search(title)) and not _CHAPTER_ABOUT.search(title)


def _middle(segment: Segment) -> int:
    start_ms = segment.start_ms or 0
    return (start_ms + max(segment.end_ms or 0, start_ms)) // 2
