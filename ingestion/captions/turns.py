"""Who speaks: voice tags, `Name:` at the start of a turn, and the `>>` of broadcast captions.

A voice tag holds for its cue. A written label holds until the next label or the next voice, because captions
write it once for each turn. Inside a voice tag a label of someone else is believed for its own cue: whoever made
the transcript forgot a mark, and the text is right. Where that person's turn ends is then not known; the cues
that follow under the same tag keep the tag's name, and say whose words they may be instead.
"""

import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final

from ingestion.captions.lexicon import NOT_NAMES, PARTICLES
from ingestion.captions.markup import Span, tidy_name
from ingestion.captions.rollup import SpokenCue

_MOST_WORDS: Final = 5
_MOST_SPEAKERS: Final = 24
_MARKS: Final = (">>", ">>>")
_COLON: Final = re.compile(r"[:\uff1a]")  # the second is full width
# Transcripts are sometimes pasted with the clock time glued to the name; it goes with the name.
_LABEL_END: Final = re.compile(r"([^:\uff1a]{0,40})[:\uff1a](?:[0-9]{1,2}:[0-9]{2}:[0-9]{2})?$")
_NAME_WORD: Final = re.compile(r"[(\[]?[^\W_][\w.'’&#-]{0,39}[)\]]?$")
_SENTENCE_END: Final = tuple(".?!…\"”'’-—])")  # where a label may follow on the same line


@dataclass(slots=True)
class Piece:
    """Words of one cue by one speaker (None: not known), or `perhaps` by another. `times` fits `words`."""

    speaker: str | None
    perhaps: str | None
    words: list[str]
    times: list[int | None]


@dataclass(slots=True)
class _Run:
    """Words `first` to `last` (exclusive) of a span; `changed` says that a label or mark stands before them."""

    label: str | None
    changed: bool
    first: int
    last: int


class Turns:
    """Splits the cues of one file at changes of speaker. Cues must be given in order, each once."""

    def __init__(self, cues: list[SpokenCue], known: Collection[str]) -> None:
        """`known` are names that the info file or the creator gives."""
        self._names = {fold(name) for name in known if name.strip()}
        self._names |= {fold(span.voice) for cue in cues for span in cue.spans if span.voice}
        self._written = _recurring_labels(cues)
        self._marked = any(
            span.opens_line and span.words[0].startswith(">>") for cue in cues for span in cue.spans
        )
        self._voice: str | None = None
        self._label: str | None = None
        self._perhaps: str | None = None

    def split(self, cue: SpokenCue) -> list[Piece]:
        """The words of `cue` by speaker; labels, `>>` and the dashes of a dialogue are not words."""
        pieces: list[Piece] = []
        is_dialogue = _is_dialogue(cue.spans)
        if self._voice is not None and self._label is not None:
            self._perhaps = None if fold(self._label) == fold(self._voice) else self._label
            self._label = None
        for written in cue.spans:
            if written.voice != self._voice:
                self._voice, self._label, self._perhaps = written.voice, None, None
            span = _with_marks_apart(written, dashes=is_dialogue)
            for run in self._runs(span, marks=is_dialogue or self._marked):
                speaker = run.label or self._voice
                if not pieces or run.changed or pieces[-1].speaker != speaker:
                    pieces.append(Piece(speaker, None if run.label else self._perhaps, [], []))
                pieces[-1].words += span.words[run.first : run.last]
                pieces[-1].times += _times(span)[run.first : run.last]
        return pieces

    def _runs(self, span: Span, *, marks: bool) -> list[_Run]:
        """`span` cut where a label or mark stands; the label in force at its end stays in force."""
        runs = [_Run(self._label, False, 0, len(span.words))]
        if not marks and not any(_COLON.search(word) for word in span.words):
            return runs
        index = 0
        while index < len(span.words):
            change = self._change_at(span, index, marks=marks)
            if change is None:
                index += 1
                continue
            runs[-1].last = index
            label, taken = change
            index += taken
            runs.append(_Run(label, True, index, len(span.words)))
        self._label = runs[-1].label
        return [run for run in runs if run.last > run.first]

    def _change_at(self, span: Span, index: int, *, marks: bool) -> tuple[str | None, int] | None:
        """The speaker named at word `index` (None: not named) and the words that takes; None: no change."""
        words = span.words
        if marks and words[index] in _MARKS:
            label = _label_at(words, index + 1)
            if label is not None and (label[0].isupper() or self._is_speaker(label[0], span)):
                return label[0], label[1] + 1
            return None, 1
        if index and not words[index - 1].endswith(_SENTENCE_END):
            return None
        label = _label_at(words, index)
        return label if label is not None and self._is_speaker(label[0], span) else None

    def _is_speaker(self, name: str, span: Span) -> bool:
        return fold(name) in self._names or (span.voice is None and fold(name) in self._written)


def fold(name: str) -> str:
    """A name for comparison: case and spacing do not matter."""
    return " ".join(name.casefold().split())


def is_name(text: str) -> bool:
    """Whether `text` is written as the name of a speaker is: up to five words, each capitalised."""
    words = f"{text.strip()}:".split()
    label = _label_at(words, 0)
    return label is not None and label[1] == len(words) and NOT_NAMES.isdisjoint(fold(label[0]).split())


def _times(span: Span) -> list[int | None]:
    return span.times if span.times is not None else [None] * len(span.words)


def _is_dialogue(spans: list[Span]) -> bool:
    """Whether two or more lines begin with a dash, as subtitles write two people in one cue."""
    return sum(span.opens_line and span.voice is None and _has_dash(span.words[0]) for span in spans) > 1


def _has_dash(word: str) -> bool:
    return word[0] in "-–" and not word[1:2].isdecimal()


def _with_marks_apart(span: Span, *, dashes: bool) -> Span:
    """`span` with `>>` as words of their own, and with the dash that opens a line of dialogue as `>>`."""
    opens_with_dash = dashes and span.opens_line and span.voice is None and _has_dash(span.words[0])
    if not opens_with_dash and not any(word.startswith(">>") for word in span.words):
        return span
    words: list[str] = []
    times: list[int | None] = []
    for index, (word, time) in enumerate(zip(span.words, _times(span), strict=True)):
        bare = word.lstrip(">") if word.startswith(">>") else word
        if opens_with_dash and not index:
            bare = word.lstrip("-–")
        parts = [part for part in (">>" if bare != word else "", bare) if part]
        words += parts
        times += [time] * len(parts)
    return replace(span, words=words, times=times if span.times is not None else None)


def _label_at(words: list[str], start: int) -> tuple[str, int] | None:
    """A name of up to five words, each capitalised, that ends with a colon; and how many words it takes."""
    taken: list[str] = []
    for word in words[start : start + _MOST_WORDS]:
        end = _LABEL_END.match(word)
        part = end[1] if end else word
        if not _NAME_WORD.match(part) or not _may_be_name(part.lstrip("(["), first=not taken):
            return None
        taken.append(part)
        if end:
            return tidy_name(" ".join(taken)), len(taken)
    return None


def _may_be_name(word: str, *, first: bool) -> bool:
    if word[0].isalpha() and not word[0].islower():
        return True
    return not first and (word.isdecimal() or word in PARTICLES)


def _recurring_labels(cues: list[SpokenCue]) -> frozenset[str]:
    """Folded labels that the file itself shows to be speakers.

    They are when a few different ones come back, from early on and in at least one of a hundred cues, or when
    one stands on every second cue. Then labels in capitals count at once if the recurring ones are in capitals.
    """
    found: list[tuple[int, str]] = []
    for number, cue in enumerate(cues):
        for span in cue.spans:
            start = 1 if span.words[0] in _MARKS else 0
            label = _label_at(span.words, start) if span.opens_line and span.voice is None else None
            if label is not None and NOT_NAMES.isdisjoint(fold(label[0]).split()):
                found.append((number, label[0]))
    counts = Counter(fold(name) for _, name in found)
    often = {name for name, count in counts.items() if count > 1}
    total = sum(counts[name] for name in often)
    first = min((number for number, name in found if fold(name) in often), default=0)
    few = 2 <= len(often) <= _MOST_SPEAKERS and total * 100 >= len(cues) and first <= max(10, len(cues) // 20)
    if not few:
        return frozenset(name for name, count in counts.items() if count * 2 >= max(len(cues), 4))
    if all(name.isupper() for _, name in found if fold(name) in often):
        often |= {fold(name) for _, name in found if name.isupper()}
    return frozenset(often)
