"""What a transfer is."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from runtime.ids import CreatorId, JobId, SourceId

# Open: bytes are missing. Whole: all are there. The item then becomes accepted or refused, by a job.
TransferState = Literal["open", "whole", "accepted", "refused", "expired", "terminated"]


@dataclass(frozen=True, slots=True)
class NewTransfer:
    """A file that is to come in, `length` bytes of it.

    Files of the same creator and `item` form one item when `files_expected` of them are whole; without `item` the file is one.
    """

    creator_id: CreatorId
    filename: str
    length: int
    item: str | None = None
    files_expected: int = 1


@dataclass(frozen=True, slots=True)
class Transfer:
    """A file that comes in, and how much of it has. `job_id` is the job that makes an item of it."""

    id: UUID
    creator_id: CreatorId
    filename: str
    item: str
    files_expected: int
    length: int
    received: int
    state: TransferState
    job_id: JobId | None
    source_id: SourceId | None
    error_code: str | None
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of bytes that is kept in the file store under `name`, in the group of its transfer."""

    first_byte: int
    size: int
    name: str


@dataclass(frozen=True, slots=True)
class Checksum:
    """What the bytes of one request must add up to."""

    algorithm: Literal["sha1", "sha256"]
    digest: bytes
