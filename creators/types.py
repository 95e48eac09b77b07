"""What a creator is and what a library holds."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from runtime.ids import CreatorId, SourceId

Visibility = Literal["public", "members", "private"]
Access = Literal["public", "members", "private"]
Role = Literal["creator", "guest", "unknown"]
Origin = Literal["youtube", "podcast", "web", "file"]
SourceKind = Literal["video", "audio", "document"]


@dataclass(frozen=True, slots=True)
class Persona:
    """How the assistant presents a creator. `voices` are the speaker names that are the creator's own."""

    voice: str = ""
    greeting: str = ""
    suggested_questions: tuple[str, ...] = ()
    voices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NewCreator:
    """A creator before the catalogue has taken it in."""

    handle: str
    name: str
    persona: Persona = Persona()
    languages: tuple[str, ...] = ("en",)
    visibility: Visibility = "public"


@dataclass(frozen=True, slots=True)
class Creator:
    """A creator. `active_index` names the vector index that answers for it."""

    id: CreatorId
    handle: str
    name: str
    persona: Persona
    languages: tuple[str, ...]
    visibility: Visibility
    active_index: str
    created_at: datetime

    @property
    def own_voices(self) -> frozenset[str]:
        """Speaker names, case folded, whose words are the creator's."""
        return frozenset(name.casefold() for name in (self.name, *self.persona.voices))


@dataclass(frozen=True, slots=True)
class Chapter:
    """A named part of a recording; it lasts until the next one starts."""

    start_ms: int
    title: str


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """What the origin says about an item. Times are UTC; `duration_ms` is None for documents."""

    origin: Origin
    external_id: str
    kind: SourceKind
    title: str
    url: str | None = None
    published_at: datetime | None = None
    duration_ms: int | None = None
    language: str | None = None
    chapters: tuple[Chapter, ...] = ()
    speakers: tuple[str, ...] = ()


SourceState = Literal["pending", "ready", "failed", "withdrawn"]


@dataclass(frozen=True, slots=True)
class Source:
    """An item of a creator's library. `generation` is the published one; None until the first is.

    `next_step` belongs to `error_code`. `ready_at` is when it first answered. `withdrawn_reason` is the code with
    which its origin took it back; None while it is not withdrawn, or when a person withdrew it.
    """

    id: SourceId
    creator_id: CreatorId
    facts: SourceFacts
    access: Access
    visible_from: datetime | None
    state: SourceState
    generation: int | None
    content_hash: str | None
    error_code: str | None
    next_step: str | None = None
    first_seen_at: datetime | None = None
    ready_at: datetime | None = None
    withdrawn_reason: str | None = None
    tags: tuple[str, ...] = ()
    archived: bool = False


@dataclass(frozen=True, slots=True)
class SourceChanges:
    """What a creator sets for an item, whatever its origin says; None leaves it. `unveil` ends an embargo."""

    tags: tuple[str, ...] | None = None
    archived: bool | None = None
    access: Access | None = None
    visible_from: datetime | None = None
    unveil: bool = False


@dataclass(frozen=True, slots=True)
class Segment:
    """One verbatim piece of a source, in order: a caption cue, or a paragraph of a document.

    `word_starts_ms`, where the origin gives it, has one time for each whitespace-separated word of `text`.
    """

    ordinal: int
    text: str
    start_ms: int | None = None
    end_ms: int | None = None
    page: int | None = None
    heading: str | None = None
    speaker: str | None = None
    role: Role = "unknown"
    word_starts_ms: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Coverage:
    """What an answer could draw on: published sources, hours of recording, date of the latest."""

    sources: int
    hours: float
    latest: datetime | None
