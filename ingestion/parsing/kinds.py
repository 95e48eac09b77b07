"""What a file is, told by its first bytes; its name decides only between kinds of text."""

import re
from pathlib import PurePosixPath
from typing import Final, Literal

# "office" is any ZIP archive: which format is in it is found out by the child, which may look inside.
Kind = Literal["pdf", "office", "legacy", "rtf", "image", "html", "mail", "text"]

HEAD_BYTES: Final = 4096
# A PDF may begin within the first 1024 bytes (PDF 1.7, appendix H.3, note 13).
_PDF_WITHIN: Final = 1024
_SIGNATURES: Final[tuple[tuple[bytes, Kind], ...]] = (
    (b"PK\x03\x04", "office"),
    (b"PK\x05\x06", "office"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "legacy"),
    (b"{\\rtf", "rtf"),
    (b"\x89PNG\r\n\x1a\n", "image"),
    (b"\xff\xd8\xff", "image"),
    (b"II*\x00", "image"),
    (b"MM\x00*", "image"),
)
_HTML: Final = re.compile(
    rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html)\b", re.IGNORECASE | re.DOTALL
)
_MAIL: Final = re.compile(
    rb"(?:Return-Path|Received|Delivered-To|MIME-Version|Message-ID|From|To|Subject|Date):[ \t].{0,900}\r?\n(?:[ \t]|[!-9;-~]+:)",
    re.IGNORECASE,
)
_NAMED: Final[dict[str, Kind]] = {".html": "html", ".htm": "html", ".xhtml": "html", ".eml": "mail"}
_TEXT: Final = frozenset({".txt", ".md", ".markdown"})
_CONTROLS: Final = bytes(code for code in range(32) if code not in b"\t\n\x0b\x0c\r\x1a\x1b")


def kind_of(name: str, data: bytes) -> Kind | None:
    """The kind of a file by its first `HEAD_BYTES`; None for what nobody here reads."""
    head = data[:HEAD_BYTES]
    if b"%PDF-" in head[:_PDF_WITHIN]:
        return "pdf"
    for signature, kind in _SIGNATURES:
        if head.startswith(signature):
            return kind
    if is_binary(head):
        return None
    suffix = PurePosixPath(name).suffix.lower()
    if suffix in _NAMED:
        return _NAMED[suffix]
    if _HTML.match(head):
        return "html"
    # Notes begin with "Date:" too, where their name says that they are text.
    return "mail" if suffix not in _TEXT and _MAIL.match(head) else "text"


def is_binary(head: bytes) -> bool:
    """Whether these are not the first bytes of a text; the zeros of UTF-16 and UTF-32 are no sign of it."""
    controls = len(head) - len(head.translate(None, _CONTROLS))
    zeros = head.count(0)
    return controls - zeros > len(head) * 0.001 or 0 < zeros < len(head) // 8
