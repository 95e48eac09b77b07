# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false
# filetype has no annotations.
"""Content against name: a file is what its first bytes say, and its name must not say otherwise."""

from collections.abc import Mapping
from typing import Any, Final

import filetype

from ingestion.bundles import ARCHIVE_SUFFIXES
from runtime.errors import InvalidInput
from runtime.settings import UploadSettings

# As many bytes as the library looks at (`filetype.utils`).
HEAD_BYTES: Final = 8192

_CAPTIONS: Final = (".vtt", ".srt", ".ttml", ".sbv", ".json", ".json3", ".srv3", ".xml")
_MEDIA: Final = (
    *(".mp3", ".m4a", ".aac", ".wav", ".flac", ".ogg", ".oga", ".opus"),
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".gz", *ARCHIVE_SUFFIXES),
)
_TEXTS: Final = (
    *(
        ".vtt",
        ".srt",
        ".ttml",
        ".sbv",
        ".json",
        ".json3",
        ".srv3",
        ".xml",
        ".txt",
        ".text",
        ".md",
        ".markdown",
    ),
    *(".html", ".htm", ".eml", ".csv", ".tsv", ".rst"),
)
_ZIPS: Final = frozenset({"zip", "docx", "pptx", "xlsx", "odt", "odp", "ods", "epub"})
_MPEG4: Final = frozenset({"mp4", "m4v", "m4a", "mov", "3gp"})
_MATROSKA: Final = frozenset({"mkv", "webm"})
# By the end of a name: what the library may call its content. A document that is a zip inside may be called just that.
_EXPECTED: Final[Mapping[str, frozenset[str]]] = {
    ".pdf": frozenset({"pdf"}),
    ".rtf": frozenset({"rtf"}),
    ".png": frozenset({"png"}),
    ".jpg": frozenset({"jpg"}),
    ".jpeg": frozenset({"jpg"}),
    **{f".{name}": frozenset({name, "zip"}) for name in _ZIPS - {"zip"}},
    ".zip": _ZIPS,
    ".tar": frozenset({"tar"}),
    ".gz": frozenset({"gz"}),
    ".tgz": frozenset({"gz"}),
    ".mp3": frozenset({"mp3"}),
    ".wav": frozenset({"wav"}),
    ".flac": frozenset({"flac"}),
    **dict.fromkeys((".ogg", ".oga", ".opus"), frozenset({"ogg"})),
    **dict.fromkeys((".m4a", ".mp4", ".m4v", ".mov"), _MPEG4),
    **dict.fromkeys((".mkv", ".webm"), _MATROSKA),
}
# Formats that are letters from the beginning, and yet no text to be read.
_LETTERED: Final = frozenset({"pdf", "rtf", "ps"})
# What no text has, whatever its encoding: control characters other than white space and escape. Those with two or four bytes
# to a character have NUL, and begin with a byte order mark.
_CONTROLS: Final = frozenset(range(0x20)) - frozenset(b"\t\n\v\f\r\x1a\x1b")
_MARKS: Final = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff", b"\xef\xbb\xbf")


def largest(name: str, limits: UploadSettings) -> int:
    """How many bytes a file of this name may have."""
    if name.lower().endswith(_MEDIA):
        return limits.max_media_bytes
    return limits.max_captions_bytes if name.lower().endswith(_CAPTIONS) else limits.max_document_bytes


def check_content(name: str, head: bytes) -> None:
    """Refuse a file whose first `HEAD_BYTES` are not what its name says. Raises InvalidInput `content_contradicts_name`.

    What nobody recognises is let through: its parser finds out.
    """
    suffix = next((end for end in (*_TEXTS, *_EXPECTED) if name.lower().endswith(end)), None)
    found = _recognised(head)
    if suffix is None or found is None:
        return
    if suffix in _TEXTS:
        contradicts = found != "html" and (found in _LETTERED or not _may_be_text(head))
    else:
        contradicts = found not in _EXPECTED[suffix]
    if contradicts:
        raise InvalidInput(
            "content_contradicts_name",
            f"{name} is named as {suffix}, and its content is {found.upper()}.",
            next_step="Give it the name that fits its content, or send the file that was meant.",
        )


def _recognised(head: bytes) -> str | None:
    """What the content is, as the end that its name would have."""
    kind: Any = filetype.guess(head) if head else None
    if kind is not None:
        return str(kind.extension)
    # A page that says why there is no file is a common content of files.
    opening = head[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return "html" if opening.startswith((b"<!doctype html", b"<html")) else None


def _may_be_text(head: bytes) -> bool:
    return head.startswith(_MARKS) or _CONTROLS.isdisjoint(head)
