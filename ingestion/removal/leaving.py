"""What is being removed takes nothing in."""

from ingestion.removal import store
from runtime.database import Transaction
from runtime.errors import Conflict
from runtime.ids import CreatorId, SourceId


async def refuse_leaving(tx: Transaction, creator_id: CreatorId, source_id: SourceId) -> None:
    """Raises Conflict `source_leaving` while the source or its creator is being removed."""
    if await store.is_leaving(tx, creator_id, source_id):
        raise Conflict(
            "source_leaving",
            "This is being removed at the moment.",
            next_step="Wait until the job that removes it has ended, then send it again.",
        )
