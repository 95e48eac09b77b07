"""The statements about transfers."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from ingestion.transfers.types import NewTransfer, Piece, Transfer, TransferState
from runtime.database import Transaction
from runtime.ids import CreatorId, JobId, SourceId


async def add(tx: Transaction, id: UUID, new: NewTransfer, *, now: datetime, expires_at: datetime) -> None:
    """Begin a transfer; another of the same name in the same item that has not become one is given up for it."""
    item = new.item or str(id)
    await tx.execute(
        "UPDATE ingestion.transfers SET state = 'terminated', holder = NULL, busy_until = NULL, expires_at = %s"
        " WHERE creator_id = %s AND item = %s AND filename = %s AND state IN ('open', 'whole') AND job_id IS NULL",
        (now, new.creator_id, item, new.filename),
    )
    await tx.execute(
        "INSERT INTO ingestion.transfers (id, creator_id, filename, item, files_expected, length, created_at,"
        " expires_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        (id, new.creator_id, new.filename, item, new.files_expected, new.length, now, expires_at),
    )


async def find(tx: Transaction, id: UUID) -> Transfer | None:
    """One transfer."""
    return await tx.fetch_one(
        Transfer,
        "SELECT id, creator_id, filename, item, files_expected, length, received, state, job_id, source_id,"
        " error_code, created_at, expires_at FROM ingestion.transfers WHERE id = %s",
        (id,),
    )


async def resumable(tx: Transaction, creator_id: CreatorId, item: str) -> list[Transfer]:
    """The transfers of an item that can be gone on with, or are being made the item; the newest of each name."""
    return await tx.fetch_all(
        Transfer,
        "SELECT DISTINCT ON (filename) id, creator_id, filename, item, files_expected, length, received, state,"
        " job_id, source_id, error_code, created_at, expires_at FROM ingestion.transfers"
        " WHERE creator_id = %s AND item = %s AND state IN ('open', 'whole') ORDER BY filename, id DESC",
        (creator_id, item),
    )


async def claim(
    tx: Transaction, id: UUID, *, offset: int, holder: UUID, now: datetime, until: datetime
) -> bool:
    """Give one request the right to add to an open transfer; False when another has it, or it stands elsewhere."""
    return bool(
        await tx.execute(
            "UPDATE ingestion.transfers SET holder = %(holder)s, busy_until = %(until)s WHERE id = %(id)s"
            " AND state = 'open' AND received = %(offset)s AND expires_at > %(now)s"
            " AND (busy_until IS NULL OR busy_until <= %(now)s)",
            {"id": id, "offset": offset, "holder": holder, "now": now, "until": until},
        )
    )


async def is_busy(tx: Transaction, id: UUID, now: datetime) -> bool:
    """Whether a request is adding to the transfer."""
    return await tx.fetch_value(
        "SELECT EXISTS (SELECT FROM ingestion.transfers WHERE id = %s AND busy_until > %s)", (id, now)
    )


async def advance(
    tx: Transaction,
    id: UUID,
    holder: UUID,
    pieces: Sequence[Piece],
    *,
    busy_until: datetime,
    expires_at: datetime,
) -> bool:
    """Add pieces to what was received; False when the right to has been lost."""
    size = sum(piece.size for piece in pieces)
    moved = await tx.execute(
        "UPDATE ingestion.transfers SET received = received + %(size)s, busy_until = %(until)s,"
        " expires_at = %(expires)s WHERE id = %(id)s AND holder = %(holder)s AND received = %(first)s"
        " AND state = 'open'",
        {
            "id": id,
            "holder": holder,
            "size": size,
            "first": pieces[0].first_byte,
            "until": busy_until,
            "expires": expires_at,
        },
    )
    if not moved:
        return False
    await tx.execute_many(
        "INSERT INTO ingestion.transfer_pieces (transfer_id, first_byte, size, name) VALUES (%s, %s, %s, %s)",
        [(id, piece.first_byte, piece.size, piece.name) for piece in pieces],
    )
    return True


async def release(tx: Transaction, id: UUID, holder: UUID) -> None:
    """Let the next request add to the transfer."""
    await tx.execute(
        "UPDATE ingestion.transfers SET holder = NULL, busy_until = NULL WHERE id = %s AND holder = %s",
        (id, holder),
    )


async def complete(tx: Transaction, transfer: Transfer) -> list[Transfer]:
    """Mark a transfer as whole where it is; the files of its item when the last of them is, else none.

    Two files of an item that end at the same moment come one after the other here.
    """
    await tx.fetch_value(
        "SELECT pg_advisory_xact_lock(hashtextextended('ingestion.item:' || %s || ':' || %s, 0))",
        (str(transfer.creator_id), transfer.item),
    )
    await tx.execute(
        "UPDATE ingestion.transfers SET state = 'whole' WHERE id = %s AND state = 'open' AND received = length",
        (transfer.id,),
    )
    whole = await tx.fetch_all(
        Transfer,
        "SELECT id, creator_id, filename, item, files_expected, length, received, state, job_id, source_id,"
        " error_code, created_at, expires_at FROM ingestion.transfers"
        " WHERE creator_id = %s AND item = %s AND state = 'whole' AND job_id IS NULL ORDER BY filename",
        (transfer.creator_id, transfer.item),
    )
    return whole if len(whole) >= transfer.files_expected else []


async def set_job(tx: Transaction, ids: Sequence[UUID], job_id: JobId) -> None:
    """Remember which job makes an item of these."""
    await tx.execute(
        "UPDATE ingestion.transfers SET job_id = %s, holder = NULL, busy_until = NULL WHERE id = ANY(%s)",
        (job_id, list(ids)),
    )


async def end(
    tx: Transaction,
    ids: Sequence[UUID],
    state: TransferState,
    *,
    source_id: SourceId | None = None,
    error_code: str | None = None,
) -> None:
    """Say what became of these."""
    await tx.execute(
        "UPDATE ingestion.transfers SET state = %s, source_id = %s, error_code = %s, holder = NULL,"
        " busy_until = NULL WHERE id = ANY(%s)",
        (state, source_id, error_code, list(ids)),
    )


async def pieces(tx: Transaction, id: UUID) -> list[str]:
    """The names of a transfer's pieces, in order."""
    return await tx.fetch_values(
        "SELECT name FROM ingestion.transfer_pieces WHERE transfer_id = %s ORDER BY first_byte", (id,)
    )


async def expire(tx: Transaction, now: datetime) -> None:
    """Give up what nobody went on with."""
    await tx.execute(
        "UPDATE ingestion.transfers SET state = 'expired', holder = NULL, busy_until = NULL"
        " WHERE expires_at <= %(now)s AND (state = 'open' OR state = 'whole' AND job_id IS NULL)"
        " AND (busy_until IS NULL OR busy_until <= %(now)s)",
        {"now": now},
    )


async def to_purge(tx: Transaction, now: datetime, limit: int) -> list[UUID]:
    """Transfers of which the pieces are needed no more."""
    return await tx.fetch_values(
        "SELECT id FROM ingestion.transfers WHERE purged_at IS NULL AND (state IN ('accepted', 'expired',"
        " 'terminated') OR state = 'refused' AND expires_at <= %s) ORDER BY expires_at LIMIT %s",
        (now, limit),
    )


async def mark_purged(tx: Transaction, ids: Sequence[UUID], now: datetime) -> None:
    """Remember that the pieces of these are gone."""
    await tx.execute("UPDATE ingestion.transfers SET purged_at = %s WHERE id = ANY(%s)", (now, list(ids)))
    await tx.execute("DELETE FROM ingestion.transfer_pieces WHERE transfer_id = ANY(%s)", (list(ids),))


async def forget(tx: Transaction, before: datetime) -> int:
    """Forget transfers that ended before then; from then on nobody knows that there were any."""
    return await tx.execute(
        "DELETE FROM ingestion.transfers WHERE purged_at IS NOT NULL AND expires_at < %s", (before,)
    )


async def of_creator(tx: Transaction, creator_id: CreatorId) -> list[UUID]:
    """All transfers to a creator."""
    return await tx.fetch_values("SELECT id FROM ingestion.transfers WHERE creator_id = %s", (creator_id,))


async def forget_creator(tx: Transaction, creator_id: CreatorId) -> int:
    """Forget all transfers to a creator."""
    return await tx.execute("DELETE FROM ingestion.transfers WHERE creator_id = %s", (creator_id,))
