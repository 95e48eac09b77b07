"""A creator's library: list it, add to it."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from creators import Source
from gateway.bodies import SourceBody, SourcesBody, SubmissionBody
from gateway.feed_bodies import AddressRequest
from gateway.multipart import MOST_FILES, file_parts
from gateway.parts import PUBLIC, FromParts, IsAdmin, find_creator, require_admin
from runtime.errors import InvalidInput
from runtime.files import StoredFile
from runtime.ids import FeedId, SourceId, new_id

router = APIRouter(prefix="/api/v1/creators", tags=["sources"])

_UPLOAD_SCHEMA = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": AddressRequest.model_json_schema()},
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
                            "description": "The files of one item: `<id>.info.json` with its captions, captions alone, a document,"
                            " or an archive (zip, tar, tar.gz, tar.bz2, tar.xz; the parts of a Google Takeout together).",
                        }
                    },
                }
            },
        },
    }
}


@router.get("/{creator_id}/sources")
async def list_sources(
    creator_id: str,
    parts: FromParts,
    is_admin: IsAdmin,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
    cursor: Annotated[
        str | None, Query(max_length=200, description="`next_cursor` of the page before.")
    ] = None,
    feed: Annotated[UUID | None, Query(description="Only what this feed lists; needs the key.")] = None,
) -> SourcesBody:
    """List a creator's items, newest first: those that answer everybody; all of them for the administrator."""
    after = None if cursor is None else _place(cursor)
    async with parts.database.transaction() as tx:
        creator = await find_creator(parts, tx, creator_id, is_admin=is_admin)
        among = None
        if feed is not None:
            await require_admin(is_admin)
            among = await parts.addresses.source_ids(tx, creator.id, FeedId(feed))
        access = None if is_admin else PUBLIC
        found = await parts.library.page(
            tx, creator.id, limit=limit + 1, after=after, access=access, among=among
        )
    page = found[:limit]
    return SourcesBody(
        sources=[SourceBody.of(source) for source in page],
        next_cursor=_cursor(page[-1]) if len(found) > limit else None,
    )


def _cursor(last: Source) -> str:
    """Where a page ended, whatever becomes of its last item: when that was published, and its id."""
    at = last.facts.published_at
    return urlsafe_b64encode(f"{at.isoformat() if at else ''}|{last.id}".encode()).decode().rstrip("=")


def _place(cursor: str) -> tuple[datetime | None, SourceId]:
    try:
        at, _, last = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().partition("|")
        published_at = datetime.fromisoformat(at) if at else None
        if published_at is not None and published_at.tzinfo is None:
            raise ValueError("a time without a zone")
        return published_at, SourceId(UUID(last))
    except ValueError as error:
        raise InvalidInput(
            "cursor_invalid", "This is no cursor of a page.", next_step="Start again without a cursor."
        ) from error


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
    """Add one item, sent as one or several `file` parts; or, as JSON, whatever has an address: an item, or a
    collection, which becomes a feed. Needs the administrator key.
    """
    async with parts.database.transaction() as tx:
        creator = await find_creator(parts, tx, creator_id, is_admin=True)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        wanted = await _read_address(request)
        accepted = await parts.addresses.submit(creator, wanted.url, watch=wanted.watch, access=wanted.access)
        return SubmissionBody.of(accepted)
    if kind != "multipart/form-data":
        raise HTTPException(
            415,
            "Files are sent as multipart/form-data, in parts named `file`; an address as application/json.",
        )
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


async def _read_address(request: Request) -> AddressRequest:
    """A JSON body, read here so that the key is checked first; what is wrong with it is told as of any other."""
    try:
        return AddressRequest.model_validate_json(await request.body())
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)
        raise RequestValidationError([{**item, "loc": ("body", *item["loc"])} for item in found]) from error
