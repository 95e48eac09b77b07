"""The gateway on real rooms and a real PostgreSQL; only the model is a stand-in."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from accounts import AdminKey, GuestSigner
from chat import Conversations, ExtractiveResponder
from creators import Catalogue, Library, Segment
from gateway import Parts, build_gateway
from ingestion import (
    Addresses,
    Assembly,
    Contents,
    Ingestion,
    Origins,
    Removals,
    Remover,
    Scanner,
    Transfers,
    source_steering,
)
from jobs import JobQueue, JobWatch
from jobs.testing import NullWaker
from retrieval import HybridRetriever, IndexName, PassageDraft, PassageWriter
from retrieval.testing import HashingEmbedder, MemoryIndex
from runtime.database import Database
from runtime.files import LocalFileStore
from runtime.ids import SourceId
from runtime.settings import ClamdSettings, FeedSettings, GatewaySettings, UploadSettings
from runtime.testing import FixedClock

INDEX = IndexName("turns.hashing.1")
KEY = "k" * 43


@dataclass
class House:
    """All rooms, and the gateway above them."""

    app: FastAPI
    http: httpx.AsyncClient
    admin: httpx.AsyncClient
    database: Database
    library: Library
    writer: PassageWriter
    files: Path
    rooms: "Rooms"

    async def add_creator(self, handle: str, **more: Any) -> dict[str, Any]:
        made = await self.admin.post(
            "/api/v1/creators", json={"handle": handle, "name": handle.title(), **more}
        )
        assert made.status_code == 201, made.text
        return made.json()

    async def upload(self, handle: str, name: str, text: str) -> httpx.Response:
        files = [("file", (name, text.encode(), "application/octet-stream"))]
        return await self.admin.post(f"/api/v1/creators/{handle}/sources", files=files)

    async def publish(self, source_id: str, *texts: str) -> None:
        """What the worker makes of an upload: passages that answer."""
        async with self.database.transaction() as tx:
            source = await self.library.source(tx, SourceId(UUID(source_id)))
            segments = [Segment(i, text, role="creator", speaker="Bev") for i, text in enumerate(texts)]
            await self.library.write_segments(tx, source.id, 1, segments)
            await self.writer.store(
                tx,
                creator_id=source.creator_id,
                source_id=source.id,
                generation=1,
                chunker="turns",
                drafts=[
                    PassageDraft(
                        text=text,
                        header="H",
                        first_segment=i,
                        last_segment=i,
                        token_count=9,
                        speaker="Bev",
                        speaker_role="creator",
                    )
                    for i, text in enumerate(texts)
                ],
            )
        await self.writer.embed(source.id, 1, _unwatched)
        await self.writer.index(source.id, 1, INDEX, source.creator_id)
        async with self.database.transaction() as tx:
            await self.library.publish(tx, source.id, 1, source.facts, content_hash="x")

    async def count(self, table: str) -> int:
        async with self.database.transaction() as tx:
            return await tx.fetch_value(f"SELECT count(*) FROM {table}")


async def _unwatched(done: int, total: int) -> None:
    """Progress that no test looks at."""


@dataclass
class Rooms:
    """What stands below the gateway, on one database."""

    database: Database
    files: Path
    clamd: ClamdSettings = field(default_factory=ClamdSettings)
    stall_s: float = 30

    def __post_init__(self) -> None:
        self.clock = FixedClock()
        self.catalogue, self.library = Catalogue(self.clock), Library(self.clock)
        self.embedder, self.index = HashingEmbedder(), MemoryIndex()
        self.store = LocalFileStore(self.files)
        self.contents = Contents(database=self.database, files=self.store, clock=self.clock)
        self.uploads = UploadSettings(max_document_bytes=2**30, stall_s=self.stall_s)
        self.scanner = Scanner(self.clamd)
        self.queue = JobQueue(
            waker=NullWaker(),
            clock=self.clock,
            max_attempts=3,
            steering=source_steering(self.library),
        )
        self.writer = PassageWriter(database=self.database, embedder=self.embedder, index=self.index)
        self.retriever = HybridRetriever(
            database=self.database,
            embedder=self.embedder,
            index=self.index,
            catalogue=self.catalogue,
            clock=self.clock,
        )

    def responder(self) -> ExtractiveResponder:
        return ExtractiveResponder(
            database=self.database,
            retriever=self.retriever,
            embedder=self.embedder,
            catalogue=self.catalogue,
            library=self.library,
            clock=self.clock,
            max_question_chars=8000,
        )

    def ingestion(self) -> Ingestion:
        return Ingestion(
            database=self.database,
            files=self.store,
            library=self.library,
            chunker="turns",
            queue=self.queue,
            clock=self.clock,
            contents=self.contents,
            scanner=self.scanner,
            limits=self.uploads,
        )

    def transfers(self) -> Transfers:
        return Transfers(
            database=self.database,
            files=self.store,
            queue=self.queue,
            clock=self.clock,
            settings=self.uploads,
        )

    def assembly(self) -> Assembly:
        return Assembly(
            database=self.database,
            files=self.store,
            catalogue=self.catalogue,
            ingestion=self.ingestion(),
            contents=self.contents,
            library=self.library,
            clock=self.clock,
        )

    def remover(self) -> Remover:
        return Remover(
            database=self.database,
            files=self.store,
            catalogue=self.catalogue,
            library=self.library,
            writer=self.writer,
            contents=self.contents,
            queue=self.queue,
            clock=self.clock,
        )

    async def probe(self) -> None:
        async with self.database.transaction() as tx:
            await tx.fetch_value("SELECT 1")

    def gateway(self) -> FastAPI:
        return build_gateway(
            Parts(
                settings=GatewaySettings(),
                database=self.database,
                catalogue=self.catalogue,
                library=self.library,
                retriever=self.retriever,
                responder=self.responder(),
                conversations=Conversations(),
                jobs=self.queue,
                watch=JobWatch(database=self.database, queue=self.queue),
                ingestion=self.ingestion(),
                contents=self.contents,
                transfers=self.transfers(),
                removals=Removals(
                    catalogue=self.catalogue, library=self.library, queue=self.queue, clock=self.clock
                ),
                addresses=Addresses(
                    database=self.database,
                    library=self.library,
                    queue=self.queue,
                    origins=Origins(),
                    clock=self.clock,
                    settings=FeedSettings(),
                ),
                admin_key=AdminKey(KEY),
                guests=GuestSigner("s" * 43, self.clock),
                probes={"database": self.probe},
                deep_probes={"retrieval": self.retriever.ping},
                index_name=INDEX,
                clock=self.clock,
            )
        )


@pytest.fixture
async def house(database: Database, tmp_path: Path) -> AsyncIterator[House]:
    rooms = Rooms(database, tmp_path / "files")
    app = rooms.gateway()
    transport = httpx.ASGITransport(app)
    headers = {"Authorization": f"Bearer {KEY}"}
    async with (
        httpx.AsyncClient(transport=transport, base_url="http://test") as http,
        httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as admin,
    ):
        yield House(app, http, admin, database, rooms.library, rooms.writer, rooms.files, rooms)
