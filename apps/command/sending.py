"""Sending the files of an item: small ones in one request, large ones in pieces, so that they go on where they stopped."""

import hashlib
import time
from base64 import b64encode
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from apps.command.client import GatewayClient, Json
from runtime.errors import InvalidInput, Unavailable, UnderstudyError

if TYPE_CHECKING:
    from ingestion import BundleFile

# What is sent in one request, and so held in memory at once.
PIECE_BYTES = 8 * 2**20
# Together a little more than a minute: a gateway that starts anew is back by then, and one that waited for a line that broke has
# noticed. Each piece that gets through begins them anew.
PAUSES_S = (0.5, 1, 2, 4, 8, 16, 32)
_PASSING = frozenset({"upload_busy", "upload_offset_wrong"})
_HEAD_BYTES = 64 * 1024

Sent = Callable[[int, int], None]
"""Told how many bytes of how many have come."""


def is_large(files: Sequence["BundleFile"]) -> bool:
    """Whether these files are too much for one request. What cannot be looked at is told when it is read."""
    try:
        return sum(_path(file).stat().st_size for file in files) > PIECE_BYTES
    except OSError:
        return False


def send_at_once(gateway: GatewayClient, creator: str, files: Sequence["BundleFile"]) -> Json:
    """Send the files of one item in one request; what the gateway answers."""
    return gateway.upload(f"/api/v1/creators/{creator}/sources", [(file.name, file.read()) for file in files])


def send_in_pieces(gateway: GatewayClient, creator: str, files: Sequence["BundleFile"], sent: Sent) -> str:
    """Send the files of one item piece by piece, from where an earlier attempt stopped; the job that makes the item.

    Raises Unavailable `upload_interrupted` when the gateway stays away; what it says of the files otherwise.
    """
    from ingestion.bundles import file_unreadable

    item = _item_of(files)
    begun: list[Json] = gateway.get("/uploads", creator_id=creator, item=item)["uploads"]
    known = {upload["filename"]: upload for upload in begun}
    total = sum(_path(file).stat().st_size for file in files)
    before = 0
    job_id: str | None = None
    for file in files:
        try:
            with _path(file).open("rb") as opened:
                size = _path(file).stat().st_size
                upload = known.get(file.name) or _begin(gateway, creator, file.name, size, item, len(files))
                upload = _send(gateway, upload, opened, lambda at, done=before: sent(done + at, total))
        except OSError as error:
            raise file_unreadable(file.name, error) from error
        before += size
        job_id = upload["job_id"] or job_id
    if job_id is None:
        raise InvalidInput(
            "upload_gone", "The upload has been removed meanwhile.", next_step="Send the files again."
        )
    return job_id


def _begin(gateway: GatewayClient, creator: str, name: str, size: int, item: str, files: int) -> Json:
    said = {"filename": name, "creator_id": creator, "item": item, "files": str(files)}
    metadata = ",".join(f"{key} {b64encode(value.encode()).decode()}" for key, value in said.items())
    place = gateway.tus("POST", "/uploads", {"Upload-Length": str(size), "Upload-Metadata": metadata})
    return gateway.get(place["location"])


def _send(gateway: GatewayClient, upload: Json, file: BinaryIO, sent: Callable[[int], None]) -> Json:
    """Send what is missing of an upload; the upload, when all of it has come."""
    place, failures = f"/uploads/{upload['id']}", 0
    at = upload["received"]
    while at < upload["length"]:
        sent(at)
        file.seek(at)
        try:
            headers = {"Upload-Offset": str(at), "Content-Type": "application/offset+octet-stream"}
            answer = gateway.tus("PATCH", place, headers, file.read(PIECE_BYTES))
            reached = int(answer["upload-offset"])
            if reached == at:
                raise InvalidInput(
                    "file_changed",
                    f"{upload['filename']} became shorter while it was sent.",
                    next_step="Send it again when nothing writes to it any more.",
                )
            at, failures = reached, 0
        except UnderstudyError as error:
            if not error.transient and error.code not in _PASSING:
                raise
            if failures == len(PAUSES_S):
                raise _interrupted(upload, at) from error
            time.sleep(PAUSES_S[failures])
            failures += 1
            at = _reached(gateway, place, at)
    sent(at)
    return gateway.get(place)


def _reached(gateway: GatewayClient, place: str, at: int) -> int:
    """How much has come, as the gateway says; as it was known, while the gateway does not answer."""
    try:
        return gateway.get(place)["received"]
    except Unavailable:
        return at


def _item_of(files: Sequence["BundleFile"]) -> str:
    """A word for these files as they are now: the same when the same command is run again, another when one has changed."""
    digest = hashlib.sha256()
    for file in files:
        found = _path(file).stat()
        digest.update(f"{file.name}\0{found.st_size}\0{found.st_mtime_ns}\0".encode())
        digest.update(file.head(_HEAD_BYTES))
    return f"understudy-ingest-{digest.hexdigest()[:40]}"


def _path(file: "BundleFile") -> Path:
    assert isinstance(file.content, Path)  # noqa: S101 - as `discover_folder` finds it
    return file.content


def _interrupted(upload: Json, at: int) -> Unavailable:
    return Unavailable(
        "upload_interrupted",
        f"{upload['filename']} has come up to byte {at:,} of {upload['length']:,}; then the gateway did not answer any more.",
        next_step="Run the same command again: it goes on from there.",
    )
