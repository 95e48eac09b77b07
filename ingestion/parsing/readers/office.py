# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# unstructured, lxml and python-pptx are typed in part only.
"""Office, web and book formats by unstructured; its elements to paragraphs under their headings."""

import warnings
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import spacy
from PIL import Image
from spacy.tokenizer import Tokenizer
from unstructured.documents.elements import Element
from unstructured.errors import UnprocessableEntityError
from unstructured.nlp import tokenize
from unstructured.partition.docx import partition_docx
from unstructured.partition.epub import partition_epub
from unstructured.partition.html import partition_html
from unstructured.partition.odt import partition_odt
from unstructured.partition.pptx import partition_pptx
from unstructured.partition.rtf import partition_rtf
from unstructured.partition.xlsx import partition_xlsx

from ingestion.documents import Paragraph
from ingestion.parsing.readers import ocr, webpage
from ingestion.parsing.readers.archive import facts_of, format_of, open_archive
from ingestion.parsing.readers.types import Found, Outcome, Refused, Work

# Its guess of the language takes most of the time, and is made again by whoever needs it.
_UNGUESSED: Final = [""]
_PARTITIONS: Final[dict[str, Callable[..., list[Element]]]] = {
    "docx": partition_docx,
    "pptx": partition_pptx,
    "xlsx": partition_xlsx,
    "odt": partition_odt,
    "epub": partition_epub,
    "rtf": partition_rtf,
}
_OPTIONS: Final[dict[str, dict[str, Any]]] = {
    "pptx": {"include_slide_notes": True},
    "xlsx": {"find_subtable": False},
}
_UNREAD: Final = frozenset({"Header", "Footer", "PageBreak", "PageNumber", "Image"})
_MODEL: Final = "en_core_web_sm"
_SMALLEST_PICTURE: Final = 5_000


def preload() -> None:
    """Give unstructured, from the current directory, a language model in place of the one that it would download.

    It only guesses by it which texts are titles, which nobody here relies on. Words are what spaces part: spaCy's
    rules for English take a minute for a word of some thousand characters.
    """
    if not Path(_MODEL).exists():
        splitter = spacy.blank("en")
        splitter.tokenizer = Tokenizer(splitter.vocab)
        splitter.add_pipe("sentencizer")
        splitter.to_disk(_MODEL)
    tokenize._get_nlp()  # pyright: ignore[reportPrivateUsage] - it is kept for all forks


def read(work: Work) -> Iterator[Found]:
    """Facts, then paragraphs."""
    warnings.simplefilter("ignore")
    if work.kind == "html":
        page = webpage.load(work.path.read_bytes())
        yield webpage.facts(page)
        yield from paragraphs(_partition(partition_html, text=webpage.body(page)))
    elif work.kind == "rtf":
        yield from paragraphs(_partition(partition_rtf, filename=str(work.path)))
    else:
        yield from _read_archive(work)


def _read_archive(work: Work) -> Iterator[Found]:
    with open_archive(work.path) as archive:
        form = format_of(archive)
        yield facts_of(archive)
    # Libraries and pandoc go by the name's end.
    path = work.path.rename(work.path.with_suffix(f".{form}"))
    elements = _partition(_PARTITIONS[form], filename=str(path), **_OPTIONS.get(form, {}))
    if form == "pptx":
        elements.sort(key=_title_first)
    pictures = _pictures(path, work) if form == "pptx" else {}
    found = paragraphs(elements, by_page=form in {"pptx", "xlsx"}, sheets=form == "xlsx", pictures=pictures)
    first = next(found, None)
    if first is None and pictures and not ocr.is_installed():
        raise Refused("document_needs_ocr")
    yield from (first, *found) if first else ()
    if pictures:
        yield Outcome("pages_by_ocr", len(pictures)) if ocr.is_installed() else Outcome("pictures_not_read")


def _title_first(element: Element) -> tuple[int, bool]:
    """The place of an element of a slide: its notes come first where it is drawn last."""
    is_title = _level(element, by_page=True, sheets=False) is not None
    return element.metadata.page_number or 0, not is_title


def _partition(partition: Callable[..., list[Element]], **options: Any) -> list[Element]:
    try:
        return partition(languages=_UNGUESSED, **options)
    except UnprocessableEntityError as error:
        raise Refused("document_malformed") from error


def paragraphs(
    elements: Iterable[Element],
    *,
    by_page: bool = False,
    sheets: bool = False,
    pictures: dict[int, list[str]] | None = None,
) -> Iterator[Paragraph]:
    """Elements in order. `by_page`: a heading holds for its slide or sheet only. `pictures`: texts by slide."""
    path = _Headings()
    page: int | None = None
    left = dict(pictures or {})
    for element in elements:
        if element.category in _UNREAD:
            continue
        if by_page and element.metadata.page_number != page:
            yield from path.open(0, "", page)
            yield from _of_pictures(left, page, path.text)
            path = _Headings()
        page = element.metadata.page_number
        if sheets:
            path.set(element.metadata.page_name or "")
        level = _level(element, by_page=by_page, sheets=sheets)
        if level is not None:
            yield from path.open(level, element.text, page)
            continue
        for text in _texts(element):
            path.used()
            yield Paragraph(text, path.text, page)
    yield from path.open(0, "", page)
    for number in sorted(left):
        yield from _of_pictures(left, number, path.text if number == page else None)


def _of_pictures(left: dict[int, list[str]], page: int | None, heading: str | None) -> Iterator[Paragraph]:
    for text in left.pop(page or 0, ()):
        yield Paragraph(text, heading, page)


def _level(element: Element, *, by_page: bool, sheets: bool) -> int | None:
    """How deep a heading is, from 0; None for text. Titles that are only guessed at have no depth."""
    depth = element.metadata.category_depth
    if element.category != "Title" or depth is None or sheets or (by_page and depth):
        return None
    return depth


def _texts(element: Element) -> Iterator[str]:
    markup = element.metadata.text_as_html
    if element.category == "Table" and markup:
        yield from webpage.rows(markup)
    else:
        yield " ".join(element.text.split())


class _Headings:
    """The headings that stand above a place. One with nothing under it is a paragraph of its own."""

    def __init__(self) -> None:
        self._stack: list[tuple[int, str]] = []
        self._bare = False

    @property
    def text(self) -> str | None:
        return " > ".join(text for _, text in self._stack) or None

    def set(self, text: str) -> None:
        self._stack = [(0, text)] if text else []

    def used(self) -> None:
        self._bare = False

    def open(self, level: int, text: str, page: int | None) -> Iterator[Paragraph]:
        if self._bare and self._stack[-1][0] >= level:
            yield Paragraph(self._stack[-1][1], self.text, page)
        self._stack = [one for one in self._stack if one[0] < level]
        text = " ".join(text.split())
        self._bare = bool(text)
        if text:
            self._stack.append((level, text))


def _pictures(path: Path, work: Work) -> dict[int, list[str]]:
    """The texts in the pictures of each slide; without Tesseract, which slides have pictures at all."""
    from pptx import Presentation  # noqa: PLC0415 - unstructured has loaded it; only slides need it

    found: dict[int, list[str]] = {}
    for number, slide in enumerate(Presentation(str(path)).slides, start=1):
        for shape in slide.shapes:
            blob = _blob(shape)
            if len(blob) < _SMALLEST_PICTURE or work.time_left() <= 0:
                continue
            found.setdefault(number, [])
            if ocr.is_installed():
                found[number] += _ocr(blob, work)
    return found


def _blob(shape: Any) -> bytes:
    try:
        return shape.image.blob
    except (AttributeError, KeyError, ValueError):  # no picture, a linked one, or one whose part is missing
        return b""


def _ocr(blob: bytes, work: Work) -> list[str]:
    try:
        with Image.open(BytesIO(blob)) as picture:
            return ocr.read(picture, seconds=work.time_left())
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Refused):
        return []
