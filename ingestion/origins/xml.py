"""XML as it is found in the world, read without harm: feeds and sitemaps.

Text in the wrong encoding, HTML's entities and open elements are put up with, as every podcast player does. What no honest
feed holds is refused: entities that a document defines itself (the "billion laughs"), and millions of elements. Nothing
is ever fetched that a document names. Text is read once; time and memory follow its length.
"""

import codecs
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html.entities import html5
from importlib import import_module
from typing import Any, Final, Literal

from ingestion.decoding import decode
from runtime.errors import InvalidInput

# It has no types; what it is given and gives back is a target of our own.
_lxml: Final[Any] = import_module("lxml.etree")

XmlKind = Literal["feed", "sitemap"]

_MOST_ELEMENTS: Final = 2_000_000
_MOST_IN_UNIT: Final = 100_000
_DEEPEST: Final = 100
# Text that nobody here reads and that makes up most of a feed: the whole episode's page.
_UNREAD: Final = frozenset({"encoded"})
_DECLARATION: Final = re.compile(r"\s*<\?xml\b[^>]{0,500}\?>")
_DECLARED: Final = re.compile(rb"""<\?xml\b[^>]{0,300}?encoding\s*=\s*["']([A-Za-z0-9._-]{2,40})["']""")
_CHARSET: Final = re.compile(r"""charset\s*=\s*["']?([A-Za-z0-9._-]{2,40})""", re.IGNORECASE)
# What stands before the first element: blanks, comments, instructions, and then perhaps a document type.
_PROLOGUE: Final = re.compile(r"(?:\s+|<\?(?:[^?]|\?(?!>))*\?>|<!--(?:[^-]|-(?!->))*-->)*")
_DOCUMENT_TYPE: Final = re.compile(r"<!DOCTYPE[^\[<>]*(.)", re.IGNORECASE | re.DOTALL)
_AMPERSAND: Final = re.compile(r"&(?:(#[0-9]{1,7}|#x[0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});)?")
_OF_XML: Final = frozenset({"amp", "lt", "gt", "quot", "apos"})
# Encodings of text, and none of the things that Python also calls so (zlib, punycode, unicode_escape).
_ENCODINGS: Final = re.compile(
    r"(iso-?8859|latin|windows|cp|koi8|shift|euc|gb|big5|mac|ks_c|us-?ascii)[a-z0-9_-]*", re.IGNORECASE
)


@dataclass(slots=True)
class Node:
    """An element: its namespace and local name in lower case, attributes by local name, own text, and children."""

    space: str
    name: str
    attributes: Mapping[str, str] = field(default_factory=dict[str, str])
    text: str = ""
    children: list["Node"] = field(default_factory=list["Node"])

    def all(self, *names: str, space: str | None = None) -> Iterator["Node"]:
        """The children of these names."""
        return (
            child
            for child in self.children
            if child.name in names and (space is None or child.space == space)
        )

    def get(self, *names: str, space: str | None = None) -> str:
        """The text of the first child of these names that has some, else an empty string."""
        return next((found for child in self.all(*names, space=space) if (found := child.words())), "")

    def words(self) -> str:
        """All text within, with single spaces."""
        waiting: list[Node] = [self]
        found: list[str] = []
        while waiting:
            node = waiting.pop()
            found.append(node.text)
            waiting.extend(reversed(node.children))
        return " ".join(" ".join(found).split())


@dataclass(frozen=True, slots=True)
class XmlDocument:
    """The root's name and language, and what stands in it (in RSS: in its channel), in order."""

    root: str
    language: str
    units: tuple[Node, ...]


def read_xml(data: bytes, content_type: str, kind: XmlKind) -> XmlDocument:
    """Read `data`, sent as `content_type`. Raises InvalidInput `<kind>_broken` and `<kind>_unsafe`."""
    text = decode_text(data, content_type).lstrip()
    _refuse_entities(text, kind)
    declaration = _DECLARATION.match(text)
    text = _with_references(text[declaration.end() if declaration else 0 :])
    units = _Units(kind)
    parser: Any = _lxml.XMLParser(
        target=units,
        encoding="utf-8",
        recover=True,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        parser.feed(text.encode("utf-8", "replace"))
        document: XmlDocument = parser.close()
    except (_lxml.LxmlError, ValueError) as error:
        raise _broken(kind) from error
    if not document.root:
        raise _broken(kind)
    return document


def decode_text(data: bytes, content_type: str) -> str:
    """`data` as text: by its own marks, else UTF-8 if it is that, else as declared, else Windows-1252."""
    try:
        return decode(data, "document").text
    except InvalidInput:
        declared = _DECLARED.search(data[:1000])
        sent = _CHARSET.search(content_type)
        for name in (declared[1].decode() if declared else "", sent[1] if sent else ""):
            if _ENCODINGS.fullmatch(name) and _is_codec(name):
                return data.decode(name, "replace")
        return data.decode("cp1252", "replace")


def _is_codec(name: str) -> bool:
    try:
        codecs.lookup(name)
    except LookupError:
        return False
    return True


def _refuse_entities(text: str, kind: XmlKind) -> None:
    start = _PROLOGUE.match(text)
    found = _DOCUMENT_TYPE.match(text, start.end() if start else 0)
    if found and found[1] != ">":
        raise InvalidInput(
            f"{kind}_unsafe",
            f"The {kind} defines entities of its own, which no {kind} has a use for and attacks do.",
            next_step="Ask whoever runs the site to remove the internal part of its DOCTYPE.",
        )


def _with_references(text: str) -> str:
    """`text` with HTML's names of characters by number, and with every other `&` as XML wants it; both not in CDATA."""
    before, *sections = text.split("<![CDATA[")
    parts = [_AMPERSAND.sub(_reference, before)]
    for section in sections:
        verbatim, end, after = section.partition("]]>")
        parts += ["<![CDATA[", verbatim, end, _AMPERSAND.sub(_reference, after)]
    return "".join(parts)


def _reference(found: re.Match[str]) -> str:
    name = found[1] or ""
    if name[:1] == "#" or name in _OF_XML:
        return found[0]
    characters = html5.get(f"{name};")
    return "".join(f"&#{ord(one)};" for one in characters) if characters else f"&amp;{found[0][1:]}"


class _Units:
    """What lxml's parser reports to. An element is handed over when it ends, and nothing of it kept elsewhere."""

    def __init__(self, kind: XmlKind) -> None:
        self._kind: XmlKind = kind
        self._open: list[Node] = []
        self._texts: list[list[str]] = []
        self._units: list[Node] = []
        self._root = self._language = ""
        self._elements = self._in_unit = 0

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        self._elements, self._in_unit = self._elements + 1, self._in_unit + 1
        if self._elements > _MOST_ELEMENTS or self._in_unit > _MOST_IN_UNIT or len(self._open) >= _DEEPEST:
            raise InvalidInput(
                f"{self._kind}_unsafe",
                f"The {self._kind} holds more elements than any real one.",
                next_step="Check that this is the right address.",
            )
        node = Node(*_split(tag), {_split(name)[1]: value for name, value in attributes.items()})
        if not self._root:
            self._root, self._language = node.name, node.attributes.get("lang", "")
        self._open.append(node)
        self._texts.append([])

    def data(self, text: str) -> None:
        if self._texts:
            self._texts[-1].append(text)

    def end(self, tag: str) -> None:  # noqa: ARG002 - lxml gives it
        node, texts = self._open.pop(), self._texts.pop()
        node.text = "" if node.name in _UNREAD else "".join(texts).strip()
        if not self._open or self._is_channel(node):
            return
        if len(self._open) == 1 or (len(self._open) == 2 and self._is_channel(self._open[-1])):
            self._units.append(node)
            self._in_unit = 0
        else:
            self._open[-1].children.append(node)

    def close(self) -> XmlDocument:
        return XmlDocument(self._root, self._language, tuple(self._units))

    def _is_channel(self, node: Node) -> bool:
        return self._root == "rss" and node.name == "channel" and not node.space


def _split(tag: str) -> tuple[str, str]:
    space, brace, name = tag.rpartition("}")
    name = name if brace else name.rpartition(":")[2]  # a prefix that was never declared
    return space[1:].strip().lower(), name.lower()


def _broken(kind: XmlKind) -> InvalidInput:
    return InvalidInput(
        f"{kind}_broken",
        f"What the address sent is not a {kind}: it cannot be read as XML.",
        next_step=f"Open the address in a browser and check that it shows a {kind}.",
    )
