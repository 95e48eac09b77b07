"""A creator's library: list it, add to it."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from creators import Source
from gateway.bodies import SourceBody, SourcesBody, SubmissionBody
from gateway.multipart import MOST_FILES, file_parts
from gateway.parts import PUBLIC, FromParts, IsAdmin, find_creator, require_admin
from runtime.errors import InvalidInput
from runtime.files import StoredFile
from runtime.ids import SourceId, new_id

router = APIRouter(prefix="/api/v1/creators", tags=["sources"])

_UPLOAD_SCHEMA = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {
                            "type": "array",
                            "minItems": 1,
                            "maxItems": MOST_FILES,
                            "items": {"type": "string", "format": "binary"},
                            "description": "The files of one item: `<id>.info.json` with its captions, or a document.",
                        }
                    },
                }
            }
        },
    }
}


@router.get("/{creator_id}/sources")
async def list_sources(
    creator_id: str,
    parts: FromParts,
    is_admin: IsAdmin,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
    cursor: Annotated[UUID | None, Query(description="`next_cursor` of the page before.")] = None,
) -> SourcesBody:
    """List a creator's items, newest first: those that answer everybody; all of them for the administrator."""
    async with parts.database.transaction() as tx:
        creator = await find_creator(parts, tx, creator_id, is_admin=is_admin)
        found = await parts.library.sources(tx, creator.id)
    if not is_admin:
        found = [source for source in found if _is_open(source, parts.clock.now())]
    start = _after(found, cursor)
    page = found[start : start + limit]
    more = start + limit < len(found)
    return SourcesBody(
        sources=[SourceBody.of(source) for source in page], next_cursor=str(page[-1].id) if more else None
    )


def _is_open(source: Source, now: datetime) -> bool:
    embargoed = source.visible_from is not None and source.visible_from > now
    return source.state == "ready" and source.access in PUBLIC and not embargoed and not source.archived


def _after(sources: list[Source], cursor: UUID | None) -> int:
    if cursor is None:
        return 0
    place = next((i for i, source in enumerate(sources) if source.id == SourceId(cursor)), None)
    if place is None:
        raise InvalidInput(
            "cursor_invalid", "The page to go on from is gone.", next_step="Start again without a cursor."
        )
    return place + 1


@router.post(
    "/{creator_id}/sources",
    status_code=202,
    responses={200: {"model": SubmissionBody, "description": "The item is there already, unchanged."}},
    dependencies=[Depends(require_admin)],
    openapi_extra=_UPLOAD_SCHEMA,
)
async def add_source(
    creator_id: str, request: Request, response: Response, parts: FromParts
) -> SubmissionBody:
    """Add one item, sent as one or several `file` parts. Needs the administrator key."""
    async with parts.database.transaction() as tx:
        creator = await find_creator(parts, tx, creator_id, is_admin=True)
    holder, kept = new_id(), dict[str, StoredFile]()
    try:
        async for part in file_parts(request):
            kept[part.name] = await parts.contents.keep(
                holder, part.content, limit=parts.settings.max_upload_bytes
            )
        submission = await parts.ingestion.submit_kept(creator, kept, holder)
    finally:
        await parts.contents.let_go(holder)
    if submission.job_id is None:
        response.status_code = 200
    return SubmissionBody(source_id=submission.source_id, job_id=submission.job_id, state=submission.state)
