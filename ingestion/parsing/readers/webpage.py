# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# lxml is typed in part only.
"""HTML: its encoding, what it says about itself, and its text without scripts, navigation and forms."""

import re
from collections.abc import Iterator
from typing import Any, Final

from lxml import etree, html  # pyright: ignore[reportAttributeAccessIssue]

from ingestion.decoding import decode
from ingestion.parsing.readers.types import Facts, Refused
from runtime.errors import InvalidInput

_CHARSET: Final = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?([A-Za-z0-9_:.-]{2,40})", re.IGNORECASE)
_DECLARED_WITHIN: Final = 4096
_DECLARATION: Final = re.compile(r"^\s*<\?xml[^>]*\?>")
_UNREAD: Final = (
    "script", "style", "noscript", "template", "nav", "form", "iframe", "object", "embed", "svg", "canvas", "button",
    "select", "dialog",
)  # fmt: skip
_PUBLISHED: Final = ("article:published_time", "date", "dc.date", "datepublished", "dcterms.created")


def load(data: bytes) -> Any:
    """The tree of a page. Raises Refused `document_empty`, `document_malformed`."""
    text = _DECLARATION.sub("", _text(data))
    if not text.strip():
        raise Refused("document_empty")
    try:
        return html.document_fromstring(text)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError) as error:
        raise Refused("document_malformed") from error


def _text(data: bytes) -> str:
    """By the byte order mark, the declared encoding, or else as UTF-8 or, as browsers do, Windows-1252."""
    declared = _CHARSET.search(data[:_DECLARED_WITHIN])
    if declared is not None and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return data.decode(declared[1].decode("ascii"))
        except (LookupError, UnicodeDecodeError):
            pass  # wrong about itself
    try:
        return decode(data, "document").text
    except InvalidInput:
        return data.decode("cp1252", "replace")


def facts(page: Any) -> Facts:
    """Title, author, language and date as the head says them."""
    said = {
        (meta.get("name") or meta.get("property") or meta.get("itemprop") or "").lower(): meta.get("content")
        for meta in page.iter("meta")
    }
    title = next((element.text_content() for element in page.iter("title")), None)
    published = next((said[name] for name in _PUBLISHED if said.get(name)), None)
    return Facts(
        (title or said.get("og:title") or "").strip() or None, said.get("author"), page.get("lang"), published
    )


def body(page: Any) -> str:
    """The page without what is not text, as HTML."""
    for element in list(page.iter(*_UNREAD)):
        if element.getparent() is not None:
            element.drop_tree()
    return etree.tostring(page, encoding="unicode", method="html")


def rows(markup: str) -> Iterator[str]:
    """The rows of a table, cells parted by bars; a table that only lays out a page is its lines."""
    for row in html.document_fromstring(markup).iter("tr"):
        for line_break in row.iter("br"):
            line_break.tail = "\n" + (line_break.tail or "")
        cells = [cell.text_content().strip() for cell in row if cell.tag in {"td", "th"}]
        cells = [cell for cell in cells if cell]
        if len(cells) == 1:
            yield from filter(None, (" ".join(line.split()) for line in cells[0].split("\n\n")))
        elif cells:
            yield " | ".join(" ".join(cell.split()) for cell in cells)
