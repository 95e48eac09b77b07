"""Corrections of transcripts: taken in here, and made true by the job of their source."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from creators import Creator, Library, Replacement, Source, TextChange
from ingestion.removal.leaving import refuse_leaving
from ingestion.removal.store import is_leaving
from ingestion.submitting import EMBED, job_of
from jobs import JobQueue
from runtime.database import Transaction
from runtime.errors import InvalidInput, NotFound
from runtime.ids import JobId, SourceId

# One request changes at most so many texts: some seconds of work in one transaction.
MOST_CHANGES: Final = 5000


@dataclass(frozen=True, slots=True)
class WantedText:
    """`text` in place of `original`, or `original` again for None; `source` is the id of a source, or its external id."""

    source: str
    original: str
    text: str | None


@dataclass(frozen=True, slots=True)
class RefusedText:
    """A wish that cannot be followed: its place in the list from 0 on, and why."""

    place: int
    code: str
    detail: str
    next_step: str


@dataclass(frozen=True, slots=True)
class CorrectionOutcome:
    """What became of many wishes, or would. `changes` are those that change anything; `unchanged` says how many did
    not. `jobs`, by source, make them true: a job that ran already may leave that to the one after it."""

    changes: tuple[TextChange, ...]
    unchanged: int = 0
    refused: tuple[RefusedText, ...] = ()
    jobs: Mapping[SourceId, JobId] = field(default_factory=dict[SourceId, JobId])


class Corrections:
    """Takes corrections in. What is given stays its owner's to close."""

    def __init__(self, *, library: Library, queue: JobQueue) -> None:
        self._library = library
        self._queue = queue

    async def correct(
        self, tx: Transaction, creator: Creator, source_id: SourceId, key: str, text: str | None
    ) -> CorrectionOutcome:
        """Have a source say `text` wherever it says what `key` names; what it said itself for None.

        Raises NotFound `source_not_found`, `segment_not_found`, Conflict `source_leaving`, and what `TextChange.to` raises.
        """
        await self.source(tx, creator, source_id)
        await self._library.lock(tx, source_id)
        await refuse_leaving(tx, creator.id, source_id)
        said = await self._library.edits.one(tx, source_id, key)
        if said is None:
            raise NotFound(
                "segment_not_found",
                "The source does not say this, and it was not corrected before.",
                next_step="List the segments again: the source may have been taken in anew.",
            )
        return await self._make(tx, creator, [said.to(text)])

    async def take(
        self, tx: Transaction, creator: Creator, wanted: Sequence[WantedText], *, dry_run: bool
    ) -> CorrectionOutcome:
        """Make many corrections; what is wrong with one keeps none of the others from being made."""
        found = await self._library.sources(tx, creator.id)
        placed: list[tuple[int, SourceId, WantedText]] = []
        refused: list[RefusedText] = []
        for place, wish in enumerate(wanted):
            if source := _named(found, wish.source):
                placed.append((place, source.id, wish))
            else:
                refused.append(_left_out(place, _no_source()))
        said = await self._library.edits.said(tx, [(id, wish.original) for _, id, wish in placed])
        changes: list[TextChange] = []
        for (place, _, wish), change in zip(placed, said, strict=True):
            try:
                changes.append(change.to(wish.text))
            except InvalidInput as error:
                refused.append(_left_out(place, error))
        outcome = await self._make(tx, creator, changes, dry_run=dry_run)
        refused.sort(key=lambda refusal: refusal.place)
        return CorrectionOutcome(outcome.changes, outcome.unchanged, tuple(refused), outcome.jobs)

    async def replace(
        self,
        tx: Transaction,
        creator: Creator,
        replacement: Replacement,
        *,
        source_id: SourceId | None,
        dry_run: bool,
    ) -> CorrectionOutcome:
        """Put words in place of others in all that a creator's sources say, or one does.

        Raises InvalidInput `replacement_empty`, `replacement_too_wide`, NotFound `source_not_found`.
        """
        if source_id is not None:
            await self.source(tx, creator, source_id)
        holding = await self._library.edits.holding(
            tx, creator.id, source_id, replacement.needle, MOST_CHANGES + 1
        )
        if len(holding) > MOST_CHANGES:
            raise InvalidInput(
                "replacement_too_wide",
                f"More than {MOST_CHANGES:,} places may hold this.",
                next_step="Name one source, or more words.",
            )
        changes = [change for change in map(replacement.of, holding) if change.is_change]
        return await self._make(tx, creator, changes, dry_run=dry_run)

    async def apply(
        self, tx: Transaction, creator: Creator, sources: Sequence[SourceId]
    ) -> dict[SourceId, JobId]:
        """See to it that corrections which are not applied yet will be, as when their job has failed.

        Returns the jobs of those of the creator's sources that have some, and so nothing once all of them are applied.
        """
        own = {source.id for source in await self._library.sources(tx, creator.id)}
        wanted = [id for id in sorted(own & set(sources)) if not await is_leaving(tx, creator.id, id)]
        for id in wanted:
            await self._library.lock(tx, id)
        return await self._queued(tx, creator, wanted)

    async def source(self, tx: Transaction, creator: Creator, source_id: SourceId) -> Source:
        """A source of this creator. Raises NotFound `source_not_found`, also for another creator's."""
        source = await self._library.source(tx, source_id)
        if source.creator_id != creator.id:
            raise _no_source()
        return source

    async def _make(
        self, tx: Transaction, creator: Creator, changes: Sequence[TextChange], *, dry_run: bool = False
    ) -> CorrectionOutcome:
        # What is being removed needs no correction. Locked in one order, so that two requests cannot wait for each other.
        sources = [
            id
            for id in sorted({change.source_id for change in changes})
            if not await is_leaving(tx, creator.id, id)
        ]
        made = tuple(change for change in changes if change.is_change and change.source_id in sources)
        unchanged = sum(not change.is_change for change in changes)
        if dry_run:
            return CorrectionOutcome(made, unchanged)
        for id in sources:
            await self._library.lock(tx, id)
        await self._library.edits.make(tx, made)
        return CorrectionOutcome(made, unchanged, jobs=await self._queued(tx, creator, sources))

    async def _queued(
        self, tx: Transaction, creator: Creator, sources: Sequence[SourceId]
    ) -> dict[SourceId, JobId]:
        """A job for each of these sources that does not say yet what it is to say; they must be locked."""
        return {
            id: await self._queue.enqueue(tx, job_of(creator.id, id, queue=EMBED))
            for id in sources
            if await self._library.edits.outdated(tx, id)
        }


def _named(sources: Sequence[Source], name: str) -> Source | None:
    """The source with this id, or the only one with this external id."""
    by_id = [source for source in sources if str(source.id) == name.lower()]
    found = by_id or [source for source in sources if source.facts.external_id == name]
    return found[0] if len(found) == 1 else None


def _no_source() -> NotFound:
    return NotFound("source_not_found", "There is no such source.", next_step="List the creator's sources.")


def _left_out(place: int, error: InvalidInput | NotFound) -> RefusedText:
    return RefusedText(place, error.code, error.detail, error.next_step)
