"""Which format a caption file has, by what is in it, and its cues. The name of the file has no say here."""

import json
import re
from typing import Final

from ingestion.captions.blocks import Blocks, read_blocks
from ingestion.captions.spoken_json import read_spoken_json
from ingestion.captions.transcripts import read_page, read_plain
from ingestion.captions.ttml import read_ttml
from ingestion.captions.xml import read_xml, root_name
from ingestion.captions.youtube import read_timed_text
from runtime.errors import InvalidInput

# SBV, which YouTube's editor exports: SubRip's cues with a comma for the arrow, and no numbers.
_SBV: Final = re.compile(
    r"^([0-9]{1,3}:[0-9]{2}:[0-9]{2}\.[0-9]{1,3}),([0-9]{1,3}:[0-9]{2}:[0-9]{2}\.[0-9]{1,3})[ \t]*$",
    re.MULTILINE,
)
_PAGES: Final = frozenset({"html", "body", "cite", "time", "p", "div", "section", "article", "main", "span"})


def read_any(text: str) -> Blocks:
    """The cues of `text`, none where it has none. Raises InvalidInput `captions_broken` for files of another type."""
    bare = text.lstrip()
    if bare.startswith("WEBVTT"):
        return read_blocks(text)
    if bare[:1] in ("{", "[") and (blocks := _json(bare)) is not None:
        return blocks
    name = root_name(bare) if bare.startswith("<") else None
    if name == "tt":
        return read_ttml(read_xml(bare))
    if name in {"transcript", "timedtext"}:
        return read_timed_text(read_xml(bare))
    if _SBV.match(bare):
        return read_blocks(_SBV.sub(r"\1 --> \2", bare).replace("[br]", "\n"))
    blocks = read_blocks(text)
    if blocks.items:
        return blocks
    if name in _PAGES or "<time" in bare:
        return _known(read_page(text), "a web page without the times of a transcript")
    if bare.startswith("<?xml"):
        raise _other(f"XML of another kind ({name})")
    return read_plain(text)


def is_spoken_json(data: bytes) -> bool:
    """Whether JSON may hold captions, by a look that costs little."""
    return re.search(rb'"(?:events|segments|transcription|words|text)"\s*:', data) is not None


def _json(text: str) -> Blocks | None:
    """The cues of a JSON file; None when it is no JSON."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return None
    blocks = read_spoken_json(data)
    if blocks is None:
        raise _other("JSON, but in none of the forms that captions have")
    return _known(blocks, "JSON without anything that was said")


def _known(blocks: Blocks, otherwise: str) -> Blocks:
    if not blocks.items:
        raise _other(otherwise)
    return blocks


def _other(what: str) -> InvalidInput:
    return InvalidInput(
        "captions_broken",
        f"The file holds no captions: it is {what}.",
        next_step="Export the captions as WebVTT or SubRip (.srt), or give this file the name that fits its content.",
    )
