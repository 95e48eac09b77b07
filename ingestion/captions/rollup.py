"""Captions that roll: each cue shows again what the one before showed, and adds a little.

Two kinds exist. In the first, which automatic captions use, lines scroll: a cue's first lines are the last
lines of the cue before, its last line is new, and cues of 10 ms in between show the old line alone. In the
second, live captions, a single line grows word by word. Whether a file rolls is decided by how many of its
cues do so, not by its name: people do say "Yeah." twice.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from ingestion.captions.markup import Span

# Automatic captions of YouTube hold their fillers for 10 ms; no one says a word in 50 ms.
_FILLER_MS: Final = 50
_LINES_ON_SCREEN: Final = 4
_LONGEST_GAP_MS: Final = 1000


@dataclass(slots=True)
class SpokenCue:
    """A cue whose lines have been taken apart into words."""

    start_ms: int
    end_ms: int
    spans: list[Span]


@dataclass(slots=True)
class _Shown:
    """What one cue puts on the screen, and which words of it were new."""

    cue: SpokenCue
    lines: list[list[str]]
    words: list[str]
    new_words: list[str]

    @property
    def is_filler(self) -> bool:
        return self.cue.end_ms - self.cue.start_ms <= _FILLER_MS


_Repeated = Callable[[_Shown, _Shown], int]


def without_repeats(cues: list[SpokenCue]) -> tuple[list[SpokenCue], int]:
    """`cues` in which every word stands once, and how many cues showed words again (0: they do not roll)."""
    for repeated, share, least in ((_scrolled, 0.5, 1), (_grown, 0.6, 3)):
        fresh, evidence = _strip(cues, repeated)
        if evidence >= max(least, share * (len(cues) - 1)):
            return fresh, evidence
    return cues, 0


def _strip(cues: list[SpokenCue], repeated: _Repeated) -> tuple[list[SpokenCue], int]:
    """Take away what `repeated` counts; the evidence is the number of cues that can only come from rolling."""
    fresh: list[SpokenCue] = []
    evidence, certain = 0, False
    previous: _Shown | None = None
    for cue in cues:
        shown = _shown(cue)
        count = repeated(previous, shown) if previous and shown.words else 0
        if previous and count and cue.start_ms - previous.cue.end_ms <= _LONGEST_GAP_MS:
            evidence += shown.is_filler or count < len(shown.words)
            certain |= shown.is_filler or count > 1 or evidence > 1
        shown.new_words = shown.words[count:]
        if shown.new_words:
            fresh.append(replace(cue, spans=_after(cue.spans, count)))
        previous = shown if shown.words else previous
    # One repeated word in a file of two cues is more likely speech than rolling.
    return fresh, evidence if certain else 0


def _shown(cue: SpokenCue) -> _Shown:
    lines: list[list[str]] = []
    for span in cue.spans:
        if span.opens_line:
            lines.append(span.words)
        else:
            lines[-1] = lines[-1] + span.words
    return _Shown(cue, lines, lines[0] if len(lines) == 1 else [word for line in lines for word in line], [])


def _scrolled(previous: _Shown, current: _Shown) -> int:
    """How many leading words of `current` are the last lines of `previous`, still on the screen.

    A cue other than a filler brings something new in its last line, even if the same words were said before,
    unless it only shows fewer lines; a first line left empty is room for an old line that is gone.
    """
    most = len(current.lines)
    fewer = most < len(previous.lines) and not current.cue.spans[0].line
    if not current.is_filler and (not fewer or any(span.times for span in current.cue.spans)):
        most -= 1
    for count in range(min(most, len(previous.lines), _LINES_ON_SCREEN), 0, -1):
        if previous.lines[-count:] == current.lines[:count]:
            return sum(map(len, current.lines[:count]))
    return 0


def _grown(previous: _Shown, current: _Shown) -> int:
    """How many leading words of the one line of `current` stood in `previous`: all of them, or its new ones."""
    timed = any(span.times for span in current.cue.spans)  # each of its words is said in this cue
    if timed or len(previous.lines) > 1 or len(current.lines) > 1:
        return 0
    for head in (previous.words, previous.new_words):
        adds = len(current.words) > len(head) or current.is_filler
        if head and adds and current.words[: len(head)] == head:
            return len(head)
    return 0


def _after(spans: list[Span], count: int) -> list[Span]:
    """`spans` without their first `count` words."""
    rest: list[Span] = []
    for span in spans:
        if count >= len(span.words):
            count -= len(span.words)
            continue
        times = span.times[count:] if span.times else None
        rest.append(replace(span, words=span.words[count:], times=times) if count else span)
        count = 0
    return rest
