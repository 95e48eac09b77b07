"""How a hostile file has to end: with its text, or with a reason that a person can act on; in time, and alone."""

from pathlib import Path

from ingestion.parsing import DocumentParser, Limits
from ingestion.parsing.wire import REFUSALS
from runtime.errors import InvalidInput, UnderstudyError
from tests.hostile.sound import TEXT

LIMITS = Limits(base_s=20, per_mib_s=4, most_s=60)
# A line of the file that some of them try to read.
SECRET_LINE = Path("/etc/passwd").read_text(encoding="utf-8").splitlines()[0][:20]
# Attacks whose end is known. All others may also be read: an attack that does nothing is no harm.
KNOWN = {
    "bomb.docx": "document_expands",
    "bomb-parts.docx": "document_expands",
    "many.docx": "document_expands",
    "traversal0.docx": "document_unsafe",
    "laughs.docx": "document_unsafe",
    "laughs.odt": "document_unsafe",
    "outside.epub": "document_unsafe",
    "outside.html": "ready",
    "laughs-utf16.docx": "document_unsafe",
    "rights.epub": "document_encrypted",
    "plain.zip.docx": "document_type_unsupported",
    "pages-million.pdf": "document_too_long",
    "script.pdf": "ready",
    "macro.docm": "ready",
    "nested.docx": "ready",
    "style-loop.docx": "ready",
    "outline-loop.pdf": "ready",
    "huge100000.png": "document_expands",
    "named.png": "document_type_unsupported",
}


async def judge(parser: DocumentParser, name: str, data: bytes) -> tuple[str, str | None]:
    """How reading it ended, and what is wrong with that."""
    try:
        document = await parser.parse(name, data)
    except InvalidInput as error:
        outcome, complaint = error.code, None if error.next_step and error.code in REFUSALS else "no reason"
    except UnderstudyError as error:
        return error.code, "the parser itself failed"
    else:
        text = "\n".join(paragraph.text for paragraph in document.paragraphs)
        outcome, complaint = "ready", "the secret is out" if SECRET_LINE in text else None
        if not complaint and KNOWN.get(name) == "ready" and TEXT not in text:
            complaint = "its text is missing"
    if name in KNOWN and outcome != KNOWN[name]:
        complaint = f"should end as {KNOWN[name]}"
    return outcome, complaint
