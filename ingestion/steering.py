"""What becomes of an item when somebody cancels its job, or has it tried again."""

from uuid import UUID

from creators import Library
from ingestion import store
from ingestion.submitting import EMBED, KIND, job_of
from jobs import Job, JobQueue, Steering
from runtime.database import Transaction
from runtime.ids import CreatorId, SourceId

CANCELLED = "cancelled"


def source_steering(library: Library) -> dict[str, Steering]:
    """For the `JobQueue`, by kind of job."""

    async def on_cancelled(queue: JobQueue, tx: Transaction, job: Job) -> None:
        source_id = SourceId(UUID(str(job.payload["source_id"])))
        await library.lock(tx, source_id)
        if not await store.give_up_pending(tx, source_id):
            return  # it was tidying up: the source itself is as it was
        await library.mark_failed(tx, source_id, CANCELLED)
        if job.attempts or await library.edits.outdated(tx, source_id):
            # It had begun, and what it wrote is to go; or corrections wait that were left to it.
            creator_id = CreatorId(UUID(job.fairness_key))
            await queue.enqueue(tx, job_of(creator_id, source_id, queue=EMBED))

    async def on_retried(_: JobQueue, tx: Transaction, job: Job) -> None:
        source_id = SourceId(UUID(str(job.payload["source_id"])))
        await library.lock(tx, source_id)
        await store.revive_newest(tx, source_id)

    return {KIND: Steering(on_cancelled, on_retried)}
