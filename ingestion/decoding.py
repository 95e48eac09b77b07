"""Bytes to text, without guessing what cannot be known.

UTF-8 is the rule; UTF-16 and UTF-32 are taken at their byte order mark, UTF-16 also where its zeros show it. A file that is UTF-8 but for a few
stray bytes is read with those bytes taken as Windows-1252, the code page that typographic quotes are pasted
from, and the result says so. Nothing is ever replaced by a question mark.
"""

import codecs
import html
import re
from dataclasses import dataclass
from typing import Final, Literal

from ingestion.notices import Notice
from runtime.errors import InvalidInput

FileKind = Literal["captions", "document", "info"]

# Above this share of bytes that are not UTF-8 the file is in another encoding, and which one cannot be known.
_STRAY_SHARE: Final = 0.005
# Longest first: the mark of UTF-32-LE begins with that of UTF-16-LE.
_BYTE_ORDER_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SIGNATURES: Final = (
    (b"\x89PNG\r\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"%PDF-", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive or office document"),
    (b"PK\x05\x06", "a ZIP archive"),
    (b"\x1f\x8b\x08", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"Rar!\x1a", "a RAR archive"),
    (b"\xd0\xcf\x11\xe0", "an office document"),
    (b"\x1aE\xdf\xa3", "a Matroska or WebM video"),
    (b"ID3", "an MP3 recording"),
    (b"OggS\x00", "an Ogg recording"),
    (b"RIFF", "a RIFF recording or image"),
    (b"\x7fELF", "a program"),
    (b"SQLite format 3\x00", "a database"),
)
_BINARY_CONTROLS: Final = bytes(code for code in range(32) if code not in b"\t\n\x0b\x0c\r\x1a\x1b")
_CODES: Final[dict[FileKind, tuple[str, str]]] = {
    "captions": ("captions_not_text", "captions_encoding"),
    "document": ("document_not_text", "document_encoding"),
    "info": ("info_broken", "info_broken"),
}
# The five bytes that Windows-1252 leaves undefined have no meaning to give.
_WINDOWS_1252: Final = {
    0xDC00 + byte: bytes([byte]).decode("cp1252")
    for byte in range(0x80, 0x100)
    if byte not in (0x81, 0x8D, 0x8F, 0x90, 0x9D)
}
_STRAY: Final = re.compile("[\udc80-\udcff]")
_SENSELESS: Final = re.compile("[\x00-\x08\x0e-\x1f\x7f\u200b\u2060\ufeff]")
_ENTITY: Final = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")


@dataclass(frozen=True, slots=True)
class Decoded:
    """Text with `\\n` line ends and without control characters, and what was remarkable about its bytes."""

    text: str
    notices: tuple[Notice, ...] = ()


def decode(data: bytes, kind: FileKind) -> Decoded:
    """Read `data` as text.

    Raises InvalidInput `<kind>_not_text` for binary content and `<kind>_encoding` for an encoding that cannot
    be known (`info_broken` for both when `kind` is "info").
    """
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return Decoded(_tidy(_decode_marked(data, encoding, kind)))
    if (encoding := _unmarked_utf16(data)) is not None:
        return Decoded(_tidy(_decode_marked(data, encoding, kind)))
    _refuse_binary(data, kind)
    text = data.decode("utf-8", "surrogateescape")
    strays = len(_STRAY.findall(text))
    if not strays:
        return Decoded(_tidy(text))
    if strays > len(data) * _STRAY_SHARE:
        raise _unknown_encoding(kind)
    text = text.translate(_WINDOWS_1252)
    if _STRAY.search(text):
        raise _unknown_encoding(kind)
    notice = Notice(
        "bytes_not_utf8", "Some bytes are not UTF-8; they were read as Windows-1252 characters.", strays
    )
    return Decoded(_tidy(text), (notice,))


def unescape(text: str) -> str:
    """Resolve character references that end in a semicolon; `R&D` and `AT&T` stay as they are."""
    return _ENTITY.sub(lambda found: html.unescape(found[0]), text) if "&" in text else text


def drop_senseless(text: str) -> str:
    """`text` without control and zero-width characters, which no store or screen has a use for."""
    return _SENSELESS.sub("", text) if _SENSELESS.search(text) else text


def _tidy(text: str) -> str:
    return drop_senseless(text).replace("\r\n", "\n").replace("\r", "\n")


def _decode_marked(data: bytes, encoding: str, kind: FileKind) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise InvalidInput(
            _CODES[kind][1],
            f"The file looks like {encoding.upper()}, but some of its bytes are not.",
            next_step="Save it as UTF-8 and add it again.",
        ) from error


def _refuse_binary(data: bytes, kind: FileKind) -> None:
    found = next((name for signature, name in _SIGNATURES if data.startswith(signature)), None)
    if found is None and data[4:8] == b"ftyp":
        found = "an MP4 video"
    controls = len(data) - len(data.translate(None, _BINARY_CONTROLS))
    if found is None and controls > len(data) * 0.001:
        found = "binary data"
    if found is not None:
        raise InvalidInput(
            _CODES[kind][0],
            f"The file holds {found}, not text.",
            next_step="Add the text file itself, or give this file the name that fits its content.",
        )


def _unmarked_utf16(data: bytes) -> str | None:
    """UTF-16 without its mark shows by the zero in nearly every second byte of any text with Latin letters."""
    zeros_even, zeros_odd = data[::2].count(0), data[1::2].count(0)
    if zeros_even * 4 > len(data) and not zeros_odd:
        return "utf-16-be"
    return "utf-16-le" if zeros_odd * 4 > len(data) and not zeros_even else None


def _unknown_encoding(kind: FileKind) -> InvalidInput:
    return InvalidInput(
        _CODES[kind][1],
        "The file is not UTF-8, and which other encoding it uses cannot be told from its bytes.",
        next_step="Save it as UTF-8 and add it again.",
    )
