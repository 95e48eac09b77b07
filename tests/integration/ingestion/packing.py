"""What takes an archive in, on a real database: the way in, and a worker that can die on the way."""

import asyncio
import io
import os
import signal
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from creators import Catalogue, Creator, Library, NewCreator
from ingestion import ArchiveUnpacker, Bundle, Contents, Ingestion, Scanner, Submission
from jobs import Job, JobQueue, Runner
from jobs.testing import NullWaker
from runtime.clock import Clock, SystemClock
from runtime.database import Database
from runtime.files import LocalFileStore
from runtime.ids import JobId
from runtime.settings import ClamdSettings, JobSettings, UploadSettings
from runtime.testing import FixedClock


@dataclass
class Packing:
    """The rooms below an archive's job."""

    database: Database
    folder: Path
    clock: Clock = field(default_factory=FixedClock)

    def __post_init__(self) -> None:
        self.catalogue = Catalogue(self.clock)
        self.files = LocalFileStore(self.folder)
        self.queue = JobQueue(waker=NullWaker(), clock=self.clock, max_attempts=5)
        self.contents = Contents(database=self.database, files=self.files, clock=self.clock)
        self.ingestion = Ingestion(
            database=self.database,
            files=self.files,
            library=Library(self.clock),
            chunker="turns",
            queue=self.queue,
            clock=self.clock,
            contents=self.contents,
            scanner=Scanner(ClamdSettings()),
            limits=UploadSettings(),
        )

    async def creator(self, handle: str = "bev") -> Creator:
        async with self.database.transaction() as tx:
            return await self.catalogue.create(tx, NewCreator(handle, handle.title()), active_index="x")

    def runner(self, submitter: object = None) -> Runner:
        """A worker that knows archives only: the items it submits stay queued."""
        unpacker = ArchiveUnpacker(
            database=self.database,
            files=self.files,
            catalogue=self.catalogue,
            ingestion=submitter or self.ingestion,
            contents=self.contents,
            clock=self.clock,
        )
        return Runner(
            database=self.database,
            queue=self.queue,
            handlers=unpacker.registrations(),
            clock=self.clock,
            jobs=JobSettings(lease_s=5, heartbeat_s=1, concurrency=1),
            worker="one",
        )

    async def job(self, job_id: object) -> Job:
        async with self.database.transaction() as tx:
            return await self.queue.get(tx, JobId(UUID(str(job_id))))

    def kept(self) -> set[str]:
        """The names of all contents that are kept."""
        return {path.name for path in self.folder.rglob("*") if path.is_file()}

    async def count(self, table: str) -> int:
        async with self.database.transaction() as tx:
            return await tx.fetch_value(f"SELECT count(*) FROM {table}")


def packed(files: Mapping[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name, (2026, 1, 2, 3, 4, 6)), text)
    return buffer.getvalue()


@dataclass
class Dying:
    """Submits as `Ingestion` does, and is killed when it has done so `after` times."""

    ingestion: Ingestion
    after: int

    async def submit(self, creator: Creator, bundle: Bundle) -> Submission:
        submitted = await self.ingestion.submit(creator, bundle)
        self.after -= 1
        if not self.after:
            os.kill(os.getpid(), signal.SIGKILL)
        return submitted


async def _die(url: str, folder: str, after: int) -> None:
    database = await Database.open(url, min_size=1, max_size=4, timeout_s=10)
    packing = Packing(database, Path(folder), SystemClock())
    await packing.runner(Dying(packing.ingestion, after)).drain("parse", "embed")


if __name__ == "__main__":
    asyncio.run(_die(sys.argv[1], sys.argv[2], int(sys.argv[3])))
