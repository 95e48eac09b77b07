"""Rooms that hold what a test puts into them, and a gateway on top of these."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import numpy as np
from fastapi import FastAPI

from accounts import AdminKey, GuestSigner
from chat.types import (
    AnswerEvent,
    Citation,
    CitationMade,
    Delta,
    Done,
    Message,
    Meta,
    ModelChosen,
    Question,
    SourcesFound,
    Usage,
)
from creators import Access, Coverage, Creator, NewCreator, Persona, Source
from gateway import Parts, Probe, build_gateway
from jobs import Job
from retrieval import Hit, IndexName, Query, Results
from runtime.errors import Conflict, NotFound
from runtime.ids import (
    ConversationId,
    CreatorId,
    GuestId,
    JobId,
    MessageId,
    PassageId,
    SourceId,
    new_id,
)
from runtime.settings import GatewaySettings
from runtime.testing import FixedClock
from tests.unit.gateway.fake_ingestion import FakeAddresses, FakeContents, FakeIngestion

KEY = "a" * 43
NOW = datetime(2026, 1, 1, tzinfo=UTC)
ADMIN = {"Authorization": f"Bearer {KEY}"}


def creator(handle: str, **changes: Any) -> Creator:
    named: dict[str, Any] = {
        "id": CreatorId(new_id()),
        "handle": handle,
        "name": handle.title(),
        "persona": Persona(
            voice="dry", greeting=f"Hi, {handle} here.", suggested_questions=("Why?",), voices=("Me",)
        ),
        "languages": ("en",),
        "visibility": "public",
        "active_index": "index",
        "created_at": NOW,
    }
    return Creator(**(named | changes))


def hit(text: str) -> Hit:
    return Hit(
        passage_id=PassageId(new_id()),
        source_id=SourceId(new_id()),
        external_id="abc",
        origin="youtube",
        kind="video",
        title="A talk",
        url="https://www.youtube.com/watch?v=abc&t=12s",
        text=text,
        start_ms=12_000,
        end_ms=15_500,
        page=None,
        heading=None,
        speaker="Bev",
        speaker_role="creator",
        sponsor=False,
        published_at=NOW,
        generation=1,
        ordinal=3,
        first_segment=4,
        last_segment=6,
        score=0.75,
        dense=0.5,
        lexical=7.0,
    )


def job(**changes: Any) -> Job:
    named: dict[str, Any] = {
        "id": JobId(new_id()),
        "queue": "ingest",
        "kind": "ingestion.source",
        "fairness_key": "k",
        "payload": {"secret": "internal"},
        "state": "running",
        "attempts": 1,
        "max_attempts": 5,
        "run_at": NOW,
        "stage": "embed",
        "progress_done": 3,
        "progress_total": 9,
        "error_code": None,
        "error_detail": None,
        "next_step": None,
        "result": None,
        "created_at": NOW,
        "started_at": NOW,
        "finished_at": None,
    }
    return Job(**(named | changes))


class FakeDatabase:
    """Gives out transactions that nothing is written with."""

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[None]:
        yield None

    reading = transaction


@dataclass
class FakeCatalogue:
    creators: list[Creator] = field(default_factory=list)

    async def create(self, tx: Any, new: NewCreator, *, active_index: str) -> Creator:
        if any(known.handle == new.handle for known in self.creators):
            raise Conflict("creator_exists", "There is one already.", next_step="Choose another handle.")
        made = creator(
            new.handle,
            name=new.name,
            persona=new.persona,
            languages=new.languages,
            visibility=new.visibility,
            active_index=active_index,
        )
        self.creators.append(made)
        return made

    async def find(self, tx: Any, reference: str) -> Creator:
        for known in self.creators:
            if reference in {known.handle, str(known.id)}:
                return known
        raise NotFound(
            "creator_not_found",
            f"There is no creator {reference[:80]!r}.",
            next_step="List the creators with ./understudy creators or GET /api/v1/creators.",
        )

    async def all(self, tx: Any, *, include_private: bool = False) -> list[Creator]:
        return [known for known in self.creators if include_private or known.visibility == "public"]


@dataclass
class FakeLibrary:
    items: list[Source] = field(default_factory=list)
    asked: list[frozenset[Access]] = field(default_factory=list)

    async def page(self, tx: Any, creator_id: CreatorId, **which: Any) -> list[Source]:
        return self.items

    async def coverage(self, tx: Any, creator_id: CreatorId, *, access: frozenset[Access]) -> Coverage:
        self.asked.append(access)
        return Coverage(len(self.items), 1.5, NOW)


@dataclass
class FakeRetriever:
    hits: Sequence[Hit] = ()
    queries: list[Query] = field(default_factory=list)

    async def search(self, query: Query) -> Results:
        self.queries.append(query)
        return Results(tuple(self.hits), np.zeros(3, np.float32), {"search": 1.5})


@dataclass
class FakeJobs:
    known: list[Job] = field(default_factory=list)
    asked: list[Any] = field(default_factory=list)

    async def get(self, tx: Any, job_id: JobId) -> Job:
        for one in self.known:
            if one.id == job_id:
                return one
        raise NotFound("job_not_found", "There is no such job.", next_step="List the jobs.")

    async def recent(self, tx: Any, *, limit: int, **chosen: str | None) -> list[Job]:
        self.asked.append((limit, *chosen.values()))
        return self.known[:limit]


@dataclass
class FakeWatch:
    """Tells the states it was given."""

    states: list[Job] = field(default_factory=list)

    async def follow(self, job_id: JobId) -> AsyncGenerator[Job]:
        if not self.states:
            raise NotFound("job_not_found", "There is no such job.", next_step="List the jobs.")
        for state in self.states:
            yield state


@dataclass
class FakeResponder:
    """Answers with the events it was given; an exception among them is raised in its place.

    `gate` holds the answer back after its first event until it is set; `begun` and `closed` say how far it is.
    """

    events: list[AnswerEvent | Exception] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    gate: asyncio.Event | None = None
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, question: Question) -> AsyncGenerator[AnswerEvent]:
        self.questions.append(question)
        self.begun.set()
        try:
            for event in self.events:
                if isinstance(event, Exception):
                    raise event
                yield event
                if self.gate is not None:
                    await self.gate.wait()
        finally:
            self.closed.set()


@dataclass
class FakeConversations:
    """One conversation of one guest."""

    id: ConversationId = field(default_factory=lambda: ConversationId(new_id()))
    guest: GuestId | None = None
    known: list[Message] = field(default_factory=list)

    async def messages(
        self,
        tx: Any,
        conversation_id: ConversationId,
        guest: GuestId,
        *,
        after: int = 0,
        limit: int | None = None,
    ) -> list[Message]:
        if (conversation_id, guest) != (self.id, self.guest):
            raise NotFound("conversation_not_found", "There is no such conversation.")
        return [message for message in self.known if message.ordinal > after][:limit]


def message(ordinal: int) -> Message:
    asked = ordinal % 2 == 1
    return Message(
        id=new_id(),
        ordinal=ordinal,
        role="user" if asked else "assistant",
        text=f"text {ordinal}",
        kind=None if asked else "covered",
        standalone=None,
        citations=[] if asked else [{"marker": 1}],
        model=None if asked else "extractive",
        usage=None,
        searched=None if asked else {"sources": 8, "hours": 1.5, "latest": None},
        timings_ms=None,
        created_at=NOW,
    )


def citation(marker: int) -> Citation:
    return Citation(
        marker=marker,
        source_id=SourceId(new_id()),
        external_id="abc",
        title="Chains",
        url="https://www.youtube.com/watch?v=abc&t=272s",
        open_url=None,
        start_ms=272_000,
        end_ms=280_000,
        page=None,
        heading=None,
        speaker="Bev",
        speaker_role="creator",
        sponsor=False,
        published_at=NOW,
        quote="Change the chain.",
        translation=None,
        verified="exact",
    )


def whole_answer() -> list[AnswerEvent]:
    """The events of an answer that goes well."""
    return [
        Meta(1, ConversationId(new_id()), MessageId(new_id())),
        SourcesFound(2, Coverage(8, 1.5, NOW), (hit("Change the chain."),)),
        ModelChosen(3, "extractive"),
        Delta(4, "“Change the chain.” "),
        CitationMade(5, citation(1)),
        Delta(6, "[1]"),
        Done(7, "covered", Usage(), {"retrieval": 12.5}),
    ]


async def well() -> None:
    """A probe of a part that works."""


@dataclass
class World:
    """All fakes, and the gateway on them."""

    settings: GatewaySettings = field(default_factory=lambda: GatewaySettings(max_upload_bytes=4096))
    clock: FixedClock = field(default_factory=FixedClock)
    catalogue: FakeCatalogue = field(default_factory=FakeCatalogue)
    library: FakeLibrary = field(default_factory=FakeLibrary)
    retriever: FakeRetriever = field(default_factory=FakeRetriever)
    responder: FakeResponder = field(default_factory=FakeResponder)
    conversations: FakeConversations = field(default_factory=FakeConversations)
    jobs: FakeJobs = field(default_factory=FakeJobs)
    watch: FakeWatch = field(default_factory=FakeWatch)
    ingestion: FakeIngestion = field(default_factory=FakeIngestion)
    contents: FakeContents = field(default_factory=FakeContents)
    addresses: FakeAddresses = field(default_factory=FakeAddresses)
    probes: dict[str, Probe] = field(default_factory=lambda: {"database": well})
    deep_probes: dict[str, Probe] = field(default_factory=lambda: {"retrieval": well})

    def __post_init__(self) -> None:
        parts: dict[str, Any] = {name: getattr(self, name) for name in self.__dataclass_fields__}
        self.guests = GuestSigner("s" * 43, self.clock)
        self.app: FastAPI = build_gateway(
            Parts(
                **parts,
                database=FakeDatabase(),
                transfers=None,
                removals=None,
                admin_key=AdminKey(KEY),
                guests=self.guests,
                index_name=IndexName("chunker.embedder.1"),
            )
        )

    def client(self, **options: Any) -> httpx.AsyncClient:
        """A client; an error that the application lets through fails the test."""
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://test", **options)
