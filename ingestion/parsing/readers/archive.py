# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# lxml is not typed.
"""Office files are ZIP archives of XML: what is in one is looked at before any library reads it."""

import re
import zipfile
from pathlib import Path
from typing import Final

from lxml import etree  # pyright: ignore[reportAttributeAccessIssue]

from ingestion.parsing.readers.types import Facts, Refused

_MOST_ENTRIES: Final = 20_000
_MOST_BYTES: Final = 512 * 1024 * 1024
# XML packs to a tenth or, where a sheet repeats itself, a fiftieth; DEFLATE ends at 1032.
_MOST_RATIO: Final = 200
_RATIO_FROM: Final = 8 * 1024 * 1024
_XML: Final = (".xml", ".rels", ".xhtml", ".html", ".htm", ".opf", ".ncx")
_PROLOG_BYTES: Final = 64 * 1024
# In UTF-8 and UTF-16. Office formats have no use for entities, and attacks on readers of XML are made of them.
_ENTITY: Final = re.compile(rb"<\0?!\0?E\0?N\0?T\0?I\0?T\0?Y\0?")
_MIME_TYPES: Final = {
    b"application/epub+zip": "epub",
    b"application/vnd.oasis.opendocument.text": "odt",
}
_PARTS: Final = {
    "word/document.xml": "docx",
    "ppt/presentation.xml": "pptx",
    "xl/workbook.xml": "xlsx",
    "META-INF/container.xml": "epub",
}
_FACTS: Final = ("docProps/core.xml", "meta.xml")


def open_archive(path: Path) -> zipfile.ZipFile:
    """The archive, if it is bearable.

    Raises Refused `document_malformed`, `document_encrypted`, `document_expands`, `document_unsafe`.
    """
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
        raise Refused("document_malformed") from error
    entries = archive.infolist()
    total = sum(entry.file_size for entry in entries)
    thin = total > _RATIO_FROM * 8 and total > _MOST_RATIO * path.stat().st_size
    if len(entries) > _MOST_ENTRIES or total > _MOST_BYTES or thin:
        raise Refused("document_expands")
    for entry in entries:
        if entry.flag_bits & 1:
            raise Refused("document_encrypted")
        if entry.file_size > _RATIO_FROM and entry.file_size > _MOST_RATIO * max(entry.compress_size, 1):
            raise Refused("document_expands")
        if entry.filename.startswith(("/", "\\")) or ".." in re.split(r"[/\\]", entry.filename):
            raise Refused("document_unsafe")
        if entry.filename.lower().endswith(_XML) and _ENTITY.search(_head(archive, entry, _PROLOG_BYTES)):
            raise Refused("document_unsafe")
    return archive


def format_of(archive: zipfile.ZipFile) -> str:
    """docx, pptx, xlsx, odt or epub. Raises Refused `document_type_unsupported`."""
    names = set(archive.namelist())
    if "mimetype" in names:
        said = _head(archive, archive.getinfo("mimetype"), 256).strip()
        if said in _MIME_TYPES:
            if _is_encrypted(archive, names):
                raise Refused("document_encrypted")
            return _MIME_TYPES[said]
    found = next((kind for part, kind in _PARTS.items() if part in names), None)
    if found is None:
        raise Refused("document_malformed" if "[Content_Types].xml" in names else "document_type_unsupported")
    return found


def facts_of(archive: zipfile.ZipFile) -> Facts:
    """What the archive's Dublin Core elements say; nothing where they are missing or broken."""
    names = archive.namelist()
    part = next((name for name in names if name in _FACTS or name.endswith(".opf")), None)
    if part is None:
        return Facts()
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    try:
        tree = etree.fromstring(_head(archive, archive.getinfo(part), _RATIO_FROM), parser)
    except etree.XMLSyntaxError:
        return Facts()
    found: dict[str, str] = {}
    for element in tree.iter(etree.Element):
        name = etree.QName(element).localname
        if element.text and element.text.strip():
            found.setdefault(name, element.text.strip())
    published = found.get("created") or found.get("creation-date") or found.get("date")
    return Facts(
        found.get("title"),
        found.get("creator") or found.get("initial-creator"),
        found.get("language"),
        published,
    )


def _head(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, size: int) -> bytes:
    try:
        with archive.open(entry) as file:
            return file.read(size)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError) as error:
        raise Refused("document_malformed") from error
    except Exception as error:
        if type(error).__module__ in {"zlib", "_bz2", "_lzma", "lzma"}:
            raise Refused("document_malformed") from error
        raise


def _is_encrypted(archive: zipfile.ZipFile, names: set[str]) -> bool:
    for part, mark in (("META-INF/manifest.xml", b"encryption-data"), ("META-INF/rights.xml", b"")):
        if part in names and mark in _head(archive, archive.getinfo(part), _RATIO_FROM):
            return True
    return False
