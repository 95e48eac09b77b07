"""Accepting an archive: its parts are kept, and one job is queued that takes its items in."""

import asyncio
import hashlib
from collections.abc import Mapping
from typing import Final
from uuid import UUID

from creators import Creator
from ingestion.archives import store
from ingestion.bundles import Bundle, BundleFile, is_archive
from ingestion.contents import Contents
from ingestion.origins.archive import looks_packed
from jobs import JobQueue, NewJob
from runtime.clock import Clock
from runtime.database import Database
from runtime.errors import InvalidInput
from runtime.files import StoredFile
from runtime.ids import JobId

# As `ingestion.submitting.PARSE`, which imports this module.
QUEUE: Final = "parse"
KIND: Final = "ingestion.archive"
_HEAD: Final = 512


class ArchiveIntake:
    """Takes archives in."""

    def __init__(self, *, database: Database, contents: Contents, queue: JobQueue, clock: Clock) -> None:
        self._database = database
        self._contents = contents
        self._queue = queue
        self._clock = clock

    def takes(self, bundle: Bundle) -> bool:
        """Whether this is an archive, by the names of its files."""
        return any(is_archive(file.name) for file in bundle.files)

    async def submit(
        self, creator: Creator, bundle: Bundle, kept: Mapping[str, StoredFile], holder: UUID
    ) -> JobId:
        """Accept the parts of one archive, by name `kept` for `holder`; the job that works on it.

        Raises InvalidInput `archive_broken`, `archive_not_alone`; what reading a file raises.
        """
        if not all(is_archive(file.name) for file in bundle.files):
            raise InvalidInput(
                "archive_not_alone",
                "An archive was sent together with other files.",
                next_step="Send the archive alone, and the other files on their own.",
            )
        for file in bundle.files:
            await asyncio.to_thread(_check, file)
        digests = ",".join(sorted(file.sha256 for file in kept.values()))
        content_hash = hashlib.sha256(digests.encode()).hexdigest()
        async with self._database.transaction() as tx:
            archive_id = await store.keep_archive(tx, creator.id, content_hash, kept, self._clock.now())
            # From here on the row keeps the parts; until here the hold does, whoever removes the same content.
            await self._contents.release(tx, holder)
            return await self._queue.enqueue(
                tx,
                NewJob(
                    queue=QUEUE,
                    kind=KIND,
                    fairness_key=str(creator.id),
                    payload={"archive_id": str(archive_id)},
                    dedupe_key=str(archive_id),
                ),
            )


def _check(file: BundleFile) -> None:
    if not looks_packed(file.head(_HEAD)):
        raise InvalidInput(
            "archive_broken",
            f"{file.name} has the name of an archive and is none.",
            next_step="Send a .zip, .tar, .tar.gz, .tar.bz2 or .tar.xz, or give the file the name that fits it.",
        )
