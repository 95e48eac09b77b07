"""Working on an archive: each item in it is submitted as if it had been sent alone.

What became of an item is recorded before the next is begun. A job that dies goes on behind the last one recorded;
the one it was at is submitted again, which finds it there.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import PurePosixPath
from typing import Final, Protocol
from uuid import UUID

import structlog

from creators import Catalogue, Creator
from ingestion.archives import store
from ingestion.archives.accepting import KIND
from ingestion.archives.store import ItemOutcome
from ingestion.bundles import Bundle, BundleFile, Problem, group_files
from ingestion.contents import Contents
from ingestion.origins.archive import LIMITS, Archive, ArchiveLimits, open_archive
from ingestion.origins.takeout import is_takeout, takeout_items
from jobs import Effect, Job, JobContext, Registration
from runtime.clock import Clock
from runtime.database import Database, JsonValue, Transaction
from runtime.errors import InvalidInput, UnderstudyError
from runtime.files import FileStore
from runtime.ids import JobId, SourceId, new_id

log = structlog.get_logger(__name__)

# A result is read whole by whoever looks at the job.
_MOST_PROBLEMS: Final = 500


class Submitted(Protocol):
    """What became of a submission."""

    @property
    def source_id(self) -> SourceId | None: ...
    @property
    def job_id(self) -> JobId | None: ...


class Submitter(Protocol):
    """Takes single items in, as `Ingestion` does."""

    async def submit(self, creator: Creator, bundle: Bundle) -> Submitted:
        """Accept an item; the same one again is found to be there."""
        ...


class ArchiveUnpacker:
    """Works on the jobs that `ArchiveIntake` queues."""

    def __init__(
        self,
        *,
        database: Database,
        files: FileStore,
        catalogue: Catalogue,
        ingestion: Submitter,
        contents: Contents,
        clock: Clock,
        limits: ArchiveLimits = LIMITS,
    ) -> None:
        self._database = database
        self._files = files
        self._catalogue = catalogue
        self._ingestion = ingestion
        self._contents = contents
        self._clock = clock
        self._limits = limits

    def registrations(self) -> dict[str, Registration]:
        """The jobs of this module by kind, for the worker."""
        stages = {"open": 1, "submit": 9}
        return {KIND: Registration(self.unpack, on_failed=self._on_failed, stages=stages)}

    async def unpack(self, context: JobContext) -> Effect:
        """Submit every item of an archive. One that cannot be taken is noted and does not stop the others."""
        job_id = context.job.id
        async with self._database.transaction() as tx:
            archive = await store.archive(tx, UUID(str(context.job.payload["archive_id"])))
            creator = await self._catalogue.find(tx, str(archive.creator_id))
            done = await store.outcomes(tx, job_id)
        await context.progress("open", 0, 1)
        async with AsyncExitStack() as stack:
            parts: list[Archive] = []
            for name, stored in archive.files.items():
                path = await stack.enter_async_context(self._files.local(stored.sha256))
                opened = open_archive(path, name, self._limits)
                parts.append(await asyncio.to_thread(opened.__enter__))
                stack.push_async_callback(asyncio.to_thread, opened.__exit__, None, None, None)
            items = await asyncio.to_thread(items_of, parts)
            if not items:
                raise _empty()
            for ordinal in range(len(done), len(items)):
                await context.progress("submit", ordinal, len(items))
                outcome = await self._take(creator, ordinal, items[ordinal])
                async with self._database.transaction() as tx:
                    await context.fence(tx)
                    await store.add_outcomes(tx, archive.id, job_id, [outcome])

        async def effect(tx: Transaction) -> dict[str, JsonValue]:
            result = await _result(tx, job_id=job_id)
            await self._forget(tx, archive.id)
            return result

        return effect

    async def _on_failed(self, tx: Transaction, job: Job) -> None:
        # What is wrong with the archive itself will be so whenever it is tried.
        if job.error_code is not None and job.error_code.startswith("archive_"):
            await self._forget(tx, UUID(str(job.payload["archive_id"])))

    async def _forget(self, tx: Transaction, archive_id: UUID) -> None:
        """Everything in it has been submitted, and is kept by itself: the archive is needed no more."""
        holder = new_id()
        if await store.forget(tx, archive_id, holder, self._clock.now()):
            tx.after_commit(lambda: self._let_go(holder))

    async def _let_go(self, holder: UUID) -> None:
        try:
            await self._contents.let_go(holder)
        except UnderstudyError as error:
            log.warning("archive_left", code=error.code)  # the sweep comes by later

    async def _take(self, creator: Creator, ordinal: int, item: Bundle | Problem) -> ItemOutcome:
        if isinstance(item, Problem):
            return _failed(ordinal, item.name, item.error)
        try:
            submitted = await self._ingestion.submit(creator, item)
        except UnderstudyError as error:
            if error.transient:
                raise
            return _failed(ordinal, item.name, error)
        state = "unchanged" if submitted.job_id is None else "queued"
        return ItemOutcome(ordinal, item.name, state, submitted.source_id, submitted.job_id)


def items_of(parts: Sequence[Archive]) -> list[Bundle | Problem]:
    """What the parts of an archive hold together, folder by folder, always in the same order."""
    files: dict[str, BundleFile] = {}
    problems: dict[str, Problem] = {}
    for part in parts:
        for member in part.members:
            if member.error is not None:
                problems[member.name] = Problem(member.name, member.error)
            else:
                files[member.name] = BundleFile(member.name, partial(part.stream, member.name))
    if is_takeout(files):
        return [*takeout_items([files[name] for name in sorted(files)]), *_of_videos(problems.values())]
    folders: dict[str, list[BundleFile]] = {}
    for name in sorted(files):
        folders.setdefault(str(PurePosixPath(name).parent), []).append(files[name])
    found = [item for folder in sorted(folders) for item in group_files(folders[folder])]
    return [*found, *problems.values()]


def _of_videos(problems: Iterable[Problem]) -> list[Problem]:
    """Of a Takeout's members that cannot be taken, those that are not passed over anyway."""
    return [problem for problem in problems if problem.error.code != "archive_nested"]


def _failed(ordinal: int, name: str, error: UnderstudyError) -> ItemOutcome:
    return ItemOutcome(
        ordinal,
        name,
        "failed",
        error_code=error.code,
        error_detail=error.detail,
        next_step=error.next_step,
    )


async def _result(tx: Transaction, *, job_id: JobId) -> dict[str, JsonValue]:
    done = await store.outcomes(tx, job_id)
    counts = Counter(item.state for item in done)
    problems: list[JsonValue] = [
        {"name": item.name, "code": item.error_code, "detail": item.error_detail, "next_step": item.next_step}
        for item in done
        if item.state == "failed"
    ]
    taken: list[JsonValue] = [
        {"name": item.name, "source_id": _text(item.source_id), "job_id": _text(item.submitted_job_id)}
        for item in done
        if item.state != "failed"
    ]
    return {
        "counts": {"queued": counts["queued"], "unchanged": counts["unchanged"], "failed": counts["failed"]},
        "items": taken,
        "problems": problems[:_MOST_PROBLEMS],
        "problems_left_out": max(0, len(problems) - _MOST_PROBLEMS),
    }


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)


def _empty() -> InvalidInput:
    return InvalidInput(
        "archive_empty",
        "The archive holds no files.",
        next_step="Check that the right files were packed, and send it again.",
    )
