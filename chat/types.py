"""What a conversation is made of: questions, the events of an answer, citations, messages."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Literal, Protocol
from uuid import UUID

from creators import Access, Coverage, Role
from retrieval import Hit
from runtime.errors import UnderstudyError
from runtime.ids import ConversationId, CreatorId, GuestId, MessageId, SourceId

Kind = Literal[
    "covered",
    "partly_covered",
    "not_covered",
    "curated",
    "clarification",
    "chitchat",
    "refused",
    "task",
    "incomplete",
]
MessageRole = Literal["user", "assistant"]
Verified = Literal["exact", "paraphrase"]


@dataclass(frozen=True, slots=True)
class Question:
    """What a guest asks one creator. Without `conversation_id` a conversation is begun."""

    creator_id: CreatorId
    text: str
    conversation_id: ConversationId | None
    guest: GuestId
    access: frozenset[Access] = frozenset({"public"})


@dataclass(frozen=True, slots=True)
class Citation:
    """Where a statement of the answer was said.

    `marker` is the number in the text, counted from 1. `url` opens the source at the place; `open_url`, the
    counted redirect, and `translation` are None until the parts that fill them exist. Times are milliseconds in
    the recording. `quote` is word for word what the source says when `verified` is "exact".
    """

    marker: int
    source_id: SourceId
    external_id: str
    title: str
    url: str | None
    open_url: str | None
    start_ms: int | None
    end_ms: int | None
    page: int | None
    heading: str | None
    speaker: str | None
    speaker_role: Role
    sponsor: bool
    published_at: datetime | None
    quote: str
    translation: str | None
    verified: Verified


@dataclass(frozen=True, slots=True)
class Usage:
    """What the answer took of a paid model: nothing, when none was asked."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0


@dataclass(frozen=True, slots=True)
class Meta:
    """The question is taken: these will hold it and its answer."""

    event: ClassVar[str] = "meta"
    seq: int
    conversation_id: ConversationId
    message_id: MessageId


@dataclass(frozen=True, slots=True)
class SourcesFound:
    """What was searched, and the passages that came up, best first."""

    event: ClassVar[str] = "sources"
    seq: int
    searched: Coverage
    passages: tuple[Hit, ...]


@dataclass(frozen=True, slots=True)
class ModelChosen:
    """Who words the answer; `fallback_from` are the models that were tried before."""

    event: ClassVar[str] = "model"
    seq: int
    name: str
    fallback_from: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Delta:
    """More text of the answer, to be appended as it is."""

    event: ClassVar[str] = "delta"
    seq: int
    text: str


@dataclass(frozen=True, slots=True)
class CitationMade:
    """What a marker that the text has used, or uses next, stands for."""

    event: ClassVar[str] = "citation"
    seq: int
    citation: Citation


@dataclass(frozen=True, slots=True)
class Done:
    """The answer is complete and kept. Times are milliseconds by step."""

    event: ClassVar[str] = "done"
    seq: int
    kind: Kind
    usage: Usage
    timings_ms: dict[str, float]


@dataclass(frozen=True, slots=True)
class Failed:
    """The answer ends here. `incomplete` says that a part of it was sent before. `cause` does not travel."""

    event: ClassVar[str] = "error"
    seq: int
    code: str
    detail: str
    incomplete: bool
    cause: UnderstudyError | None = field(default=None, compare=False)


AnswerEvent = Meta | SourcesFound | ModelChosen | Delta | CitationMade | Done | Failed


class Responder(Protocol):
    """Answers questions."""

    def answer(self, question: Question) -> AsyncGenerator[AnswerEvent]:
        """The events of one answer, `seq` counted from 1, ending in `Done` or `Failed`.

        What is wrong with the question is raised before the first event: InvalidInput `question_empty`,
        TooLarge `question_too_long`, NotFound `creator_not_found` and `conversation_not_found`, Conflict
        `conversation_busy`. Closing the generator stops the work; what was said until then is kept as a
        message of kind `incomplete`.
        """
        ...


@dataclass(frozen=True, slots=True)
class Message:
    """One message as it is kept. What only an answer has is None, or empty, in a question.

    `standalone` is the query that the question was understood as, of the question it answers.
    """

    id: UUID
    ordinal: int
    role: MessageRole
    text: str
    kind: Kind | None
    standalone: str | None
    citations: list[dict[str, Any]]
    model: str | None
    usage: dict[str, Any] | None
    searched: dict[str, Any] | None
    timings_ms: dict[str, float] | None
    created_at: datetime
