"""What a source says, segment by segment, and the creator's corrections of it."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query

from gateway.correction_bodies import (
    ApplyBody,
    ApplyRequest,
    CorrectionOutcomeBody,
    CorrectionRequest,
    CorrectionsBody,
    ReplacementRequest,
    SegmentBody,
    SegmentsBody,
    SourceJobBody,
    WantedListRequest,
)
from gateway.parts import FromParts, find_creator, require_admin
from gateway.questions import require_json
from runtime.ids import SourceId

router = APIRouter(
    prefix="/api/v1/creators/{creator_id}", tags=["corrections"], dependencies=[Depends(require_admin)]
)

Key = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="`key` of a segment.")]
Cursor = Annotated[
    str | None,
    Query(pattern="^[0-9a-f-]{36}[.][0-9a-f]{64}$", description="`next_cursor` of the page before."),
]


@router.get("/sources/{source_id}/segments")
async def list_segments(
    creator_id: str,
    source_id: UUID,
    parts: FromParts,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
    after: Annotated[int, Query(ge=-1, le=2**31 - 1, description="`next_after` of the page before.")] = -1,
    at_ms: Annotated[int | None, Query(ge=0, le=2**53, description="Only what is said at this time.")] = None,
    corrected: Annotated[bool, Query(description="Only what is corrected.")] = False,
) -> SegmentsBody:
    """List what a published source says, with its times and corrections. Needs the administrator key."""
    async with parts.database.transaction() as tx:
        creator = await find_creator(parts, tx, creator_id, is_admin=True)
        source = await parts.corrections.source(tx, creator, SourceId(source_id))
        found = await parts.library.edits.segments(
            tx, source.id, after=after, limit=limit + 1, at_ms=at_ms, only_corrected=corrected
        )
    page = found[:limit]
    return SegmentsBody(
        segments=[SegmentBody.of(segment) for segment in page],
        next_after=page[-1].ordinal if len(found) > limit else None,
    )


@router.put("/sources/{source_id}/corrections/{key}", status_code=202, dependencies=[Depends(require_json)])
async def put_correction(
    creator_id: str, source_id: UUID, key: Key, body: CorrectionRequest, parts: FromParts
) -> CorrectionOutcomeBody:
    """Correct what a source says, wherever it says the same. It is kept when the source is taken in again.

    Answers say it when the job has ended. Needs the administrator key.
    """
    async with parts.database.transaction() as tx:
        creator = await find_creator(parts, tx, creator_id, is_admin=True)
        outcome = await parts.corrections.correct(tx, creator, SourceId(source_id), key, body.text)
    return CorrectionOutcomeBody.of(outcome)


@router.delete("/sources/{source_id}/corrections/{key}", status_code=202)
async def remove_correction(
    creator_id: str, source_id: UUID, key: Key, parts: FromParts
) -> CorrectionOutcomeBody:
    """Take a correction back: the source says again what it said itself. Needs the administrator key."""
    async with parts.database.transaction() as tx:
        creator = await find_creator(parts, tx, creator_id, is_admin=True)
        outcome = await parts.corrections.correct(tx, creator, SourceId(source_id), key, None)
    return CorrectionOutcomeBody.of(outcome)


@router.get("/corrections")
async def list_corrections(
    creator_id: str,
    parts: FromParts,
    source: Annotated[UUID | None, Query(description="Only those of this source.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
    cursor: Cursor = None,
) -> CorrectionsBody:
    """List a creator's corrections, those that are not applied too. Needs the administrator key."""
    after = None
    if cursor is not None:
        place, _, key = cursor.partition(".")
        after = SourceId(UUID(place)), key
    async with parts.database.transaction() as tx:
        creator = await find_creator(parts, tx, creator_id, is_admin=True)
        if source is not None:
            await parts.corrections.source(tx, creator, SourceId(source))
        found = await parts.library.edits.corrections(
            tx,
            creator.id,
            source_id=None if source is None else SourceId(source),
            after=after,
            limit=limit + 1,
        )
    return CorrectionsBody.of(found, limit)


@router.post("/corrections", status_code=202, dependencies=[Depends(require_json)])
async def take_corrections(
    creator_id: str, body: WantedListRequest, parts: FromParts
) -> CorrectionOutcomeBody:
    """Make many corrections at once, each by what it replaces. Needs the administrator key.

    One that cannot be made is told with its place in the list; the others are made.
    """
    async with parts.database.transaction() as tx:
        creator = await find_creator(parts, tx, creator_id, is_admin=True)
        wanted = [one.wanted() for one in body.corrections]
        outcome = await parts.corrections.take(tx, creator, wanted, dry_run=body.dry_run)
    return CorrectionOutcomeBody.of(outcome, dry_run=body.dry_run)


@router.post("/corrections/apply", status_code=202, dependencies=[Depends(require_json)])
async def apply_corrections(creator_id: str, body: ApplyRequest, parts: FromParts) -> ApplyBody:
    """Have these sources say what they are corrected to, if they do not yet: after a job that failed, or to know when it
    is done. Needs the administrator key.
    """
    async with parts.database.transaction() as tx:
        creator = await find_creator(parts, tx, creator_id, is_admin=True)
        jobs = await parts.corrections.apply(tx, creator, [SourceId(id) for id in body.source_ids])
    return ApplyBody(jobs=SourceJobBody.all_of(jobs))


@router.post("/corrections/replace", status_code=202, dependencies=[Depends(require_json)])
async def replace_words(creator_id: str, body: ReplacementRequest, parts: FromParts) -> CorrectionOutcomeBody:
    """Correct words that are heard wrongly wherever they are said, in one source or all. Needs the administrator key."""
    async with parts.database.transaction() as tx:
        creator = await find_creator(parts, tx, creator_id, is_admin=True)
        outcome = await parts.corrections.replace(
            tx,
            creator,
            body.replacement(),
            source_id=None if body.source_id is None else SourceId(body.source_id),
            dry_run=body.dry_run,
        )
    return CorrectionOutcomeBody.of(outcome, dry_run=body.dry_run)
