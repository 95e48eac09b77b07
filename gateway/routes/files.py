"""The files behind citations: what an item without an address elsewhere was made of, shown to whom the item answers.

Nothing in a file may act in this site's name: it is never taken for another type than it says, and a page runs no script.
"""

import re
from collections.abc import AsyncIterator
from datetime import datetime
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from creators import Source
from gateway.parts import PUBLIC, FromParts, IsAdmin, Parts, find_creator
from ingestion import Original
from runtime.errors import NotFound
from runtime.ids import SourceId

router = APIRouter(tags=["sources"])

# What a browser puts around a picture, a recording or a PDF to show it is held to the same policy. `sandbox` would keep its
# viewer of PDF away; a page gets it, and so has no origin, no scripts, no forms.
_SHOWN_POLICY = (
    "default-src 'none'; img-src 'self'; media-src 'self'; object-src 'self'; style-src 'unsafe-inline';"
    " frame-ancestors 'none'"
)
_PAGE_POLICY = "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; frame-ancestors 'none'"
# RFC 9110, section 14.1.2. Of several ranges at once none is answered: all of the file is, as section 14.2 allows.
_RANGE = re.compile(r"bytes=(?:([0-9]{1,18})-([0-9]{0,18})|-([0-9]{1,18}))")


@router.get(
    "/files/{source_id}",
    response_class=Response,
    responses={
        200: {"content": {"application/octet-stream": {}}, "description": "The file."},
        206: {
            "content": {"application/octet-stream": {}},
            "description": "The range of it that was asked for.",
        },
        304: {"description": "The file is the one that the client has."},
        416: {"description": "The file has no such range."},
    },
)
@router.head("/files/{source_id}", include_in_schema=False)
async def open_file(source_id: UUID, request: Request, parts: FromParts, is_admin: IsAdmin) -> Response:
    """The document or recording that an item was made of, as a citation opens it; for everybody whom the item answers."""
    original = await _find(parts, SourceId(source_id), is_admin=is_admin)
    tag = f'"{original.file.sha256}"'
    headers = _headers(original, tag)
    if tag in {one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")}:
        return Response(status_code=304, headers=headers)
    size = original.file.size
    first, last, status = 0, size - 1, 200
    found = _RANGE.fullmatch(request.headers.get("range", ""))
    if found is not None and request.headers.get("if-range", tag) == tag:
        first, last = _range(found, size)
        if first > last:
            return Response(status_code=416, headers={**headers, "Content-Range": f"bytes */{size}"})
        status = 206
        headers["Content-Range"] = f"bytes {first}-{last}/{size}"
    headers["Content-Length"] = str(last - first + 1)
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers, media_type=original.media_type)
    content = parts.contents.stream(original.file.sha256, first, last - first + 1)
    # The first bytes are there before anything is said: a file that is gone is told as that.
    begun = await anext(content, b"")
    return StreamingResponse(
        _joined(begun, content), status_code=status, headers=headers, media_type=original.media_type
    )


async def _find(parts: Parts, source_id: SourceId, *, is_admin: bool) -> Original:
    async with parts.database.transaction() as tx:
        source = await parts.library.source(tx, source_id)
        await find_creator(parts, tx, str(source.creator_id), is_admin=is_admin)
        visible = is_admin or _is_open(source, parts.clock.now())
        original = await parts.contents.original(tx, source) if visible else None
    if original is None:
        raise NotFound(
            "source_not_found", "There is no such source.", next_step="List the creator's sources."
        )
    return original


def _headers(original: Original, tag: str) -> dict[str, str]:
    name = quote(original.name, safe="")
    kind = "inline" if original.is_shown else "attachment"
    is_page = original.media_type.startswith("text/html")
    return {
        "Accept-Ranges": "bytes",
        "ETag": tag,
        # Whether it may be seen is asked each time.
        "Cache-Control": "private, no-cache",
        "Content-Disposition": f"{kind}; filename*=UTF-8''{name}",
        "Content-Security-Policy": _PAGE_POLICY if is_page else _SHOWN_POLICY,
    }


def _range(found: re.Match[str], size: int) -> tuple[int, int]:
    """The first and the last byte; the first behind the last where there are no such bytes."""
    begin, end, from_end = found.groups()
    if from_end is not None:
        return (max(0, size - int(from_end)), size - 1) if int(from_end) else (size, size - 1)
    last = min(int(end), size - 1) if end else size - 1
    return (int(begin), last) if not end or int(end) >= int(begin) else (size, size - 1)


async def _joined(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk


def _is_open(source: Source, now: datetime) -> bool:
    """Whether everybody may see the item now."""
    embargoed = source.visible_from is not None and source.visible_from > now
    return source.state == "ready" and source.access in PUBLIC and not embargoed and not source.archived
