"""From the lines of a cue to its words: tags, entities and positioning go, voices and word times stay.

Only tags that WebVTT and SubRip know are taken for tags; any other `<` is something that was said or shown,
such as an address in angle brackets, and is kept.
"""

import re
from dataclasses import dataclass
from typing import Final

from ingestion.captions.blocks import read_time
from ingestion.decoding import unescape

_TAG: Final = re.compile(r"<([^<>]*)>")
_KNOWN_TAG: Final = re.compile(
    r"/?(?:c|i|b|u|s|em|strong|ruby|rt|br|font|span|p|lang|v)(?:\.[^\s]*)?\s*/?$"
    r"|(?:font|span|p)\s+[\w-]+\s*=.*$|lang\s+[A-Za-z-]+\s*$",
    re.IGNORECASE | re.DOTALL,
)
_VOICE: Final = re.compile(r"v(?:\.\S*)?\s+(.*)$", re.DOTALL)
_WORD_TIME: Final = re.compile(r"(?:([0-9]{1,5}):)?([0-9]{1,2}):([0-9]{1,2})\.([0-9]{1,3})$")
_OVERRIDE: Final = re.compile(r"\{\\[^{}]*\}")
_PLAIN_CLASS: Final = ("c", "/c")  # around each word of automatic captions
_WORD: Final = re.compile(r"\S+")


@dataclass(slots=True)
class Span:
    """Words of one line said by one voice.

    `times`, if any, is as long as `words`: the time at which a word starts where the captions say so, else None.
    `line` is the number of the line in its cue; `opens_line` says that no other span stands before this on it.
    """

    line: int
    opens_line: bool
    voice: str | None
    words: list[str]
    times: list[int | None] | None = None


def read_spans(lines: list[str]) -> list[Span]:
    """The words of a cue, line by line. A voice lasts until the next voice tag, its end tag, or the cue's end."""
    reader = _Reader()
    for number, line in enumerate(lines):
        reader.read(number, line)
    return reader.spans


def tidy_name(label: str) -> str:
    """A speaker's name as it may be shown: no brackets around it, single spaces, no colon at its end."""
    name = " ".join(unescape(label).split()).strip(":\uff1a ")
    if name[:1] in ("[", "(") and name[-1:] in ("]", ")"):
        name = name[1:-1].strip()
    return name


class _Reader:
    def __init__(self) -> None:
        self.spans: list[Span] = []
        self._line = 0
        self._voice: str | None = None
        self._parts: list[str] = []
        self._length = 0
        self._times: list[tuple[int, int]] = []  # (offset in the text read so far, time)

    def read(self, number: int, line: str) -> None:
        self._line = number
        if "{" in line:
            line = _OVERRIDE.sub("", line)
        if "<" not in line:
            self._add_text(line)
        else:
            parts = _TAG.split(line)
            for text, tag in zip(parts[::2], [*parts[1::2], "c"], strict=True):
                if text:
                    self._add_text(text)
                if tag not in _PLAIN_CLASS:
                    self._take_tag(tag)
        self._flush()

    def _take_tag(self, tag: str) -> None:
        if found := _WORD_TIME.match(tag):
            time = read_time(*found.groups())
            if time is not None:
                self._times.append((self._length, time))
        elif found := _VOICE.match(tag):
            self._flush()
            self._voice = tidy_name(found[1]) or None
        elif tag in ("/v", "v"):
            self._flush()
            self._voice = None
        elif not _KNOWN_TAG.match(tag):
            self._add_text(f"<{tag}>")
        elif tag.lower().startswith("br"):
            self._add_text(" ")

    def _add_text(self, text: str) -> None:
        text = unescape(text)
        self._parts.append(text)
        self._length += len(text)

    def _flush(self) -> None:
        text, times = "".join(self._parts), self._times
        self._parts, self._length, self._times = [], 0, []
        words = text.split()
        if words:
            opens_line = not self.spans or self.spans[-1].line != self._line
            self.spans.append(
                Span(self._line, opens_line, self._voice, words, _word_times(text, times) if times else None)
            )


def _word_times(text: str, times: list[tuple[int, int]]) -> list[int | None]:
    """For each word of `text` the time that stands between it and the word before; a time within one is not."""
    starts: list[int | None] = []
    following = end = 0
    for word in _WORD.finditer(text):
        time: int | None = None
        start, previous_end = word.start(), end
        while following < len(times) and times[following][0] <= start:
            if times[following][0] >= previous_end:
                time = times[following][1]
            following += 1
        starts.append(time)
        end = word.end()
    return starts
