"""Resumable uploads by the tus protocol, version 1.0.0 (https://tus.io/protocols/resumable-upload).

Extensions: creation, creation-with-upload, expiration, checksum (sha1, sha256), termination. `Upload-Metadata` must say
`filename` and `creator_id` (id or handle). Without more, the file becomes an item of the library when its last byte has come.
Files that form one item (an info file and its captions) carry the same `item`, a word of the client's choice, and in `files` how
many they are. Answers name the job that makes the item in `Understudy-Job-Id`; `GET` tells everything about an upload.
"""

import base64
import binascii
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from email.utils import format_datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from gateway.bodies import TransferBody
from gateway.middleware import PIECE_MEDIA_TYPE
from gateway.multipart import MOST_FILES, check_file_name
from gateway.parts import FromParts, Parts, find_creator, require_admin
from gateway.problems import problem_response, status_of
from ingestion import Checksum, NewTransfer, Transfer
from runtime.errors import InvalidInput, UnderstudyError

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,expiration,checksum,termination"
ALGORITHMS = {"sha1": 20, "sha256": 32}
LONGEST_ITEM = 200
# What the protocol answers in its own way.
_STATUSES: Mapping[str, int] = {"upload_expired": 410, "upload_busy": 423, "checksum_wrong": 460}

router = APIRouter(prefix="/uploads", tags=["uploads"])


async def _speaks_tus(request: Request) -> None:
    """Refuse other versions of the protocol, before anything else is looked at."""
    if request.headers.get("tus-resumable") != VERSION:
        raise HTTPException(412, f"Tus-Resumable must be {VERSION}.", headers={"Tus-Version": VERSION})


TUS = [Depends(_speaks_tus), Depends(require_admin)]


@router.options("", status_code=204)
@router.options("/{upload_id}", status_code=204)
async def tell_what_is_understood(parts: FromParts) -> Response:
    """Say which version, extensions and sizes of the tus protocol are understood."""
    return Response(
        status_code=204,
        headers={
            "Tus-Resumable": VERSION,
            "Tus-Version": VERSION,
            "Tus-Extension": EXTENSIONS,
            "Tus-Max-Size": str(parts.transfers.max_bytes),
            "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
        },
    )


class UploadsBody(BaseModel):
    """The uploads of one item."""

    uploads: list[TransferBody]


@router.get("", dependencies=[Depends(require_admin)])
async def list_uploads(
    creator_id: str,
    item: Annotated[str, Query(min_length=1, max_length=LONGEST_ITEM)],
    parts: FromParts,
) -> UploadsBody:
    """The uploads of an item that have not ended: what a client that lost their addresses goes on with.

    Needs the administrator key.
    """
    async with parts.database.transaction() as tx:
        creator = await find_creator(parts, tx, creator_id, is_admin=True)
    found = await parts.transfers.resumable(creator.id, item)
    return UploadsBody(uploads=[TransferBody.of(transfer) for transfer in found])


@router.post("", status_code=201, dependencies=TUS)
async def begin_upload(request: Request, parts: FromParts) -> Response:
    """Begin a resumable upload; its address is in `Location`. Needs the administrator key."""

    async def begin() -> Response:
        transfer = await parts.transfers.begin(await _new_transfer(request, parts))
        headers = {"Location": f"/uploads/{transfer.id}"}
        if request.headers.get("content-type") == PIECE_MEDIA_TYPE:
            # The upload exists, whatever becomes of its first bytes: they can be sent again.
            added = await _answered(request, lambda: _add(request, parts, transfer.id, 0))
            if added.status_code >= 400:
                added.headers["Location"] = headers["Location"]
                return added
            transfer = await parts.transfers.look(transfer.id)
        return Response(status_code=201, headers={**headers, **_headers(transfer)})

    return await _answered(request, begin)


@router.head("/{upload_id}", dependencies=TUS)
async def tell_offset(upload_id: UUID, request: Request, parts: FromParts) -> Response:
    """How much of an upload has come. Needs the administrator key."""

    async def tell() -> Response:
        transfer = await parts.transfers.look(upload_id)
        if transfer.state == "refused":
            raise InvalidInput(transfer.error_code or "upload_refused", "The file was refused.")
        headers = {"Upload-Length": str(transfer.length), "Cache-Control": "no-store"}
        return Response(status_code=200, headers={**headers, **_headers(transfer)})

    return await _answered(request, tell)


@router.get("/{upload_id}", dependencies=[Depends(require_admin)])
async def show_upload(upload_id: UUID, parts: FromParts) -> TransferBody:
    """An upload, how far it is and what became of it. Needs the administrator key."""
    return TransferBody.of(await parts.transfers.look(upload_id))


@router.patch("/{upload_id}", status_code=204, dependencies=TUS)
async def add_to_upload(upload_id: UUID, request: Request, parts: FromParts) -> Response:
    """Send the bytes from `Upload-Offset` on. Needs the administrator key."""
    if request.headers.get("content-type") != PIECE_MEDIA_TYPE:
        raise HTTPException(415, f"Content-Type must be {PIECE_MEDIA_TYPE}.")
    offset = _number(request, "upload-offset")
    return await _answered(request, lambda: _add(request, parts, upload_id, offset))


@router.delete("/{upload_id}", status_code=204, dependencies=TUS)
async def terminate_upload(upload_id: UUID, request: Request, parts: FromParts) -> Response:
    """Give an upload up, and forget its bytes. Needs the administrator key."""

    async def terminate() -> Response:
        await parts.transfers.terminate(upload_id)
        return Response(status_code=204, headers={"Tus-Resumable": VERSION})

    return await _answered(request, terminate)


@router.post("/{upload_id}", dependencies=TUS)
async def in_place_of_another_method(upload_id: UUID, request: Request, parts: FromParts) -> Response:
    """For clients behind what lets no PATCH or DELETE through: the method is in `X-HTTP-Method-Override`."""
    methods = {"PATCH": add_to_upload, "DELETE": terminate_upload, "HEAD": tell_offset}
    meant = methods.get(request.headers.get("x-http-method-override", "").upper())
    if meant is None:
        raise HTTPException(405, "POST is not possible here without X-HTTP-Method-Override.")
    return await meant(upload_id, request, parts)


async def _add(request: Request, parts: Parts, upload_id: UUID, offset: int) -> Response:
    transfer = await parts.transfers.add(upload_id, offset, _until_gone(request), _checksum(request))
    return Response(status_code=204, headers=_headers(transfer))


async def _until_gone(request: Request) -> AsyncIterator[bytes]:
    """The bytes of a body; a client that goes in the middle ends them, and what came is kept."""
    try:
        async for chunk in request.stream():
            yield chunk
    except ClientDisconnect:
        return


async def _answered(request: Request, work: Callable[[], Awaitable[Response]]) -> Response:
    """What `work` answers; its errors as the protocol wants them, with its header on all of them."""
    try:
        return await work()
    except UnderstudyError as error:
        status = _STATUSES.get(error.code, status_of(error))
        if status >= 500 and status not in {503, 507}:
            raise
        return problem_response(
            request.scope,
            status,
            error.code,
            error.detail,
            next_step=error.next_step,
            headers={"Tus-Resumable": VERSION},
        )


def _headers(transfer: Transfer) -> dict[str, str]:
    headers = {
        "Tus-Resumable": VERSION,
        "Upload-Offset": str(transfer.received),
        "Upload-Expires": format_datetime(transfer.expires_at, usegmt=True),
    }
    if transfer.job_id is not None:
        headers["Understudy-Job-Id"] = str(transfer.job_id)
    return headers


async def _new_transfer(request: Request, parts: Parts) -> NewTransfer:
    metadata = _metadata(request.headers.get("upload-metadata", ""))
    missing = [name for name in ("filename", "creator_id") if not metadata.get(name)]
    if missing:
        raise InvalidInput(
            "upload_metadata_missing",
            f"Upload-Metadata does not say {' and '.join(missing)}.",
            next_step="Send the file's name as filename, and the creator's id or handle as creator_id.",
        )
    files, item = metadata.get("files", "1"), metadata.get("item") or None
    if not (files.isdecimal() and 1 <= int(files) <= MOST_FILES) or (item is None and files != "1"):
        raise _metadata_invalid(f"files must be 1 to {MOST_FILES}, and more than one needs an item.")
    if item is not None and (len(item) > LONGEST_ITEM or not item.isprintable()):
        raise _metadata_invalid(f"item must be a word of at most {LONGEST_ITEM} characters.")
    async with parts.database.transaction() as tx:
        creator = await find_creator(parts, tx, metadata["creator_id"], is_admin=True)
    return NewTransfer(
        creator_id=creator.id,
        filename=check_file_name(metadata["filename"]),
        length=_number(request, "upload-length"),
        item=item,
        files_expected=int(files),
    )


def _metadata(header: str) -> dict[str, str]:
    """`key base64,key base64`; a key without a value has the empty one."""
    found: dict[str, str] = {}
    for pair in filter(None, (part.strip() for part in header.split(","))):
        key, _, value = pair.partition(" ")
        try:
            found[key] = base64.b64decode(value, validate=True).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError) as error:
            raise _metadata_invalid(f"{key[:40]!r} is not text in base64.") from error
    return found


def _metadata_invalid(detail: str) -> InvalidInput:
    return InvalidInput(
        "upload_metadata_invalid",
        f"Upload-Metadata cannot be used: {detail}",
        next_step="Send pairs of a key and a value in base64, with commas between them.",
    )


def _number(request: Request, name: str) -> int:
    value = request.headers.get(name, "")
    if not (value.isascii() and value.isdecimal() and len(value) <= 18):
        raise HTTPException(400, f"The header {name.title()} must be a number of bytes.")
    return int(value)


def _checksum(request: Request) -> Checksum | None:
    header = request.headers.get("upload-checksum")
    if header is None:
        return None
    algorithm, _, value = header.partition(" ")
    try:
        digest = base64.b64decode(value, validate=True)
    except binascii.Error:
        digest = b""
    if algorithm == "sha1" and len(digest) == ALGORITHMS["sha1"]:
        return Checksum("sha1", digest)
    if algorithm == "sha256" and len(digest) == ALGORITHMS["sha256"]:
        return Checksum("sha256", digest)
    raise HTTPException(
        400,
        f"Upload-Checksum must be one of {', '.join(ALGORITHMS)} and the sum in base64.",
        headers={"Tus-Resumable": VERSION, "Tus-Checksum-Algorithm": ",".join(ALGORITHMS)},
    )
