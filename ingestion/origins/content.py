"""What a web address turned out to hold: a page, a list in XML, or a file."""

import re
from typing import Final
from urllib.parse import unquote, urlsplit

# What the readers of documents take; each is told by its type, or by its name where the type says nothing.
_SUFFIXES: Final = {
    "application/pdf": ".pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": ".pptx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/vnd.oasis.opendocument.text": ".odt",
    "application/rtf": ".rtf",
    "text/rtf": ".rtf",
    "application/epub+zip": ".epub",
    "message/rfc822": ".eml",
    "text/markdown": ".md",
    "text/x-markdown": ".md",
    "text/plain": ".txt",
    "image/png": ".png",
    "image/jpeg": ".jpg",
}
_NAMED: Final = frozenset({*_SUFFIXES.values(), ".markdown", ".jpeg"})
_VAGUE: Final = frozenset(
    {
        "",
        "application/octet-stream",
        "binary/octet-stream",
        "application/zip",
        "application/x-zip-compressed",
        "text/plain",
    }
)
_HTML_TYPES: Final = frozenset({"text/html", "application/xhtml+xml"})
_XML: Final = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]{0,200}>\s*)?(?:<!--.{0,2000}?-->\s*|<\?[^>]{0,500}>\s*|<!DOCTYPE[^>]{0,300}>\s*)*"
    rb"<(?:[a-z]+:)?(rss|rdf|feed|urlset|sitemapindex)\b",
    re.IGNORECASE | re.DOTALL,
)
_MARKUP: Final = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<!--.{0,2000}?-->\s*)?<(?:!doctype\s+html|html|head|body)\b", re.I | re.S
)


def media_type(content_type: str) -> str:
    """The type alone, in lower case."""
    return content_type.partition(";")[0].strip().lower()


def list_root(data: bytes) -> str | None:
    """The root of a feed or sitemap, in lower case; None when the content is neither."""
    found = _XML.match(data[:10_000])
    return found[1].decode().lower() if found else None


def is_page(data: bytes, content_type: str) -> bool:
    """Whether it is HTML: by its type, or by how it begins when the type is vague or missing."""
    kind = media_type(content_type)
    if data[:5] == b"%PDF-":
        return False
    return kind in _HTML_TYPES or (kind in _VAGUE and _MARKUP.match(data[:10_000]) is not None)


def file_name(data: bytes, content_type: str, url: str) -> str | None:
    """The name of the file that came from `url`, with the suffix of its type; None for a type that nobody reads."""
    name = unquote(urlsplit(url).path.rstrip("/").rpartition("/")[2])
    name = re.sub(r"[^\w. -]+", "_", name)[-120:].strip(" .") or "file"
    stem, dot, ending = name.rpartition(".")
    named = f".{ending.lower()}" if dot and stem else ""
    kind = media_type(content_type)
    if data[:5] == b"%PDF-":
        suffix = ".pdf"
    elif kind in _VAGUE and named in _NAMED:
        suffix = named
    elif kind in _SUFFIXES:
        suffix = _SUFFIXES[kind]
    else:
        return None
    return name if named == suffix else f"{name}{suffix}"


def page_name(url: str) -> str:
    """A name for the document made of a page: its host and path."""
    parts = urlsplit(url)
    path = re.sub(r"[^\w.-]+", "-", unquote(f"{parts.path} {parts.query}")).strip("-.")
    return f"{parts.hostname or 'page'}{'-' if path else ''}{path}"[:150] + ".md"
