"""A passage as sentences: what can be chosen, and quoted, by itself."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from creators import sentence_spans

# A run of words without an end of sentence is cut after at most so many words. People speak such sentences too:
# those that have commas are left whole up to twice that.
LONGEST_WORDS = 30
_LONGEST_SPOKEN = 2 * LONGEST_WORDS
_WORD = re.compile(r"\S+")
_PAUSE = re.compile(r"[,;:–—-]$")
_ASKS = re.compile(r"[?？؟][\"'”’)\]]*$")
# Where speech without punctuation most often starts a new thought.
_STARTERS = frozenset(
    ["and", "but", "so", "because", "now", "then", "or", "which", "if", "when", "okay", "well"]
)


@dataclass(frozen=True, slots=True)
class Sentence:
    """Characters `start` to `end` of a text. `turn` counts the speakers, or paragraphs, before it."""

    start: int
    end: int
    turn: int
    text: str

    @property
    def asks(self) -> bool:
        """Whether it is a question."""
        return _ASKS.search(self.text) is not None

    @property
    def words(self) -> int:
        """How many words it has."""
        return len(self.text.split())


def sentences(text: str) -> list[Sentence]:
    """The sentences of a passage, in order. None runs over a line break, where speaker or paragraph changes."""
    found: list[Sentence] = []
    offset = 0
    for turn, line in enumerate(text.split("\n")):
        for start, end in sentence_spans(line):
            for first, last in _pieces(line, start, end):
                found.append(Sentence(offset + first, offset + last, turn, line[first:last]))
        offset += len(line) + 1
    return found


def _pieces(line: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    found = [(match.start(), match.end()) for match in _WORD.finditer(line, start, end)]
    punctuated = any(_PAUSE.search(line, first, last) for first, last in found)
    if len(found) <= (_LONGEST_SPOKEN if punctuated else LONGEST_WORDS):
        yield start, end
        return
    first = 0
    while first < len(found):
        after = _cut(line, found, first)
        yield found[first][0], found[after - 1][1]
        first = after


def _cut(line: str, found: list[tuple[int, int]], first: int) -> int:
    """Where the piece that begins with word `first` ends: a pause in its second half, else a word that starts."""
    limit = first + LONGEST_WORDS
    if len(found) <= limit:
        return len(found)
    for after in range(limit, first + LONGEST_WORDS // 2, -1):
        if _PAUSE.search(line, *found[after - 1]):
            return after
    for after in range(limit, first + LONGEST_WORDS // 2, -1):
        if line[slice(*found[after])].lower() in _STARTERS:
            return after
    return limit
