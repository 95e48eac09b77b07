"""What travels in requests and responses. Names and meanings are fixed: others build on them."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from chat import Message
from creators import Access, Coverage, Creator, NewCreator, Persona, Role, Source, SourceChanges
from ingestion import Accepted, Transfer
from retrieval import Hit, Results
from runtime.errors import UnderstudyError


def _storable(text: str) -> str:
    """JSON can spell what no text in PostgreSQL can hold: U+0000, and halves of characters."""
    if "\x00" in text:
        raise ValueError("must not contain the character U+0000")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("must not contain half a character (an unpaired surrogate)")
    return text


Text = Annotated[str, AfterValidator(_storable)]
Line = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(_storable)
]
Reference = Annotated[Text, Field(min_length=1, max_length=100, description="Id or handle of a creator.")]


class _Request(BaseModel):
    # A field that is spelled wrong is an error, not a wish silently ignored.
    model_config = ConfigDict(extra="forbid", frozen=True)


class ChatRequest(_Request):
    """A question. `stream` asks for server-sent events; `user_id` is the caller's own mark and grants nothing."""

    message: Text
    creator_id: Reference
    conversation_id: UUID | None = None
    user_id: Annotated[Text, Field(max_length=200)] | None = None
    stream: bool = False


class SearchRequest(_Request):
    """What to look for among a creator's passages."""

    query: Text
    k: int = Field(default=10, ge=1, le=50)


class PersonaBody(_Request):
    """How the assistant presents a creator; `voices` are the speaker names that are the creator's own."""

    voice: Annotated[Text, Field(max_length=2000)] = ""
    greeting: Annotated[Text, Field(max_length=1000)] = ""
    suggested_questions: Annotated[tuple[Line, ...], Field(max_length=12)] = ()
    voices: Annotated[tuple[Line, ...], Field(max_length=50)] = ()


class CreatorRequest(_Request):
    """A creator to add."""

    handle: Text
    name: Line
    persona: PersonaBody = PersonaBody()
    languages: Annotated[
        tuple[Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")], ...],
        Field(min_length=1, max_length=20),
    ] = ("en",)
    visibility: Access = "public"

    def new_creator(self) -> NewCreator:
        """The catalogue's words for it."""
        return NewCreator(
            handle=self.handle,
            name=self.name,
            persona=Persona(**self.persona.model_dump()),
            languages=self.languages,
            visibility=self.visibility,
        )


class CoverageBody(BaseModel):
    """What answers can draw on: sources, hours of recording, date of the latest."""

    sources: int
    hours: float
    latest: datetime | None


class CreatorBody(BaseModel):
    """A creator as everybody may see it."""

    id: UUID
    handle: str
    name: str
    greeting: str
    suggested_questions: tuple[str, ...]
    languages: tuple[str, ...]
    visibility: Access
    created_at: datetime
    coverage: CoverageBody | None = None

    @classmethod
    def of(cls, creator: Creator, coverage: Coverage | None = None) -> "CreatorBody":
        return cls(
            id=creator.id,
            handle=creator.handle,
            name=creator.name,
            greeting=creator.persona.greeting,
            suggested_questions=creator.persona.suggested_questions,
            languages=creator.languages,
            visibility=creator.visibility,
            created_at=creator.created_at,
            coverage=coverage
            and CoverageBody(sources=coverage.sources, hours=coverage.hours, latest=coverage.latest),
        )


class CreatorsBody(BaseModel):
    """The creators, by name."""

    creators: list[CreatorBody]


class SourceBody(BaseModel):
    """An item of a creator's library. `next_step` belongs to the error or to `withdrawn_reason`; without
    either it says what the item waits for.

    `ready_at` is when it first answered; the seconds until then count from its publication, and from when it was
    first seen here.
    """

    id: UUID
    external_id: str
    origin: str
    kind: str
    title: str
    url: str | None
    published_at: datetime | None
    duration_ms: int | None
    language: str | None
    speakers: tuple[str, ...]
    access: Access
    visible_from: datetime | None
    state: str
    error_code: str | None
    next_step: str | None
    withdrawn_reason: str | None
    first_seen_at: datetime | None
    ready_at: datetime | None
    published_to_ready_s: float | None
    seen_to_ready_s: float | None
    tags: tuple[str, ...]
    archived: bool

    @classmethod
    def of(cls, source: Source) -> "SourceBody":
        facts = source.facts
        return cls(
            id=source.id,
            external_id=facts.external_id,
            origin=facts.origin,
            kind=facts.kind,
            title=facts.title,
            url=facts.url,
            published_at=facts.published_at,
            duration_ms=facts.duration_ms,
            language=facts.language,
            speakers=facts.speakers,
            access=source.access,
            visible_from=source.visible_from,
            state=source.state,
            error_code=source.error_code,
            next_step=source.next_step,
            withdrawn_reason=source.withdrawn_reason,
            first_seen_at=source.first_seen_at,
            ready_at=source.ready_at,
            published_to_ready_s=_seconds(facts.published_at, source.ready_at),
            seen_to_ready_s=_seconds(source.first_seen_at, source.ready_at),
            tags=source.tags,
            archived=source.archived,
        )


class SourceChangeRequest(_Request):
    """What is to change about an item; what is left out stays. `visible_from: null` ends an embargo."""

    tags: Annotated[tuple[Line, ...], Field(max_length=50)] | None = None
    archived: bool | None = None
    access: Access | None = None
    visible_from: AwareDatetime | None = None

    def changes(self) -> SourceChanges:
        """The library's words for it."""
        return SourceChanges(
            tags=None if self.tags is None else tuple(dict.fromkeys(self.tags)),
            archived=self.archived,
            access=self.access,
            visible_from=self.visible_from,
            unveil=self.visible_from is None and "visible_from" in self.model_fields_set,
        )


def _seconds(begin: datetime | None, end: datetime | None) -> float | None:
    return None if begin is None or end is None else round((end - begin).total_seconds(), 3)


class SourcesBody(BaseModel):
    """A page of a library; `next_cursor` is for the following one, null on the last."""

    sources: list[SourceBody]
    next_cursor: str | None


class HitBody(BaseModel):
    """A passage that answers to the query."""

    passage_id: UUID
    source_id: UUID
    external_id: str
    title: str
    url: str | None
    text: str
    start_ms: int | None
    end_ms: int | None
    page: int | None
    speaker: str | None
    speaker_role: Role
    score: float

    @classmethod
    def of(cls, hit: Hit) -> "HitBody":
        return cls.model_construct(**{name: getattr(hit, name) for name in cls.model_fields})


class SearchBody(BaseModel):
    """Passages, best first, and how long each step took."""

    hits: list[HitBody]
    timings_ms: dict[str, float]

    @classmethod
    def of(cls, results: Results) -> "SearchBody":
        return cls.model_construct(
            hits=[HitBody.of(hit) for hit in results.hits], timings_ms=results.timings_ms
        )


class SubmissionBody(BaseModel):
    """What became of a submission; without a job there was nothing to do. A collection becomes a feed. An archive has
    no source of its own: the result of its job names those it held."""

    source_id: UUID | None
    job_id: UUID | None
    feed_id: UUID | None = None
    state: Literal["queued", "unchanged"]

    @classmethod
    def of(cls, accepted: Accepted) -> "SubmissionBody":
        return cls(
            source_id=accepted.source_id,
            job_id=accepted.job_id,
            feed_id=accepted.feed_id,
            state=accepted.state,
        )


class RemovalBody(BaseModel):
    """What was asked to be removed answers nobody any more; the job's result becomes the receipt."""

    job_id: UUID


class TransferBody(BaseModel):
    """A resumable upload. When all files of its item are whole, `job_id` is the job that makes a source of them."""

    id: UUID
    creator_id: UUID
    filename: str
    item: str
    files_expected: int
    length: int
    received: int
    state: str
    job_id: UUID | None
    source_id: UUID | None
    error_code: str | None
    created_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, transfer: Transfer) -> "TransferBody":
        return cls(**{name: getattr(transfer, name) for name in cls.model_fields})


class CheckBody(BaseModel):
    """One part that an answer needs: `ok`, or the code of what is wrong."""

    state: str
    detail: str = ""
    duration_ms: float

    @classmethod
    def of(cls, error: UnderstudyError | None, duration_ms: float) -> "CheckBody":
        if error is None:
            return cls(state="ok", duration_ms=duration_ms)
        return cls(state=error.code, detail=error.detail, duration_ms=duration_ms)


class HealthBody(BaseModel):
    """Whether the process lives, and with `/health/deep` each part it needs."""

    status: Literal["ok"] = "ok"
    checks: dict[str, CheckBody] | None = None


class CitationBody(BaseModel):
    """Where a statement was said. `url` opens the recording at the second; `quote` is word for word if `exact`."""

    marker: int
    source_id: UUID
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
    verified: Literal["exact", "paraphrase"]


class AnswerBody(BaseModel):
    """An answer. Markers in its text, `[1]`, are those of the citations; `searched` says in what was looked."""

    conversation_id: UUID
    message_id: UUID
    answer: str
    kind: str
    citations: list[CitationBody]
    model: str | None
    usage: dict[str, Any] | None
    timings_ms: dict[str, float] | None
    searched: CoverageBody | None


class MessageBody(BaseModel):
    """One message of a conversation; the fields of an answer are null in a question."""

    id: UUID
    ordinal: int
    role: Literal["user", "assistant"]
    text: str
    kind: str | None
    citations: list[dict[str, Any]]
    model: str | None
    usage: dict[str, Any] | None
    searched: dict[str, Any] | None
    timings_ms: dict[str, float] | None
    created_at: datetime

    @classmethod
    def of(cls, message: Message) -> "MessageBody":
        return cls(**{name: getattr(message, name) for name in cls.model_fields})


class MessagesBody(BaseModel):
    """A page of a conversation, oldest first; `next_cursor` is for the following one, null on the last."""

    conversation_id: UUID
    messages: list[MessageBody]
    next_cursor: int | None
