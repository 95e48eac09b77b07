"""Lines on pages to paragraphs, as a person reads them."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, TypeAlias

# A line that stands among so many outermost lines of so large a share of the pages (three at the least) is a running
# header or footer. Digits are not compared: they number the pages.
_OUTERMOST: Final = 3
_RUNNING_SHARE: Final = 0.2
_FEWEST_RUNNING: Final = 3
# Outside these parts of a page's height nothing is a header or footer.
_HEAD, _FOOT = 0.75, 0.25
# In heights of a line: a gap that ends a paragraph, an indent that begins one.
_GAP: Final = 0.9
_INDENT: Final = 0.7
# In heights of a line too: the least distance between words, and the largest between the parts of one line.
_WORD_GAP: Final = 0.12
_SENTENCE_GAP: Final = 1.2
# A line ends its paragraph when it stops so far before the right edge of its column, and at a sentence's end.
_SHORT: Final = 0.8
_DIGITS: Final = re.compile(r"\d+|\b[ivxlc]+\b")
_BULLET: Final = re.compile(r"(?:[•●▪◦‣■□–—*·]|[-o](?=\s)|\(?(?:\d{1,3}|[a-z])[.)](?=\s))")
# PDFium marks a hyphen at a line's end as U+FFFE or U+0002 where the file or its own judgement calls it one.
_HYPHENS: Final = ("\ufffe", "\x02", "\xad", "-", "\u2010")
# A mark within a line is a hyphen that the eye sees.
_UNMARKED: Final = str.maketrans({"\ufffe": "-", "\x02": "-", "\xad": None})
# The dots of a table of contents.
_LEADERS: Final = re.compile(r"\s*(?:\.\s?){5,}")
_COMPOUND: Final = re.compile(r"\b[^\W\d_]+-[^\W\d_]+\b")
_LAST_WORD: Final = re.compile(r"[^\W_]*$")
_FIRST_WORD: Final = re.compile(r"^[^\W_]*")
_SENTENCE_END: Final = re.compile(r"[.!?:;…。！？][\"'”’)\]]*$")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text and the box around it, in points from the foot and left of its page."""

    text: str
    left: float
    bottom: float
    right: float
    top: float

    @property
    def height(self) -> float:
        """Of its letters."""
        return max(self.top - self.bottom, 1.0)


@dataclass(frozen=True, slots=True)
class Page:
    """A page; `number` counts from 1. `is_picture`: its text, if any, is in a picture."""

    number: int
    width: float
    height: float
    lines: Sequence[Line]
    is_picture: bool = False


Shape: TypeAlias = tuple[str, int]


def running_lines(pages: Sequence[Page]) -> frozenset[Shape]:
    """What the headers and footers of a document look like, digits left out."""
    counts: Counter[Shape] = Counter()
    for page in pages:
        counts.update({_shape(line) for line in _outermost(page)})
    least = max(_FEWEST_RUNNING, _RUNNING_SHARE * sum(bool(page.lines) for page in pages))
    return frozenset(shape for shape, count in counts.items() if count >= least)


def compound_words(pages: Sequence[Page]) -> frozenset[str]:
    """The words that the document writes with a hyphen in the middle of a line: they keep it at a line's end."""
    return frozenset(
        word.lower() for page in pages for line in page.lines for word in _COMPOUND.findall(line.text)
    )


def paragraphs(
    page: Page, running: frozenset[Shape], compounds: frozenset[str]
) -> Iterator[tuple[float, str]]:
    """The paragraphs of a page in reading order, each with its top; without headers and footers."""
    dropped = {id(line) for line in _outermost(page) if _shape(line) in running}
    lines = _in_order(_rejoined([line for line in page.lines if id(line) not in dropped]))
    if not lines:
        return
    column_right = _column_edges(lines)
    group = [lines[0]]
    for (before, line), edge in zip(pairwise(lines), column_right, strict=False):
        if _begins(before, line, edge):
            yield group[0].top, _joined(group, compounds)
            group = []
        group.append(line)
    yield group[0].top, _joined(group, compounds)


def _outermost(page: Page) -> list[Line]:
    ordered = sorted(page.lines, key=lambda line: -line.top)
    head = [line for line in ordered[:_OUTERMOST] if line.bottom > _HEAD * page.height]
    return head + [line for line in ordered[-_OUTERMOST:] if line.top < _FOOT * page.height]


def _shape(line: Line) -> Shape:
    # The title of a document, in larger letters, is no header though the headers repeat it.
    return _DIGITS.sub("#", " ".join(line.text.lower().split())), round(line.height / 2)


def _rejoined(lines: Iterable[Line]) -> list[Line]:
    """Lines whole again: raised and lowered characters and changes of font part them."""
    whole: list[Line] = []
    for line in lines:
        if whole and _continues(whole[-1], line):
            before = whole.pop()
            apart = " " if line.left - before.right > _WORD_GAP * line.height else ""
            main = max(before, line, key=lambda one: one.height)
            line = Line(before.text + apart + line.text, before.left, main.bottom, line.right, main.top)
        whole.append(line)
    return whole


def _continues(before: Line, line: Line) -> bool:
    overlap = min(before.top, line.top) - max(before.bottom, line.bottom)
    height = max(before.height, line.height)
    near = -_SENTENCE_GAP * height < line.left - before.right < _SENTENCE_GAP * height
    return near and overlap > min(before.height, line.height) / 3 and line.right > before.right


def _in_order(lines: list[Line]) -> list[Line]:
    """Lines as they are drawn, unless that goes from column to column in each row: then column by column."""
    crossings = sum(
        abs(after.bottom - before.bottom) < before.height / 2 and after.left > before.right
        for before, after in pairwise(lines)
    )
    gutter = _gutter(lines) if crossings >= max(4, len(lines) / 4) else None
    if gutter is None:
        return lines
    # What spans both columns parts the page into bands, which are read one after the other.
    ordered: list[Line] = []
    columns: tuple[list[Line], list[Line]] = ([], [])
    for line in sorted(lines, key=lambda line: -line.top):
        if line.left < gutter < line.right:
            ordered += [*columns[0], *columns[1], line]
            columns = ([], [])
        else:
            columns[line.left >= gutter].append(line)
    return [*ordered, *columns[0], *columns[1]]


def _gutter(lines: Sequence[Line]) -> float | None:
    """Where a vertical line crosses fewest lines in the middle half of the text; None if it still crosses many."""
    left, right = min(line.left for line in lines), max(line.right for line in lines)
    places = [left + (right - left) * share / 40 for share in range(10, 31)]
    crossed = [sum(line.left < place < line.right for line in lines) for place in places]
    least = min(crossed)
    return places[crossed.index(least)] if least <= len(lines) / 10 else None


def _column_edges(lines: Sequence[Line]) -> list[float]:
    """For each line, how far to the right the lines of its column reach."""
    edges: dict[int, float] = {}
    for line in lines:
        key = round(line.left / 36)
        edges[key] = max(edges.get(key, 0.0), line.right)
    return [max(edges.get(round(line.left / 36) + near, 0.0) for near in (-1, 0, 1)) for line in lines]


def _begins(before: Line, line: Line, edge: float) -> bool:
    """Whether `line` begins a paragraph after `before`, whose column reaches to `edge`."""
    height = min(before.height, line.height)
    if max(before.height, line.height) > 1.35 * height and len(line.text) > 3 and len(before.text) > 3:
        return True
    if line.bottom > before.top or (line.left > before.right and line.bottom > before.bottom - height / 2):
        # The next column: the paragraph goes on there if its last line is full and no sentence ended.
        return before.right < edge - 2 * height or bool(_SENTENCE_END.search(before.text))
    if before.bottom - line.top > _GAP * height or _BULLET.match(line.text):
        return True
    short = before.right - before.left < _SHORT * (edge - before.left)
    ended = bool(_SENTENCE_END.search(before.text))
    return (short and ended) or (line.left - before.left > _INDENT * height and ended)


def _joined(lines: Iterable[Line], compounds: frozenset[str]) -> str:
    text = ""
    for line in lines:
        piece = " ".join(line.text.split())
        if text.endswith(_HYPHENS) and text[-2:-1].isalpha() and piece[:1].isalnum():
            word = f"{_LAST_WORD.findall(text[:-1])[0]}-{_FIRST_WORD.findall(piece)[0]}".lower()
            parted = piece[0].islower() and word not in compounds and word.index("-") > 1
            text = text[:-1] + ("" if parted else "-") + piece
        else:
            text = f"{text} {piece}" if text else piece
    return _LEADERS.sub(" … ", text).translate(_UNMARKED)
