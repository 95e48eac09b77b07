"""The parts that several processes need, put together from the settings."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from creators import Catalogue, Library
from jobs import JobQueue
from jobs.celery_bridge import CeleryWaker, build_celery
from retrieval import HybridRetriever, IndexName, PassageIndex, PassageWriter
from retrieval.embedders.onnx import OnnxEmbedder
from retrieval.indexes.lance import LanceIndex
from runtime.clock import Clock, SystemClock
from runtime.database import Database
from runtime.files import LocalFileStore
from runtime.settings import Settings

# Bumped when entries of an index are made differently; the names of chunker and embedder are in it too.
INDEX_VERSION = 1
ADMIN_KEY_FILE = "admin.key"
SIGNING_KEY_FILE = "signing.key"


@dataclass(frozen=True, slots=True)
class Core:
    """What the gateway, the worker and the command's maintenance share."""

    settings: Settings
    clock: Clock
    database: Database
    files: LocalFileStore
    catalogue: Catalogue
    library: Library
    queue: JobQueue
    embedder: OnnxEmbedder
    index: PassageIndex
    retriever: HybridRetriever
    writer: PassageWriter


@asynccontextmanager
async def open_core(settings: Settings) -> AsyncGenerator[Core]:
    """Open what the settings name; everything is closed at the end of the block.

    Raises Unavailable when the database cannot be reached.
    """
    clock = SystemClock()
    database = await Database.open(
        settings.database.url.get_secret_value(),
        min_size=settings.database.pool_min,
        max_size=settings.database.pool_max,
        timeout_s=settings.database.timeout_s,
    )
    embedder = OnnxEmbedder(threads=settings.embedder.threads, batch_size=settings.embedder.batch_size)
    index = LanceIndex(settings.index_path)
    catalogue, library = Catalogue(clock), Library(clock)
    waker = CeleryWaker(build_celery(settings))
    try:
        yield Core(
            settings=settings,
            clock=clock,
            database=database,
            files=LocalFileStore(settings.files_path),
            catalogue=catalogue,
            library=library,
            queue=JobQueue(waker=waker, clock=clock, max_attempts=settings.jobs.max_attempts),
            embedder=embedder,
            index=index,
            retriever=HybridRetriever(
                database=database, embedder=embedder, index=index, catalogue=catalogue, clock=clock
            ),
            writer=PassageWriter(database=database, embedder=embedder, index=index),
        )
    finally:
        await index.close()
        await embedder.close()
        await database.close()


def index_name(settings: Settings, embedder: OnnxEmbedder, chunker: str) -> IndexName:
    """The name of the index that these settings build."""
    return IndexName(f"{chunker}.{embedder.name}.v{INDEX_VERSION}")
