"""Working with verbatim text: where its sentences are, and when each character was spoken."""

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from creators.types import Segment

# A full stop, question or exclamation mark (with closing quotes and brackets), then space, then something that
# can begin a sentence. Scripts that use other marks: CJK, Devanagari, Arabic, Armenian.
_END = re.compile(r"(?:[.!?…]+[\"'”’)\]]*(?=\s+[\"'“‘(\[¿¡]*[\w])|[。！？।؟։]+[\"'”’)\]」』]*\s*)")
# Words before a full stop that do not end a sentence.
_ABBREVIATION = re.compile(
    r"(?:^|[\s(])(?:[A-Za-z]|[A-Z](?:\.[A-Z])+|[ei]\.[eg]|Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|vs|etc|approx|No|Fig|cf|al)\.$"
)


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Start and end of each sentence, without the space between; together they hold every other character."""
    spans: list[tuple[int, int]] = []
    start = 0
    for match in _END.finditer(text):
        if match.group().startswith(".") and _is_abbreviation(text, start, match):
            continue
        _add(spans, text, start, match.end())
        start = match.end()
    _add(spans, text, start, len(text))
    return spans


def _is_abbreviation(text: str, start: int, match: re.Match[str]) -> bool:
    if match.group() != ".":
        return False
    if _ABBREVIATION.search(text, max(start, match.start() - 12), match.end()):
        return not text[match.start() - 1 : match.start()].isdigit()
    following = text[match.end() :].lstrip()[:1]
    return following.islower()


def _add(spans: list[tuple[int, int]], text: str, start: int, end: int) -> None:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if end > start:
        spans.append((start, end))


def time_at(segment: Segment, offset: int) -> int | None:
    """When the character at `offset` of the segment's text was spoken, in milliseconds; None without times.

    The start of its word where the origin timed words; otherwise proportional to the characters before it.
    """
    if segment.start_ms is None:
        return None
    if segment.word_starts_ms:
        word = len(segment.text[: offset + 1].split()) - 1
        return segment.word_starts_ms[min(max(word, 0), len(segment.word_starts_ms) - 1)]
    end_ms = segment.end_ms if segment.end_ms is not None else segment.start_ms
    share = min(max(offset, 0), len(segment.text)) / max(len(segment.text), 1)
    return segment.start_ms + round(share * (end_ms - segment.start_ms))


@dataclass(frozen=True, slots=True)
class Place:
    """A character of joined text: index of its segment in the sequence that was joined, offset in there."""

    index: int
    offset: int


class JoinedText:
    """Segments read as one text: a space between cues, a line break where the speaker or paragraph changes.

    Keeps for every character the way back to its segment.
    """

    def __init__(self, segments: Sequence[Segment]) -> None:
        self.segments = tuple(segments)
        self.starts: list[int] = []
        pieces: list[str] = []
        length = 0
        for index, segment in enumerate(self.segments):
            if index:
                pieces.append("\n" if self.begins_turn(index) else " ")
                length += 1
            self.starts.append(length)
            pieces.append(segment.text)
            length += len(segment.text)
        self.text = "".join(pieces)

    def begins_turn(self, index: int) -> bool:
        """Whether another speaker, or another paragraph of a document, begins with this segment."""
        if index == 0:
            return True
        before, here = self.segments[index - 1], self.segments[index]
        return here.start_ms is None or before.speaker != here.speaker

    def place(self, position: int) -> Place:
        """The segment that holds the character; the space after a segment belongs to it."""
        index = max(bisect_right(self.starts, position) - 1, 0)
        return Place(index, position - self.starts[index])

    def time(self, position: int) -> int | None:
        """When the character was spoken, in milliseconds."""
        place = self.place(position)
        return time_at(self.segments[place.index], place.offset)

    def end_time(self, end: int) -> int | None:
        """When the last character before `end` was over, in milliseconds; never before its start."""
        place = self.place(end - 1)
        segment = self.segments[place.index]
        over = segment.end_ms
        if place.offset + 1 < len(segment.text):
            over = time_at(segment, place.offset + 2)
        started = time_at(segment, place.offset)
        return over if over is None or started is None else max(over, started)
