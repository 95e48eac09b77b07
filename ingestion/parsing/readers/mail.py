"""Mail: its text, and its attachments by the rules for each of them."""

from collections.abc import Iterator
from dataclasses import replace
from email import policy
from email.message import EmailMessage, MIMEPart
from email.parser import BytesParser
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final

from ingestion.documents import Paragraph, parse_document
from ingestion.parsing import child
from ingestion.parsing.kinds import kind_of
from ingestion.parsing.readers import office, pdf
from ingestion.parsing.readers.types import Facts, Found, Outcome, Refused, Work
from runtime.errors import InvalidInput

_MOST_ATTACHMENTS: Final = 64
_DEEPEST: Final = 3
_ENCRYPTED: Final = frozenset({"multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime"})


def preload() -> None:
    """Attachments can be of every kind."""
    pdf.preload()
    office.preload()


def read(work: Work) -> Iterator[Found]:
    """Facts, the text, then each attachment under its name."""
    with work.path.open("rb") as file:
        message = BytesParser(policy=policy.default).parse(file)
    if message.get_content_type() in _ENCRYPTED:
        raise Refused("document_encrypted")
    yield _facts(message)
    yield from _body(message, work)
    yield from _attachments(message, work)


def _facts(message: EmailMessage) -> Facts:
    sender = message["From"]
    addresses = getattr(sender, "addresses", ())
    author = (addresses[0].display_name or addresses[0].addr_spec) if addresses else None
    try:
        published = parsedate_to_datetime(message["Date"]).isoformat() if message["Date"] else None
    except ValueError:
        published = None
    return Facts(str(message["Subject"] or "") or None, author, published=published)


def _body(message: EmailMessage, work: Work) -> Iterator[Found]:
    part = message.get_body(("plain", "html"))
    if part is None:
        return
    data = _content(part)
    if part.get_content_type() == "text/html":
        yield from _within(work, "body.html", data)
    elif data.strip():
        yield from parse_document(data, is_markdown=False).paragraphs


def _attachments(message: EmailMessage, work: Work) -> Iterator[Found]:
    left_out = 0
    for number, part in enumerate(_parts(message)):
        name = Path(part.get_filename() or f"{number + 1}").name
        try:
            if number >= _MOST_ATTACHMENTS:
                raise Refused("document_too_long")
            found = list(_within(work, name, _content(part)))
        except (Refused, InvalidInput):
            left_out += 1
            continue
        yield from (_under(name, one) for one in found if not isinstance(one, Facts))
    if left_out:
        yield Outcome("attachments_left_out", left_out)


def _parts(message: EmailMessage) -> Iterator[MIMEPart]:
    if message.is_multipart():
        yield from message.iter_attachments()


def _content(part: MIMEPart) -> bytes:
    """The bytes of a part; of text, in UTF-8."""
    try:
        content = part.get_content()
    except (KeyError, LookupError, ValueError):  # an unknown type or charset
        content = part.get_payload(decode=True) or b""
    if isinstance(content, EmailMessage):
        return content.as_bytes()
    return content.encode("utf-8", "replace") if isinstance(content, str) else bytes(content)


def _within(work: Work, name: str, data: bytes) -> Iterator[Found]:
    """What is in a part, read as a file of its own would be."""
    kind = kind_of(name, data)
    if not data or kind is None:
        raise Refused("document_type_unsupported")
    if kind == "text":
        yield from parse_document(data, is_markdown=name.lower().endswith((".md", ".markdown"))).paragraphs
        return
    if work.depth >= _DEEPEST:
        raise Refused("document_too_complex")
    folder = work.path.with_name(f"{work.path.name}-parts")
    folder.mkdir(exist_ok=True)
    path = folder / str(len(list(folder.iterdir())))
    path.write_bytes(data)
    yield from child.read(replace(work, path=path, kind=kind, depth=work.depth + 1))


def _under(name: str, found: Found) -> Found:
    if isinstance(found, Paragraph):
        return replace(found, heading=f"{name} > {found.heading}" if found.heading else name)
    return found
