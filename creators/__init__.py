"""Who speaks: the catalogue of creators, and the library of what they published."""

from creators.catalogue import Catalogue
from creators.edits import Correction, Replacement, SpokenSegment, TextChange
from creators.library import Library
from creators.opening import open_at
from creators.types import (
    Access,
    Chapter,
    Coverage,
    Creator,
    NewCreator,
    Persona,
    Role,
    Segment,
    Source,
    SourceChanges,
    SourceFacts,
)
from creators.verbatim import JoinedText, sentence_spans, time_at

__all__ = [
    "Access",
    "Catalogue",
    "Chapter",
    "Correction",
    "Coverage",
    "Creator",
    "JoinedText",
    "Library",
    "NewCreator",
    "Persona",
    "Replacement",
    "Role",
    "Segment",
    "Source",
    "SourceChanges",
    "SourceFacts",
    "SpokenSegment",
    "TextChange",
    "open_at",
    "sentence_spans",
    "time_at",
]
