"""A creator's library: list it, add to it."""

import errno
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException

from creators import Source
from gateway.bodies import SourceBody, SourcesBody, SubmissionBody
from gateway.feed_bodies import AddressRequest
from gateway.parts import PUBLIC, FromParts, IsAdmin, find_creator, require_admin
from ingestion import Bundle, BundleFile
from runtime.errors import InvalidInput, StorageFull
from runtime.ids import FeedId, SourceId

# An item is an info file and its captions in a few languages, or one document.
MOST_FILES = 16
MOST_FIELDS = 4
LONGEST_NAME = 255

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
                            "description": "The files of one item: `<id>.info.json` with its captions, or a document.",
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
    cursor: Annotated[UUID | None, Query(description="`next_cursor` of the page before.")] = None,
    feed: Annotated[UUID | None, Query(description="Only what this feed lists; needs the key.")] = None,
) -> SourcesBody:
    """List a creator's items, newest first: those that answer everybody; all of them for the administrator."""
    async with parts.database.transaction() as tx:
        creator = await find_creator(parts, tx, creator_id, is_admin=is_admin)
        found = await parts.library.sources(tx, creator.id)
        if feed is not None:
            await require_admin(is_admin)
            listed = await parts.addresses.source_ids(tx, creator.id, FeedId(feed))
            found = [source for source in found if source.id in listed]
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
    return source.state == "ready" and source.access in PUBLIC and not embargoed


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
    """Add one item, sent as one or several `file` parts; or, as JSON, whatever has an address: an item, or a
    collection, which becomes a feed. Needs the administrator key.
    """
    async with parts.database.transaction() as tx:
        creator = await find_creator(parts, tx, creator_id, is_admin=True)
    if _media_type(request) == "application/json":
        wanted = await _read_address(request)
        accepted = await parts.addresses.submit(creator, wanted.url, watch=wanted.watch, access=wanted.access)
        return SubmissionBody.of(accepted)
    bundle = await _read_bundle(request)
    submission = await parts.ingestion.submit(creator, bundle, max_bytes=parts.settings.max_upload_bytes)
    if submission.job_id is None:
        response.status_code = 200
    return SubmissionBody(source_id=submission.source_id, job_id=submission.job_id, state=submission.state)


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def _read_address(request: Request) -> AddressRequest:
    """A JSON body, read here so that the key is checked first; what is wrong with it is told as of any other."""
    try:
        return AddressRequest.model_validate_json(await request.body())
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)
        raise RequestValidationError([{**item, "loc": ("body", *item["loc"])} for item in found]) from error


async def _read_bundle(request: Request) -> Bundle:
    """The files of a multipart body. It is read here, not by the framework, so that the key is checked first."""
    if _media_type(request) != "multipart/form-data":
        raise HTTPException(
            415,
            "Files are sent as multipart/form-data, in parts named `file`; an address as application/json.",
        )
    try:
        form = await request.form(max_files=MOST_FILES, max_fields=MOST_FIELDS)
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        raise StorageFull(
            "disk_full",
            "There is no room left to receive the file.",
            next_step="Free disk space where temporary files are kept, then send it again.",
        ) from error
    try:
        files = [BundleFile(_file_name(part), await part.read()) for part in _file_parts(form)]
    finally:
        await form.close()
    names = [file.name for file in files]
    if len(set(names)) < len(names):
        raise InvalidInput(
            "file_name_repeated",
            "Two files of the upload have the same name.",
            next_step="Send each file of the item once, under its own name.",
        )
    return Bundle(name=names[0], files=tuple(files))


def _file_parts(form: FormData) -> list[UploadFile]:
    others = sorted({name for name in form if name != "file"})
    parts = [part for part in form.getlist("file") if isinstance(part, UploadFile)]
    if others or not parts or len(parts) < len(form.multi_items()):
        detail = f"It also has {', '.join(others)[:100]!r}." if others else "It has none."
        raise InvalidInput(
            "file_missing",
            f"The upload must consist of files in parts named `file`. {detail}",
            next_step="Send it with: curl -F file=@talk.info.json -F file=@talk.en.vtt ...",
        )
    return parts


def _file_name(part: UploadFile) -> str:
    """The name as given, folders included; it never becomes a path here."""
    name = (part.filename or "").replace("\\", "/")
    steps = name.split("/")
    if not name.isprintable() or len(name) > LONGEST_NAME or any(step in {"", ".", ".."} for step in steps):
        raise InvalidInput(
            "file_name_invalid",
            f"{name[:80]!r} cannot be the name of a file.",
            next_step="Send the file under a plain name, for example talk.en.vtt.",
        )
    return name
