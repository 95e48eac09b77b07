"""The parts that several processes need, put together from the settings.

Importing this module takes seconds: it brings in the index and the model.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from apps.origins import open_origins
from creators import Catalogue, Library
from ingestion import Addresses, Contents, Ingestion, Origins, Scanner, chunker_name, source_steering
from jobs import JobQueue
from jobs.celery_bridge import CeleryWaker, build_celery
from retrieval import HybridRetriever, IndexName, PassageIndex, PassageWriter
from retrieval.embedders.onnx import OnnxEmbedder
from retrieval.indexes.lance import LanceIndex
from runtime.clock import Clock, SystemClock
from runtime.database import Database
from runtime.files import FileStore, LocalFileStore
from runtime.settings import Settings

# Bumped when entries of an index are made differently; the names of chunker and embedder are in it too.
INDEX_VERSION = 1


@dataclass(frozen=True, slots=True)
class Core:
    """What the gateway, the worker and the command's maintenance share."""

    settings: Settings
    clock: Clock
    database: Database
    files: FileStore
    contents: Contents
    catalogue: Catalogue
    library: Library
    queue: JobQueue
    embedder: OnnxEmbedder
    index: PassageIndex
    retriever: HybridRetriever
    writer: PassageWriter
    ingestion: Ingestion
    origins: Origins
    addresses: Addresses

    @property
    def index_name(self) -> IndexName:
        """The index that these settings build, and that a new creator answers from."""
        chunker = chunker_name(self.settings.chunking.tokens)
        return IndexName(f"{chunker}.{self.embedder.name}.v{INDEX_VERSION}")


@asynccontextmanager
async def open_core(settings: Settings) -> AsyncGenerator[Core]:
    """Open what the settings name; everything is closed at the end of the block.

    Raises Unavailable when the database cannot be reached or the model is not installed.
    """
    embedder = OnnxEmbedder(threads=settings.embedder.threads)
    index = LanceIndex(settings.index_path, dimension=embedder.dimension)
    try:
        database = await Database.open(
            settings.database.url.get_secret_value(),
            min_size=settings.database.pool_min,
            max_size=settings.database.pool_max,
            timeout_s=settings.database.timeout_s,
        )
        try:
            async with open_origins(settings) as origins:
                yield _core(settings, database, embedder, index, origins)
        finally:
            await database.close()
    finally:
        await index.close()
        embedder.close()


def _core(
    settings: Settings, database: Database, embedder: OnnxEmbedder, index: PassageIndex, origins: Origins
) -> Core:
    clock = SystemClock()
    catalogue, library = Catalogue(clock), Library(clock)
    files = open_files(settings)
    contents = Contents(database=database, files=files, clock=clock)
    waker = CeleryWaker(build_celery(settings))
    queue = JobQueue(
        waker=waker, clock=clock, max_attempts=settings.jobs.max_attempts, steering=source_steering(library)
    )
    return Core(
        settings=settings,
        clock=clock,
        database=database,
        files=files,
        contents=contents,
        catalogue=catalogue,
        library=library,
        queue=queue,
        embedder=embedder,
        index=index,
        retriever=HybridRetriever(
            database=database, embedder=embedder, index=index, catalogue=catalogue, clock=clock
        ),
        writer=PassageWriter(database=database, embedder=embedder, index=index),
        ingestion=Ingestion(
            database=database,
            files=files,
            library=library,
            chunker=chunker_name(settings.chunking.tokens),
            queue=queue,
            clock=clock,
            contents=contents,
            scanner=Scanner(settings.clamd),
            limits=settings.uploads,
        ),
        origins=origins,
        addresses=Addresses(
            database=database,
            library=library,
            queue=queue,
            origins=origins,
            clock=clock,
            settings=settings.feeds,
        ),
    )


def open_files(settings: Settings) -> FileStore:
    """The file store that the settings name."""
    if not settings.files.url:
        return LocalFileStore(settings.files_path)
    from runtime.s3_files import S3FileStore

    return S3FileStore.open(settings.files, settings.files_path / "incoming")
