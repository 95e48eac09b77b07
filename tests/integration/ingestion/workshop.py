"""All of ingestion on a real database and real files, with a worker that a test drives; only the model is a stand-in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from creators import Catalogue, Creator, Library, NewCreator, Source
from ingestion import (
    Accepted,
    Addresses,
    Chunker,
    Contents,
    Ingestion,
    Origins,
    Pipeline,
    Scanner,
    Watcher,
    chunker_name,
)
from ingestion.node_parsers import LlamaIndexCutter
from ingestion.origins.types import Origin
from ingestion.parsing import ForkServerParser
from ingestion.speech.listening import Listener
from ingestion.speech.types import Transcriber
from jobs import Job, JobQueue, Registration, Runner
from jobs import store as job_statements
from jobs.leases import LeasedJob
from jobs.testing import NullWaker
from jobs.types import Lease
from retrieval import HybridRetriever, IndexName, PassageWriter, Query
from retrieval.testing import HashingEmbedder, MemoryIndex
from runtime.database import Database
from runtime.files import LocalFileStore
from runtime.ids import JobId, SourceId
from runtime.settings import ClamdSettings, FeedSettings, JobSettings, UploadSettings
from runtime.testing import FixedClock

TOKENS = 64
INDEX = IndexName("turns.hashing.1")


@dataclass
class Workshop:
    """The clock stands still: time passes by `clock.advance`."""

    database: Database
    root: Path
    origins: Sequence[Origin]
    transcriber: Transcriber | None = None
    clock: FixedClock = field(default_factory=FixedClock)

    def __post_init__(self) -> None:
        self.settings = FeedSettings(interval_s=900, hold_s=86400)
        self.jobs = JobSettings(lease_s=30, max_attempts=3, concurrency=4)
        self.catalogue, self.library = Catalogue(self.clock), Library(self.clock)
        self.files = LocalFileStore(self.root / "files")
        self.embedder, self.index = HashingEmbedder(), MemoryIndex()
        self.queue = JobQueue(waker=NullWaker(), clock=self.clock, max_attempts=self.jobs.max_attempts)
        known = Origins(self.origins)
        self.addresses = Addresses(
            database=self.database,
            library=self.library,
            queue=self.queue,
            origins=known,
            clock=self.clock,
            settings=self.settings,
        )
        self.contents = Contents(database=self.database, files=self.files, clock=self.clock)
        self.ingestion = Ingestion(
            database=self.database,
            files=self.files,
            library=self.library,
            chunker=chunker_name(TOKENS),
            queue=self.queue,
            clock=self.clock,
            contents=self.contents,
            scanner=Scanner(ClamdSettings()),
            limits=UploadSettings(),
        )
        self.parser = ForkServerParser()
        self.pipeline = self._pipeline(known)
        self.watcher = Watcher(
            database=self.database,
            library=self.library,
            queue=self.queue,
            origins=known,
            clock=self.clock,
            settings=self.settings,
            uniform=lambda: 0.5,
        )

    def _pipeline(self, known: Origins) -> Pipeline:
        count = self.embedder.count_tokens
        return Pipeline(
            database=self.database,
            files=self.files,
            catalogue=self.catalogue,
            library=self.library,
            writer=PassageWriter(database=self.database, embedder=self.embedder, index=self.index),
            chunker=Chunker(tokens=TOKENS, count_tokens=count, cutter=LlamaIndexCutter(count)),
            queue=self.queue,
            origins=known,
            admission=self.addresses.admission,
            parser=self.parser,
            listener=self.transcriber and Listener(database=self.database, transcriber=self.transcriber),
            contents=self.contents,
        )

    def runner(self, worker: str = "one", *, handlers: Mapping[str, Registration] | None = None) -> Runner:
        return Runner(
            database=self.database,
            queue=self.queue,
            handlers=handlers or {**self.pipeline.registrations(), **self.watcher.registrations()},
            clock=self.clock,
            jobs=self.jobs,
            worker=worker,
            uniform=lambda: 1.0,
        )

    async def work(self) -> int:
        """Do what is ready; returns how many jobs were taken."""
        return await self.runner().drain("parse", "embed", "speech")

    async def work_on(self, seconds: float) -> int:
        """Let time pass, with a sweep at its end as the beat has it, and do what is ready then."""
        self.clock.advance(seconds)
        runner = self.runner()
        await runner.sweep()
        return await runner.drain("parse", "embed")

    async def begin(self, queue: str = "parse") -> LeasedJob:
        """Take the next job, as a worker does that may die in the middle of it."""
        token, now = uuid4(), self.clock.now()
        async with self.database.transaction() as tx:
            job_id = await job_statements.claim(
                tx,
                queue,
                token=token,
                worker="dead",
                now=now,
                expires_at=now + timedelta(seconds=self.jobs.lease_s),
            )
            assert job_id is not None
            job = await self.queue.get(tx, job_id)
        lease = Lease(job_id, token)
        return LeasedJob(job, lease, database=self.database, clock=self.clock, settings=self.jobs)

    async def creator(self, handle: str = "bev") -> Creator:
        async with self.database.transaction() as tx:
            return await self.catalogue.create(tx, NewCreator(handle, handle.title()), active_index=INDEX)

    async def submit(self, creator: Creator, url: str, **options: Any) -> Accepted:
        return await self.addresses.submit(creator, url, **options)

    async def take_in(self, creator: Creator, url: str, **options: Any) -> Accepted:
        """Submit, and work until nothing is ready."""
        accepted = await self.submit(creator, url, **options)
        await self.work()
        return accepted

    async def sources(self, creator: Creator) -> dict[str, Source]:
        """By the last part of their addresses."""
        async with self.database.transaction() as tx:
            found = await self.library.sources(tx, creator.id)
        return {source.facts.external_id.rpartition("/")[2]: source for source in found}

    async def source_of(self, job: Job) -> Source:
        return await self.source(SourceId(UUID(str(job.payload["source_id"]))))

    async def states(self, creator: Creator) -> dict[str, str]:
        return {name: source.state for name, source in (await self.sources(creator)).items()}

    async def source(self, source_id: SourceId | None) -> Source:
        assert source_id is not None
        async with self.database.transaction() as tx:
            return await self.library.source(tx, source_id)

    async def job(self, job_id: JobId) -> Job:
        async with self.database.transaction() as tx:
            return await self.queue.get(tx, job_id)

    async def found(self, creator: Creator, question: str) -> list[str]:
        """Titles of the items in which passages are found."""
        retriever = HybridRetriever(
            database=self.database,
            embedder=self.embedder,
            index=self.index,
            catalogue=self.catalogue,
            clock=self.clock,
        )
        results = await retriever.search(Query(creator.id, question, k=50, access=frozenset({"public"})))
        return sorted({hit.title for hit in results.hits})

    async def value(self, query: str, *params: object) -> Any:
        async with self.database.transaction() as tx:
            return await tx.fetch_value(query, params)

    async def values(self, query: str) -> list[Any]:
        async with self.database.transaction() as tx:
            return await tx.fetch_values(query)

    async def events(self) -> list[str]:
        async with self.database.transaction() as tx:
            return await tx.fetch_values("SELECT event FROM runtime.outbox ORDER BY id")
