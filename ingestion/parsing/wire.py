"""What goes between the caller and the child: lines of JSON, and nothing of it is believed.

A line is `{"p": [text, heading, page]}`, `{"facts": [title, author, language, published]}`, `{"n": [code, count]}`,
`{"failed": code}` or, last, `{"end": number of paragraphs}`. The child names codes; the sentences are kept here.
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final, cast

from ingestion.decoding import drop_senseless
from ingestion.documents import DocumentText, Paragraph, cut
from ingestion.notices import Notice
from runtime.errors import InvalidInput, TooLarge

_AGAIN: Final = "Open it in the program it was made with, save it anew, and add it again."
# Code -> what it says to the person, and the next step.
REFUSALS: Final[dict[str, tuple[str, str]]] = {
    "document_encrypted": (
        "The document is protected by a password.",
        "Save a copy without the password and add that.",
    ),
    "document_malformed": ("The document is damaged, or is not what its first bytes say.", _AGAIN),
    "document_empty": (
        "The document holds no text.",
        "Check that the right file was chosen and that it was saved.",
    ),
    "document_needs_ocr": (
        "The document consists of pictures of text, and no program that reads them is installed.",
        "Install Tesseract on the worker's machine (Debian: tesseract-ocr), or add a version with text in it.",
    ),
    "document_legacy": (
        "The document is in the format of Office 97, or another that is no longer written.",
        "Save it as .docx, .xlsx or .pptx and add it again.",
    ),
    "document_expands": (
        "The document is an archive that unpacks to far more than it should.",
        "Check where it comes from; if it is what it should be, split it.",
    ),
    "document_unsafe": (
        "The document holds something that documents have no need of and attacks do, such as entities of XML.",
        "Check where it comes from; save it anew in the program it was made with, or leave it out.",
    ),
    "document_too_complex": (
        "Reading the document takes more memory or disk than one document may use.",
        "Split it, or save it as PDF, and add it again.",
    ),
    "document_too_slow": (
        "Reading the document takes longer than one document may take.",
        "Split it, or save it as PDF, and add it again.",
    ),
    "document_too_long": (
        "The document holds more text or more pages than one document may.",
        "Split it and add the parts.",
    ),
    "document_unreadable": ("The program that reads such documents broke down over this one.", _AGAIN),
    "document_type_unsupported": (
        "The file is none of the kinds of document that can be read.",
        "Add PDF, DOCX, PPTX, XLSX, ODT, RTF, EPUB, HTML, EML, MD, TXT, PNG, JPEG or TIFF files.",
    ),
}
_TOO_LARGE: Final = frozenset({"document_expands", "document_too_complex", "document_too_long"})
NOTICES: Final[dict[str, str]] = {
    "pages_without_text": "Pages hold only pictures; install Tesseract to have them read.",
    "pages_not_read": "Pages that hold only pictures were left out when the time for this document was over.",
    "pages_by_ocr": "Pages were read from pictures; their words may be wrong here and there.",
    "pages_broken": "Pages are damaged and were left out.",
    "attachments_left_out": "Attachments are not documents that can be read, and were left out.",
    "pictures_not_read": "Pictures on slides were not read; install Tesseract to have them read.",
}
_LONGEST_FACT: Final = 500
_MOST_PAGE: Final = 2**31 - 1
_SURROGATES: Final = re.compile("[\ud800-\udfff]")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8}){0,3}\Z")


class WireError(Exception):
    """The child did not answer as it should: it died, or what it says is not to be believed."""


def refusal(code: str) -> InvalidInput:
    """The error of a code that a child may name. Raises WireError for any other."""
    if code not in REFUSALS:
        raise WireError(code)
    detail, next_step = REFUSALS[code]
    return (TooLarge if code in _TOO_LARGE else InvalidInput)(code, detail, next_step=next_step)


def read_answer(data: bytes) -> DocumentText:
    """The document that a child's whole answer describes.

    Raises InvalidInput for `failed`, WireError when the answer is broken off or wrong.
    """
    lines = data.split(b"\n")
    # What the server adds when it ends a child counts, whatever that child was about to say.
    last = _object(lines[-2]) if len(lines) > 1 else {}
    if "failed" in last:
        raise refusal(str(last["failed"]))
    if not isinstance(end := last.get("end"), int):
        raise WireError("no end")
    paragraphs: list[Paragraph] = []
    facts: tuple[str | None, ...] = (None, None, None, None)
    notices: list[Notice] = []
    sent = 0
    for line in lines[:-2]:
        message = _object(line)
        if "p" in message:
            sent += 1
            paragraphs += _paragraphs(message["p"])
        elif "facts" in message:
            facts = _facts(message["facts"])
        else:
            notices.append(_notice(message.get("n")))
    if sent != end:
        raise WireError("paragraphs missing")
    if not paragraphs:
        raise refusal("document_empty")
    title, author, language, published = facts
    return DocumentText(
        tuple(paragraphs),
        title=title,
        author=author,
        language=language if language and _LANGUAGE.match(language) else None,
        published_at=_date(published),
        notices=tuple(notices),
    )


def _object(line: bytes) -> dict[str, Any]:
    try:
        message: object = json.loads(line)
    except ValueError as error:
        raise WireError("no JSON") from error
    if not isinstance(message, dict):
        raise WireError("no object")
    return cast("dict[str, Any]", message)


def _list(value: object, length: int) -> list[object]:
    if not isinstance(value, list) or len(cast("list[object]", value)) != length:
        raise WireError("no list")
    return cast("list[object]", value)


def _paragraphs(value: object) -> Iterator[Paragraph]:
    text, heading, page = _list(value, 3)
    if not isinstance(text, str) or not isinstance(heading, str | None):
        raise WireError("no text")
    if page is not None and (not isinstance(page, int) or not 0 < page <= _MOST_PAGE):
        raise WireError("no page")
    heading = _fact(heading)
    for part in cut(_clean(text).strip()):
        if part:
            yield Paragraph(part, heading, page)


def _facts(value: object) -> tuple[str | None, ...]:
    facts = _list(value, 4)
    if not all(isinstance(fact, str | None) for fact in facts):
        raise WireError("no fact")
    return tuple(_fact(cast("str | None", fact)) for fact in facts)


def _fact(text: str | None) -> str | None:
    return " ".join(_clean(text[:_LONGEST_FACT]).split()) or None if text else None


def _notice(value: object) -> Notice:
    code, count = _list(value, 2)
    if not isinstance(code, str) or code not in NOTICES or not isinstance(count, int):
        raise WireError("no notice")
    return Notice(code, NOTICES[code], count)


def _clean(text: str) -> str:
    return drop_senseless(_SURROGATES.sub("", text))


def _date(text: str | None) -> datetime | None:
    try:
        date = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return date.replace(tzinfo=UTC) if date is not None and date.tzinfo is None else date
