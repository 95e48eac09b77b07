"""The chat room over real rooms and a real PostgreSQL; only the model is a stand-in."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from chat import AnswerEvent, ExtractiveResponder, Message, Question
from chat.store import Conversations
from creators import Access, Catalogue, Creator, Library, NewCreator, Segment, SourceFacts
from retrieval import HybridRetriever, IndexName, PassageDraft, PassageWriter, Retriever
from retrieval.testing import HashingEmbedder, MemoryIndex
from runtime.database import Database
from runtime.ids import ConversationId, GuestId, SourceId, new_id
from runtime.testing import FixedClock

INDEX = IndexName("turns.hashing.1")


@dataclass(frozen=True)
class Turn:
    """Something somebody says, in one passage of its own."""

    text: str
    speaker: str = "Maya"
    role: Any = "creator"
    sponsor: bool = False


@dataclass
class Room:
    """A creator with a library, a guest, and a responder."""

    database: Database
    clock: FixedClock
    embedder: HashingEmbedder = field(default_factory=HashingEmbedder)
    index: MemoryIndex = field(default_factory=MemoryIndex)
    guest: GuestId = field(default_factory=lambda: GuestId(new_id()))

    def __post_init__(self) -> None:
        self.catalogue, self.library = Catalogue(self.clock), Library(self.clock)
        self.writer = PassageWriter(database=self.database, embedder=self.embedder, index=self.index)

    def responder(self, retriever: Retriever | None = None, *, limit: int = 8000) -> ExtractiveResponder:
        real = HybridRetriever(
            database=self.database,
            embedder=self.embedder,
            index=self.index,
            catalogue=self.catalogue,
            clock=self.clock,
        )
        return ExtractiveResponder(
            database=self.database,
            retriever=retriever or real,
            embedder=self.embedder,
            catalogue=self.catalogue,
            library=self.library,
            clock=self.clock,
            max_question_chars=limit,
        )

    async def creator(self, handle: str = "maya", name: str = "Maya Ode") -> Creator:
        async with self.database.transaction() as tx:
            return await self.catalogue.create(tx, NewCreator(handle, name), active_index=INDEX)

    async def publish(
        self,
        creator: Creator,
        title: str,
        *turns: Turn,
        day: datetime | None = None,
        access: Access = "public",
        **facts: Any,
    ) -> SourceId:
        """A video of one turn every ten seconds."""
        known: dict[str, Any] = {"origin": "youtube", "external_id": title.replace(" ", "-"), "kind": "video"}
        described = SourceFacts(
            **(known | {"title": title, "published_at": day, "duration_ms": 10_000 * len(turns)} | facts)
        )
        segments = [
            Segment(i, turn.text, 10_000 * i, 10_000 * (i + 1), speaker=turn.speaker, role=turn.role)
            for i, turn in enumerate(turns)
        ]
        async with self.database.transaction() as tx:
            source = await self.library.register(tx, creator.id, described, access=access)
            await self.library.write_segments(tx, source.id, 1, segments)
            await self.writer.store(
                tx,
                creator_id=creator.id,
                source_id=source.id,
                generation=1,
                chunker="turns",
                drafts=[_draft(title, segment, turn) for segment, turn in zip(segments, turns, strict=True)],
            )
        await self.writer.embed(source.id, 1, _unwatched)
        await self.writer.index(source.id, 1, INDEX, creator.id)
        async with self.database.transaction() as tx:
            await self.library.publish(tx, source.id, 1, described, content_hash="x")
        return source.id

    def question(
        self, creator: Creator, text: str, conversation: ConversationId | None = None, **changes: Any
    ) -> Question:
        known: dict[str, Any] = {"guest": self.guest}
        return Question(creator.id, text, conversation, **(known | changes))

    async def ask(
        self, creator: Creator, text: str, conversation: ConversationId | None = None, **changes: Any
    ) -> list[AnswerEvent]:
        asked = self.question(creator, text, conversation, **changes)
        return [event async for event in self.responder().answer(asked)]

    async def messages(self, conversation: ConversationId) -> Sequence[Message]:
        async with self.database.transaction() as tx:
            return await Conversations().messages(tx, conversation, self.guest)

    async def count(self, table: str) -> int:
        async with self.database.transaction() as tx:
            return await tx.fetch_value(f"SELECT count(*) FROM {table}")


def _draft(title: str, segment: Segment, turn: Turn) -> PassageDraft:
    return PassageDraft(
        text=segment.text,
        header=title,
        first_segment=segment.ordinal,
        last_segment=segment.ordinal,
        token_count=len(segment.text.split()),
        start_ms=segment.start_ms,
        end_ms=segment.end_ms,
        speaker=segment.speaker,
        speaker_role=segment.role,
        sponsor=turn.sponsor,
    )


async def _unwatched(done: int, total: int) -> None:
    """Progress that no test looks at."""


@pytest.fixture
async def room(database: Database) -> Room:
    return Room(database, FixedClock(datetime(2026, 3, 1, tzinfo=UTC)))
