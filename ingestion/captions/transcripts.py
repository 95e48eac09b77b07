"""Transcripts for readers: a web page with `<cite>`, `<time>` and `<p>`, and plain text with names and clock times.

Both are forms of podcast:transcript (Podcast Namespace, transcripts/transcripts.md); the plain one is also what
transcription services export. A clock time holds until the next. A transcript without any is not captions.
"""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Final

from ingestion.captions.blocks import Block, Blocks, read_time
from ingestion.captions.turns import is_name
from ingestion.captions.weaving import escaped, voice_tag, with_ends

_CLOCK: Final = r"(?:([0-9]{1,4}):)?([0-9]{1,3}):([0-9]{2})(?:[.,]([0-9]{1,9}))?"
_DURATION: Final = re.compile(
    r"PT(?:([0-9]{1,5})H)?(?:([0-9]{1,5})M)?(?:([0-9]{1,7})(?:\.([0-9]{1,9}))?S)?", re.IGNORECASE
)
_BARE_CLOCK: Final = re.compile(rf"[\[(]?\s*{_CLOCK}\s*[\])]?")
# What stands in brackets is a mark wherever it stands; without them only at the start of a line.
_IN_BRACKETS: Final = re.compile(rf"[\[(<]\s*{_CLOCK}\s*(?:[-–—>]{{1,3}}\s*{_CLOCK}\s*)?[\])>]\s?")
_LEADING: Final = re.compile(rf"\s*{_CLOCK}\s*(?:[-–—>]{{1,3}}\s*{_CLOCK}\s*)?(?:[-–—:|]\s|\s|$)\s*")
_NAMED: Final = re.compile(
    rf"\s*([^\[\]()<>:]{{1,60}}?)\s*(?:[\[(]\s*{_CLOCK}\s*[\])]\s*(?::(.*)|$)|\s{_CLOCK}\s*$)"
)
_BLOCK_TAGS: Final = frozenset(
    {"p", "br", "div", "li", "ul", "ol", "tr", "td", "section", "article", "blockquote"}
)
_SILENT_TAGS: Final = frozenset(
    {"head", "title", "script", "style", "template", "h1", "h2", "h3", "h4", "h5", "h6"}
)


class _Turns:
    """Collects lines under clock times."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self._voice: str | None = None
        self._before: list[str] = []  # what stands before the first clock time

    def begin(self, start_ms: int, end_ms: int | None = None) -> None:
        self.blocks.append(Block(start_ms, end_ms))

    def name(self, voice: str | None) -> None:
        self._voice = voice

    def say(self, text: str) -> None:
        if text.strip():
            tag = voice_tag(self._voice) if self._voice else ""
            (self.blocks[-1].lines if self.blocks else self._before).append(tag + escaped(text))

    def end(self) -> Blocks:
        blocks = [block for block in self.blocks if block.lines]
        if blocks and self._before and blocks[0].start_ms:
            blocks.insert(0, Block(0, blocks[0].start_ms, self._before))
        return Blocks(with_ends(blocks))


def read_page(text: str) -> Blocks:
    """The cues of a web page; none where it has no `<time>` with a clock time in it."""
    page = _Page()
    page.feed(text)
    page.close()
    page.take_text()
    return page.turns.end()


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.turns = _Turns()
        self._inside: str | None = None  # cite, time, or a tag whose text nobody says
        self._text: list[str] = []
        self._datetime: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._inside is None and (tag in {"cite", "time"} or tag in _SILENT_TAGS):
            self.take_text()
            self._inside, self._datetime = tag, dict(attrs).get("datetime")
        elif tag in _BLOCK_TAGS:
            if self._inside is not None and self._inside not in {"cite", "time"} and tag == "p":
                self._inside, self._text = None, []  # it was never closed
            self._text.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag == self._inside:
            self._close(tag, "".join(self._text))
            self._inside, self._text = None, []
        elif tag in _BLOCK_TAGS:
            self._text.append("\n")

    def handle_data(self, data: str) -> None:
        self._text.append(data)

    def take_text(self) -> None:
        """Give what was read so far to its turn."""
        if self._inside is None:
            self.turns.say(" ".join("".join(self._text).split()))
            self._text = []

    def _close(self, tag: str, text: str) -> None:
        if tag == "cite":
            self.turns.name(text.strip().rstrip(":\uff1a").strip() or None)
        elif tag == "time":
            found = _BARE_CLOCK.fullmatch(text.strip())
            at_ms = read_time(*found.groups()) if found else _duration(self._datetime or text.strip())
            if at_ms is not None:
                self.turns.begin(at_ms)
            else:
                self.turns.say(text)


def _duration(text: str) -> int | None:
    """`PT1M2S`, as the attribute of `<time>` has it."""
    found = _DURATION.fullmatch(text)
    if found is None or text.upper() == "PT":
        return None
    hours, minutes, seconds, fraction = found.groups()
    whole = (int(hours or 0) * 60 + int(minutes or 0)) * 60 + int(seconds or 0)
    return whole * 1000 + (int(fraction[:3].ljust(3, "0")) if fraction else 0)


def read_plain(text: str) -> Blocks:
    """The cues of plain text; none where no line says when it was said."""
    turns = _Turns()
    marks = 0
    for line in text.split("\n"):
        if found := _named(line):
            name, at_ms, rest = found
            turns.begin(at_ms)
            turns.name(name)
            turns.say(rest)
            marks += 2
        else:
            marks += _take_line(turns, line)
    # A single bare clock time can be something that was said.
    return turns.end() if marks > 1 else Blocks([])


def _named(line: str) -> tuple[str, int, str] | None:
    """`Name (00:01):` and `Name  0:01`, with what stands after it."""
    found = _NAMED.fullmatch(line) if line[:1].isalnum() else None
    if found is None or not is_name(found[1]):
        return None
    at_ms = read_time(*found.groups()[1:5]) if found[3] else read_time(*found.groups()[6:10])
    return None if at_ms is None else (found[1], at_ms, found[6] or "")


def _take_line(turns: _Turns, line: str) -> int:
    """Give a line to its turns; how sure the marks in it are."""
    sure = 0
    leading = _LEADING.match(line)
    if leading is not None and (at := _times(leading)) is not None:
        turns.begin(*at)
        line = line[leading.end() :]
        sure += 1
    for part in _parts(line):
        if isinstance(part, str):
            turns.say(part)
        else:
            turns.begin(*part)
            sure += 2
    return sure


def _parts(line: str) -> Iterator[str | tuple[int, int | None]]:
    """The text of a line, and the times in brackets in it."""
    done = 0
    for found in _IN_BRACKETS.finditer(line):
        at = _times(found)
        if at is not None:
            yield line[done : found.start()]
            yield at
            done = found.end()
    yield line[done:]


def _times(found: re.Match[str]) -> tuple[int, int | None] | None:
    parts = found.groups()
    start_ms = read_time(*parts[:4])
    end_ms = read_time(*parts[4:8]) if parts[5] else None
    if start_ms is None:
        return None
    return start_ms, end_ms if end_ms is not None and end_ms > start_ms else None
