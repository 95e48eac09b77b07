"""Markdown and plain text to paragraphs with the headings they stand under.

The words stay as they are; marks that a reader does not see (emphasis, link targets, list bullets, comments)
go. List items, table rows and code blocks are paragraphs of their own.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

from ingestion.decoding import decode, unescape
from ingestion.notices import Notice
from runtime.errors import InvalidInput

# A paragraph longer than this is cut between sentences, so that a citation can point at a part of it.
_LONGEST_PARAGRAPH: Final = 2000
_LONGEST_FRONT_MATTER: Final = 100
_FENCE: Final = re.compile(r"\s{0,12}(`{3,}|~{3,})")
_LIST_ITEM: Final = re.compile(r"\s{0,40}(?:[-*+]|[0-9]{1,9}[.)])\s")
_REFERENCE: Final = re.compile(r" {0,3}\[[^\[\]]+\]:\s*\S+")
_TABLE_RULE: Final = re.compile(r"[\s|:-]+$")
_FIELD: Final = re.compile(r"([A-Za-z_]{1,40})\s*:\s*(\S.*)$")
_SENTENCE_END: Final = re.compile(r"[.!?…。\uff01\uff1f][\"'”’)\]]?(?=\s)|[。\uff01\uff1f]")

# A code span, which the other marks do not reach into, then those marks in the order in which they are removed.
_CODE: Final = re.compile(r"(`{1,3})([^`]+)\1")
_MARKS: Final = (
    (re.compile(r"!?\[([^\[\]]*)\]\([^()\s]*(?:\s+\"[^\"]*\")?\)"), r"\1"),
    (re.compile(r"\[([^\[\]]+)\]\[[^\[\]]*\]"), r"\1"),
    (re.compile(r"(?<!\\)(\*{1,3})(?=[^\s*])([^*]+)(?<=\S)\1"), r"\2"),
    (re.compile(r"(?<![\w\\])(_{1,3})(?=[^\s_])([^_]+)(?<=\S)\1(?!\w)"), r"\2"),
    (
        re.compile(
            r"</?(?:a|b|br|center|dd|del|details|div|dl|dt|em|figure|figcaption|font|hr|i|img|ins|kbd|li|mark|ol|p|"
            r"picture|s|small|source|span|strong|sub|summary|sup|table|tbody|td|th|thead|tr|u|ul)(?:\s[^<>]*)?/?>",
            re.IGNORECASE,
        ),
        " ",
    ),
    (re.compile(r"<((?:https?|mailto):[^<>\s]+)>"), r"\1"),
    (re.compile(r"\\([\\`*_{}\[\]()#+\-.!|>~])"), r"\1"),
)


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Text that belongs together, and its place: `heading` is the path of headings, "Gear > Oven"; `page` counts from 1."""

    text: str
    heading: str | None = None
    page: int | None = None


@dataclass(frozen=True, slots=True)
class DocumentText:
    """A document's paragraphs in order, and what its front matter says. `title` may also be its first heading."""

    paragraphs: tuple[Paragraph, ...]
    title: str | None = None
    author: str | None = None
    language: str | None = None
    url: str | None = None
    published_at: datetime | None = None
    notices: tuple[Notice, ...] = ()


def parse_document(data: bytes, *, is_markdown: bool) -> DocumentText:
    """Read a Markdown or text file. Takes time in proportion to its length.

    Raises InvalidInput `document_empty`, `document_not_text`, `document_encoding`.
    """
    decoded = decode(data, "document")
    lines = decoded.text.replace("\f", "\n\n").split("\n")
    fields, first = _front_matter(lines) if is_markdown else ({}, 0)
    reader = _Markdown() if is_markdown else _PlainText()
    for line in lines[first:]:
        reader.take(line.rstrip())
    found = reader.end()
    paragraphs = tuple(Paragraph(part, one.heading) for one in found for part in cut(one.text))
    if not paragraphs:
        raise InvalidInput(
            "document_empty",
            "The document holds no text.",
            next_step="Check that the right file was chosen and that it was saved.",
        )
    return DocumentText(
        paragraphs,
        title=fields.get("title") or reader.title,
        author=fields.get("author"),
        language=fields.get("lang") or fields.get("language"),
        url=_web_address(fields.get("url")),
        published_at=_date(fields.get("date")),
        notices=decoded.notices,
    )


def _front_matter(lines: list[str]) -> tuple[dict[str, str], int]:
    """`key: value` lines between two `---` at the very start, and the index of the line after them."""
    if lines[0].rstrip() != "---":
        return {}, 0
    fields: dict[str, str] = {}
    for index, line in enumerate(lines[1:_LONGEST_FRONT_MATTER], start=1):
        if line.rstrip() in ("---", "..."):
            return fields, index + 1
        if found := _FIELD.match(line):
            fields[found[1].lower()] = found[2].strip().strip("\"'")
    return {}, 0


def _date(text: str | None) -> datetime | None:
    try:
        date = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return date.replace(tzinfo=UTC) if date is not None and date.tzinfo is None else date


def _web_address(text: str | None) -> str | None:
    try:
        parts = urlsplit(text or "")
    except ValueError:
        return None
    return text if parts.scheme in {"http", "https"} and parts.netloc else None


def cut(text: str) -> Iterator[str]:
    """`text` in parts of at most 2,000 characters, cut after a sentence, else at a space, else anywhere."""
    start = 0
    while len(text) - start > _LONGEST_PARAGRAPH:
        end = start + _LONGEST_PARAGRAPH
        ends = [found.end() for found in _SENTENCE_END.finditer(text, start, end)]
        cut = ends[-1] if ends else text.rfind(" ", start + 1, end)
        cut = cut if cut > start else end
        yield text[start:cut].strip()
        start = cut
    yield text[start:].strip()


class _PlainText:
    """Paragraphs are what empty lines separate."""

    title: str | None = None

    def __init__(self) -> None:
        self.paragraphs: list[Paragraph] = []
        self._lines: list[str] = []

    def take(self, line: str) -> None:
        if line.strip():
            self._lines.append(line)
        else:
            self._flush()

    def end(self) -> list[Paragraph]:
        self._flush()
        return self.paragraphs

    def _flush(self) -> None:
        text = " ".join(" ".join(self._lines).split())
        if text:
            self.paragraphs.append(Paragraph(text))
        self._lines = []


class _Markdown:
    """Takes a Markdown file line by line."""

    def __init__(self) -> None:
        self.paragraphs: list[Paragraph] = []
        self.title: str | None = None
        self._lines: list[str] = []
        self._headings: list[tuple[int, str]] = []
        self._bare_heading = False  # nothing has come under the last heading yet
        self._fence = ""
        self._in_comment = False

    def take(self, line: str) -> None:
        if self._fence:
            self._take_code(line)
            return
        line = self._without_comment(line)
        fence = _FENCE.match(line)
        if fence is not None:
            self._flush()
            self._fence = fence[1]
        elif not line.strip():
            self._flush()
        elif not self._take_heading(line):
            self._take_text(line)

    def end(self) -> list[Paragraph]:
        if self._fence:
            self._end_code()
        self._flush()
        self._keep_bare_heading(0)
        return self.paragraphs

    def _take_text(self, line: str) -> None:
        line = line.lstrip("> \t") if line.lstrip().startswith(">") else line
        item = _LIST_ITEM.match(line)
        is_row = line.lstrip().startswith("|")
        if item is not None or is_row:
            self._flush()
        if is_row:
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            line = "" if _TABLE_RULE.match(line) else " | ".join(cells)
        elif item is not None:
            line = line.lstrip().removeprefix("- ").removeprefix("* ").removeprefix("+ ")
        if line and not _REFERENCE.match(line):
            self._lines.append(line)
        if is_row:
            self._flush()

    def _take_heading(self, line: str) -> bool:
        bare = line.strip()
        level = len(bare) - len(bare.lstrip("#"))
        if 1 <= level <= 6 and bare[level : level + 1] in ("", " ", "\t"):
            self._flush()
            self._open_heading(
                level, bare[level:].rstrip("#") if bare.rstrip("#").endswith((" ", "\t")) else bare[level:]
            )
            return True
        if bare.strip("=") == "" or bare.strip("-") == "":
            if self._lines:
                text, self._lines = " ".join(self._lines), []
                self._open_heading(1 if bare[0] == "=" else 2, text)
                return True
            return len(bare) > 1
        return len(bare) > 2 and (
            not bare.replace(" ", "").strip("*") or not bare.replace(" ", "").strip("_")
        )

    def _open_heading(self, level: int, text: str) -> None:
        text = _without_marks(text)
        self._keep_bare_heading(level)
        self._headings = [heading for heading in self._headings if heading[0] < level]
        if text:
            self._headings.append((level, text))
            self._bare_heading = True
            if self.title is None and (level == 1 or not self.paragraphs):
                self.title = text

    def _keep_bare_heading(self, level: int) -> None:
        """A heading with nothing under it, not even a smaller heading, is all there is to its part."""
        if self._bare_heading and self._headings[-1][0] >= level:
            self._add(self._headings[-1][1])
        self._bare_heading = False

    def _take_code(self, line: str) -> None:
        bare = line.strip()
        if bare.startswith(self._fence) and not bare.strip(self._fence[0]):
            self._end_code()
        else:
            self._lines.append(line)

    def _end_code(self) -> None:
        self._add("\n".join(self._lines).strip("\n"))
        self._fence, self._lines = "", []

    def _without_comment(self, line: str) -> str:
        kept = ""
        while line:
            mark = "-->" if self._in_comment else "<!--"
            before, found, line = line.partition(mark)
            kept += "" if self._in_comment else before
            self._in_comment = self._in_comment != bool(found)
        return kept

    def _flush(self) -> None:
        self._add(_without_marks(" ".join(self._lines)))
        self._lines = []

    def _add(self, text: str) -> None:
        if text.strip():
            heading = " > ".join(text for _, text in self._headings) or None
            self.paragraphs.append(Paragraph(text, heading))
            self._bare_heading = False


def _without_marks(text: str) -> str:
    """`text` as a reader sees it, with single spaces."""
    pieces: list[str] = []
    for index, piece in enumerate(_CODE.split(text)):
        if index % 3 == 0:
            for mark, seen in _MARKS:
                piece = mark.sub(seen, piece)
            pieces.append(unescape(piece))
        elif index % 3 == 2:
            pieces.append(piece)
    return " ".join("".join(pieces).split())
