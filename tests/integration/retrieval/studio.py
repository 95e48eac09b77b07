"""A creator's passages in a real PostgreSQL, written and searched through the room's own classes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import uuid4

from creators import Access, Catalogue, Creator, Library, NewCreator, SourceFacts
from retrieval import HybridRetriever, IndexName, PassageDraft, PassageIndex, PassageWriter, Query
from retrieval.testing import HashingEmbedder, MemoryIndex
from runtime.database import Database
from runtime.ids import SourceId
from runtime.testing import FixedClock

INDEX = IndexName("turns-v1.hashing.v1")
SEEDS = "Chili seeds want warmth and patience before they sprout."
LATHE = "A lathe tool must be sharpened before every long cut."
MINERS = "The difficulty adjustment follows the miners who left."
SOIL = "Potting soil needs more perlite than people think."


def drafts(*texts: str, header: str = "Talk") -> list[PassageDraft]:
    """One passage for each text, one segment and ten seconds each."""
    return [
        PassageDraft(
            text=text,
            header=header,
            first_segment=number,
            last_segment=number,
            token_count=len(text.split()),
            start_ms=number * 10_000,
            end_ms=(number + 1) * 10_000,
            speaker="Bev",
            speaker_role="creator",
        )
        for number, text in enumerate(texts)
    ]


async def unwatched(done: int, total: int) -> None:
    """Progress that no test looks at."""


@dataclass
class Studio:
    """Everything that is needed to write and to search, on one database."""

    database: Database
    index: PassageIndex = field(default_factory=MemoryIndex)
    embedder: HashingEmbedder = field(default_factory=HashingEmbedder)
    clock: FixedClock = field(default_factory=FixedClock)

    def __post_init__(self) -> None:
        self.catalogue = Catalogue(self.clock)
        self.library = Library(self.clock)
        self.writer = self.writer_on(self.index)
        self.retriever = self.retriever_on(self.index)

    def writer_on(self, index: PassageIndex) -> PassageWriter:
        return PassageWriter(database=self.database, embedder=self.embedder, index=index)

    def retriever_on(self, index: PassageIndex) -> HybridRetriever:
        return HybridRetriever(
            database=self.database,
            embedder=self.embedder,
            index=index,
            catalogue=self.catalogue,
            clock=self.clock,
        )

    async def creator(self, handle: str) -> Creator:
        async with self.database.transaction() as tx:
            return await self.catalogue.create(tx, NewCreator(handle, handle.title()), active_index=INDEX)

    async def source(self, creator: Creator, *, access: Access = "public") -> SourceId:
        facts = SourceFacts("youtube", uuid4().hex[:11], "video", "A talk")
        async with self.database.transaction() as tx:
            return (await self.library.register(tx, creator.id, facts, access=access)).id

    async def store(
        self, creator: Creator, source: SourceId, generation: int, passages: Sequence[PassageDraft]
    ) -> None:
        async with self.database.transaction() as tx:
            await self.writer.store(
                tx,
                creator_id=creator.id,
                source_id=source,
                generation=generation,
                chunker="turns-v1",
                drafts=passages,
            )

    async def publish(self, source: SourceId, generation: int) -> None:
        async with self.database.transaction() as tx:
            facts = (await self.library.source(tx, source)).facts
            await self.library.publish(tx, source, generation, facts, content_hash=str(generation))

    async def write(
        self,
        creator: Creator,
        passages: Sequence[PassageDraft],
        *,
        source: SourceId | None = None,
        generation: int = 1,
        access: Access = "public",
        writer: PassageWriter | None = None,
    ) -> SourceId:
        """All steps of an ingest, up to what nobody holds any more being forgotten."""
        source = source or await self.source(creator, access=access)
        writer = writer or self.writer
        await self.store(creator, source, generation, passages)
        await writer.embed(source, generation, unwatched)
        await writer.index(source, generation, INDEX, creator.id)
        await self.publish(source, generation)
        await writer.forget_stale(source)
        return source

    async def texts(
        self,
        creator: Creator,
        question: str,
        *,
        access: frozenset[Access] = frozenset({"public"}),
        sources: frozenset[SourceId] | None = None,
    ) -> list[str]:
        query = Query(creator.id, question, k=50, access=access, sources=sources)
        return [hit.text for hit in (await self.retriever.search(query)).hits]

    async def embargo(self, source: SourceId, until: datetime) -> None:
        async with self.database.transaction() as tx:
            await tx.execute("UPDATE creators.sources SET visible_from = %s WHERE id = %s", (until, source))

    async def withdraw(self, source: SourceId) -> None:
        async with self.database.transaction() as tx:
            await tx.execute(
                "UPDATE creators.sources SET withdrawn_at = %s WHERE id = %s", (self.clock.now(), source)
            )
