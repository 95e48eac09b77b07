"""From the text of a WebVTT or SubRip file to timed blocks of lines.

One scanner reads both, because files in the wild mix them: a line with two times and an arrow starts a cue
wherever it stands, as in the WebVTT parsing rules. Text that a sloppy writer tore off its cue by an empty line
goes back to it. A line that means to be a timing and cannot be read still starts a cue, with unknown times, so
that its words are not lost.
"""

import re
from dataclasses import dataclass, field
from typing import Final

_TIME: Final = r"(?:([0-9]{1,5})[ ]?:[ ]?)?([0-9]{1,4})[ ]?:[ ]?([0-9]{1,2})(?:[ ]?[.,][ ]?([0-9]{1,9}))?"
_TIMING: Final = re.compile(rf"\s*{_TIME}\s*-{{1,3}}>\s*{_TIME}(?![0-9:.,])")
# With the arrow it is one wherever it stands; without, only where a cue may begin and if nothing else is there.
_UNREADABLE: Final = re.compile(r"\s*-?[0-9][^\s>]{0,20}[:.,][^>]{0,20}-{2,3}>")
_WITHOUT_ARROW: Final = re.compile(r"\s*[0-9]+:[0-9:.,]{2,16}\s*(?:[-=]?>|-|–|—)\s*[0-9]+:[0-9:.,]{2,16}\s*$")
_COMMENT: Final = re.compile(r"(?:NOTE|STYLE|REGION)(?:[ \t]|$)")
_LANGUAGE: Final = re.compile(r"Language:\s*([A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,12})*)\s*$")


@dataclass(slots=True)
class Block:
    """One cue as it was written. Both times are None when the timing line cannot be read."""

    start_ms: int | None
    end_ms: int | None
    lines: list[str] = field(default_factory=list[str])


@dataclass(slots=True)
class Blocks:
    """All cues in the order of the file; `language` is what a WebVTT header says."""

    items: list[Block]
    language: str | None = None


def read_blocks(text: str) -> Blocks:
    """Split `text` (line ends are `\\n`) into cues. Never fails: a text without cues gives no blocks."""
    lines = text.lstrip("\n").split("\n")
    scanner = _Scanner()
    first = scanner.read_header(lines) if lines[0].lstrip().upper().startswith("WEBVTT") else 0
    for line in lines[first:]:
        scanner.take(line)
    scanner.end()
    return Blocks(scanner.blocks, scanner.language)


def read_time(hours: str | None, minutes: str, seconds: str, fraction: str | None) -> int | None:
    """Milliseconds of a clock time; None when minutes or seconds are out of range."""
    in_minutes, in_seconds = int(minutes), int(seconds)
    if in_seconds > 59 or (in_minutes > 59 and hours is not None):
        return None
    if hours is not None:
        in_minutes += int(hours) * 60
    fraction_ms = int(fraction[:3].ljust(3, "0")) if fraction else 0
    return (in_minutes * 60 + in_seconds) * 1000 + fraction_ms


class _Scanner:
    """Takes lines one by one. `torn` holds lines after an empty line that no timing has claimed yet."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.language: str | None = None
        self._is_vtt = False
        self._in_cue = False
        self._in_comment = False
        self._torn: list[str] = []
        self._last_number = 0

    def read_header(self, lines: list[str]) -> int:
        """Read a WebVTT header, which ends at the first empty line; the index of the first line after it."""
        self._is_vtt = True
        for index, line in enumerate(lines):
            if not line.strip() or _timing(line) is not None:
                return index
            if found := _LANGUAGE.match(line):
                self.language = found[1]
        return len(lines)

    def take(self, line: str) -> None:
        timing = _timing(line) if "->" in line else None
        if timing is None and not self._in_cue and _WITHOUT_ARROW.match(line):
            timing = Block(None, None)
        if timing is not None:
            self._begin(timing)
        elif not line:
            self._in_cue = self._in_comment = False
            if self._torn:
                self._torn.append("")
        elif self._in_cue:
            self.blocks[-1].lines.append(line)
        elif not self._in_comment:
            self._in_comment = self._is_vtt and self._at_block_start() and bool(_COMMENT.match(line))
            if not self._in_comment:
                self._torn.append(line)

    def end(self) -> None:
        while self._torn and self._torn[-1].strip() in ("", str(self._last_number + 1)):
            self._torn.pop()
        self._give_back_torn()

    def _at_block_start(self) -> bool:
        return not self._torn or not self._torn[-1]

    def _begin(self, timing: Block) -> None:
        if self._in_cue:
            self._drop_number_without_gap()
        elif not self._at_block_start():
            self._drop_identifier()
        self._give_back_torn()
        self.blocks.append(timing)
        self._in_cue, self._in_comment = True, False

    def _drop_number_without_gap(self) -> None:
        """Without an empty line between cues, the last line may be the next cue's number."""
        lines = self.blocks[-1].lines
        if lines and lines[-1].strip() == str(self._last_number + 1):
            self._last_number += 1
            lines.pop()

    def _drop_identifier(self) -> None:
        """The line above a timing names the cue: in WebVTT any text, in SubRip a number."""
        line = self._torn[-1].strip()
        if line.isdecimal() and len(line) < 10:
            self._last_number = int(line)
            self._torn.pop()
        elif self._is_vtt:
            self._torn.pop()

    def _give_back_torn(self) -> None:
        """Lines that belong to no timing are the rest of the cue before them; before the first cue, nothing."""
        if self.blocks:
            self.blocks[-1].lines.extend(self._torn)
        self._torn = []


def _timing(line: str) -> Block | None:
    found = _TIMING.match(line)
    if found is not None:
        parts = found.groups()
        start_ms, end_ms = read_time(*parts[:4]), read_time(*parts[4:])
        return Block(start_ms, end_ms) if start_ms is not None and end_ms is not None else Block(None, None)
    return Block(None, None) if _UNREADABLE.match(line) else None
