"""XML as caption files need it: elements, attributes, text; and nothing that XML can be used to attack with.

Expat is fed with text that has no document type: without one there are no entities to expand and nothing outside the
file to fetch. Prefixes are cut off without asking for their namespace, because files in the wild forget to declare it.
"""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat  # what makes expat dangerous is a document type, and that is refused below

from runtime.errors import InvalidInput

_DEEPEST: Final = 100
_NAME: Final = re.compile(r"<(?:[\w.-]{1,80}:)?([\w.-]{1,80})")
_REFERENCE: Final = re.compile(r"&(?:(#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});)?")
_OF_XML: Final = frozenset({"amp", "lt", "gt", "quot", "apos"})


@dataclass(slots=True)
class Element:
    """An element by its local name; attributes by theirs. `text` stands before its first child, `tail` after it."""

    name: str
    attributes: dict[str, str]
    text: str = ""
    tail: str = ""
    children: list["Element"] = field(default_factory=list["Element"])

    def walk(self) -> Iterator["Element"]:
        """This element and all below it, in order."""
        yield self
        for child in self.children:
            yield from child.walk()

    def all_text(self) -> str:
        """The text in it, markup left out."""
        return self.text + "".join(child.all_text() + child.tail for child in self.children)


def root_name(text: str) -> str | None:
    """The local name of the first element, in lower case; "html" for what says so; None when it does not begin as XML."""
    at = 0
    while True:
        while at < len(text) and text[at].isspace():
            at += 1
        if text.startswith("<?", at):
            end = text.find("?>", at) + 2
        elif text.startswith("<!--", at):
            end = text.find("-->", at) + 3
        elif text[at : at + 9].upper() == "<!DOCTYPE":
            is_html = text[at + 9 : at + 40].strip().lower().startswith("html")
            return "html" if is_html else _after_document_type(text, at)
        else:
            found = _NAME.match(text, at)
            return found[1].lower() if found else None
        if end <= at + 3:
            return None
        at = end


def _after_document_type(text: str, at: int) -> str | None:
    found = re.compile(r"<!DOCTYPE\s+(?:[\w.-]{1,80}:)?([\w.-]{1,80})", re.IGNORECASE).match(text, at)
    return found[1].lower() if found else None


def read_xml(text: str) -> Element:
    """The tree of `text`. Raises InvalidInput `captions_broken` when it is not well-formed or has a document type."""
    builder = _Builder()
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_document_type
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(_REFERENCE.sub(_resolved, text.lstrip()).encode("utf-8", "replace"), True)
    except expat.ExpatError as error:
        raise _broken(f"it is not well-formed XML in line {error.lineno}") from error
    return builder.root


def _resolved(reference: re.Match[str]) -> str:
    """What XML knows stays; names that only HTML knows become their characters; a bare `&` stands for itself."""
    name = reference[1]
    if name is None:
        return "&amp;"
    if name in _OF_XML:
        return reference[0]
    said = html.unescape(reference[0])
    return (
        f"&amp;{name};"
        if said == reference[0]
        else "".join(f"&#{ord(c)};" if c in "<>&" else c for c in said)
    )


def _refuse_document_type(*_: object) -> None:
    raise _broken("it declares a document type, which captions have no need of")


def _broken(why: str) -> InvalidInput:
    return InvalidInput(
        "captions_broken",
        f"The captions cannot be read: {why}.",
        next_step="Export the captions again, as WebVTT or SubRip (.srt) if you can choose, and add them again.",
    )


class _Builder:
    def __init__(self) -> None:
        self.root = Element("", {})
        self._open: list[Element] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._open) >= _DEEPEST:
            raise _broken(f"its elements are nested more than {_DEEPEST} deep")
        element = Element(_local(name), {_local(key): value for key, value in attributes.items()})
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)

    def end(self, _: str) -> None:
        self._open.pop()

    def data(self, text: str) -> None:
        if not self._open:
            return
        inside = self._open[-1]
        if inside.children:
            inside.children[-1].tail += text
        else:
            inside.text += text


def _local(name: str) -> str:
    return name.rpartition(":")[2]
