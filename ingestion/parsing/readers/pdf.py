# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pypdfium2's raw bindings are not typed.
"""PDF by PDFium: lines with their places, put together to paragraphs (`layout`) under the outline's headings."""

import ctypes
import re
from bisect import bisect_right
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

import pypdfium2 as pdfium
import pypdfium2.raw as raw

from ingestion.documents import Paragraph
from ingestion.parsing.readers import ocr
from ingestion.parsing.readers.layout import Line, Page, compound_words, paragraphs, running_lines
from ingestion.parsing.readers.types import Facts, Found, Outcome, Refused, Work

_MOST_PAGES: Final = 20_000
_MOST_HEADINGS: Final = 20_000
_DEEPEST_HEADING: Final = 6
# Fewer characters than this on a page with a picture: the page is a picture of text.
_FEW_CHARS: Final = 32
_DOTS_PER_POINT: Final = 200 / 72
_MOST_PIXELS: Final = 25_000_000
# PDFium's line ends, and its mark for a hyphen at one, after which it leaves the line end out.
_LINE: Final = re.compile("[^\r\n\ufffe\x02]*[\ufffe\x02]|[^\r\n\ufffe\x02]+")
_DATE: Final = re.compile(r"D:(\d{4})(\d\d)(\d\d)")


def preload() -> None:
    """PDFium is loaded with this module."""


def read(work: Work) -> Iterator[Found]:
    """Facts, then paragraphs page by page."""
    document = _open(work)
    try:
        count = len(document)
        if count > _MOST_PAGES:
            raise Refused("document_too_long")
        yield _facts(document)
        yield from _text(document, count, work)
    finally:
        document.close()


def _open(work: Work) -> pdfium.PdfDocument:
    try:
        return pdfium.PdfDocument(work.path)
    except pdfium.PdfiumError as error:
        protected = raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY
        encrypted = getattr(error, "err_code", None) in protected
        raise Refused("document_encrypted" if encrypted else "document_malformed") from error


def _facts(document: pdfium.PdfDocument) -> Facts:
    said = document.get_metadata_dict(skip_empty=True)
    date = _DATE.match(said.get("CreationDate", ""))
    return Facts(said.get("Title"), said.get("Author"), published="-".join(date.groups()) if date else None)


def _text(document: pdfium.PdfDocument, count: int, work: Work) -> Iterator[Found]:
    pages: list[Page] = []
    pictured: list[int] = []
    broken = 0
    for index in range(count):
        page = _page(document, index)
        if page is None:
            broken += 1
        elif page.is_picture:
            pictured.append(index)
        pages.append(page or Page(index + 1, 0, 0, []))
    if broken == count:
        raise Refused("document_malformed")
    if broken:
        yield Outcome("pages_broken", broken)
    read_by_ocr: dict[int, list[str]] = {}
    if pictured:
        yield from _read_pictures(document, pictured, count, work, read_by_ocr)
    yield from _paragraphs(document, pages, read_by_ocr)


def _paragraphs(
    document: pdfium.PdfDocument, pages: list[Page], read_by_ocr: dict[int, list[str]]
) -> Iterator[Paragraph]:
    outline = _Outline(document)
    running, compounds = running_lines(pages), compound_words(pages)
    for page in pages:
        for text in read_by_ocr.get(page.number - 1, ()):
            yield Paragraph(text, outline.path(page.number, 0), page.number)
        if page.number - 1 not in read_by_ocr:
            for top, text in paragraphs(page, running, compounds):
                yield Paragraph(text, outline.path(page.number, top), page.number)


def _page(document: pdfium.PdfDocument, index: int) -> Page | None:
    try:
        page = document[index]
    except pdfium.PdfiumError:
        return None
    try:
        width, height = page.get_size()
        text = page.get_textpage()
        try:
            lines = list(_lines(text.raw))
        finally:
            text.close()
        few = sum(len(line.text) for line in lines) < _FEW_CHARS
        is_picture = few and next(iter(page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE], max_depth=3)), None)
        return Page(index + 1, width, height, lines, is_picture=is_picture is not None and bool(few))
    except pdfium.PdfiumError:
        return None
    finally:
        page.close()


def _lines(text: Any) -> Iterator[Line]:
    """The lines of a page in the order in which the file draws them, which is nearly always that of reading."""
    count = raw.FPDFText_CountChars(text)
    if count <= 0:
        return
    buffer = (ctypes.c_ushort * (count + 1))()
    written = raw.FPDFText_GetText(text, 0, count, buffer)
    units = bytes(buffer)[: 2 * max(written - 1, 0)]
    content = units.decode("utf-16-le", "replace")
    box = raw.FS_RECTF()
    # Where there are characters beyond the basic plane, one of them is two of PDFium's units.
    astral = len(units) != 2 * len(content)
    for found in _LINE.finditer(content):
        bare = found[0].strip()
        if bare:
            first = found.start() + len(found[0]) - len(found[0].lstrip())
            last = found.start() + len(found[0].rstrip()) - 1
            if astral:
                first, last = (len(content[:at].encode("utf-16-le")) // 2 for at in (first, last))
            _place(text, first, box)
            left, bottom, top = box.left, box.bottom, box.top
            _place(text, last, box)
            yield Line(bare, left, min(bottom, box.bottom), max(box.right, left), max(top, box.top))


def _place(text: Any, at: int, box: Any) -> None:
    """Set `box` to that of a character as its font has it: as high for a comma as for a capital."""
    index = raw.FPDFText_GetCharIndexFromTextIndex(text, at)
    raw.FPDFText_GetLooseCharBox(text, max(index, 0), box)


class _Outline:
    """The headings of the document's outline, by the place at which each begins."""

    def __init__(self, document: pdfium.PdfDocument) -> None:
        found: list[tuple[tuple[int, float], str]] = []
        path: list[str] = []
        for entry in islice(document.get_toc(max_depth=_DEEPEST_HEADING), _MOST_HEADINGS):
            title = " ".join(entry.get_title().split())
            path = [*path[: entry.level], title]
            destination = entry.get_dest()
            page = destination.get_index() if destination is not None else None
            if page is not None and title:
                found.append(((page + 1, -_height(destination)), " > ".join(one for one in path if one)))
        found.sort(key=lambda one: one[0])
        self._places = [place for place, _ in found]
        self._paths = [path for _, path in found]

    def path(self, page: int, top: float) -> str | None:
        """The headings above a place; `top` is measured from the foot of the page, in points."""
        # A heading's own line, whose top is a little below its destination or at it, belongs to it.
        at = bisect_right(self._places, (page, -top + 2)) - 1
        return self._paths[at] if at >= 0 else None


def _height(destination: Any) -> float:
    """How far above the foot of its page a destination is; beyond any page where it does not say."""
    mode, view = destination.get_view()
    if mode == raw.PDFDEST_VIEW_XYZ and len(view) > 1:
        return float(view[1])
    return float(view[0]) if mode == raw.PDFDEST_VIEW_FITH and view else 1e6


def _read_pictures(
    document: pdfium.PdfDocument, pictured: list[int], count: int, work: Work, found: dict[int, list[str]]
) -> Iterator[Outcome]:
    """Read the pages that are pictures into `found`, as far as time and program allow."""
    if not ocr.is_installed():
        if len(pictured) == count:
            raise Refused("document_needs_ocr")
        yield Outcome("pages_without_text", len(pictured))
        return
    for done, index in enumerate(pictured):
        if work.time_left() <= 0:
            yield Outcome("pages_not_read", len(pictured) - done)
            break
        found[index] = ocr.read(_picture(document, index), seconds=work.time_left())
    yield Outcome("pages_by_ocr", len(found))


def _picture(document: pdfium.PdfDocument, index: int) -> Any:
    page = document[index]
    try:
        width, height = page.get_size()
        scale: Any = min(_DOTS_PER_POINT, (_MOST_PIXELS / max(width * height, 1)) ** 0.5)
        return page.render(scale=scale, grayscale=True).to_pil()
    finally:
        page.close()
