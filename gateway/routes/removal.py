"""Single sources: changing what the creator decides about them; removing them, and creators, for good."""

from uuid import UUID

from fastapi import APIRouter, Depends

from gateway.bodies import RemovalBody, SourceBody, SourceChangeRequest
from gateway.parts import FromParts, find_creator, require_admin
from gateway.questions import require_json
from runtime.ids import SourceId

router = APIRouter(prefix="/api/v1/creators", dependencies=[Depends(require_admin)])


@router.patch("/{creator_id}/sources/{source_id}", tags=["sources"], dependencies=[Depends(require_json)])
async def change_source(
    creator_id: str, source_id: UUID, body: SourceChangeRequest, parts: FromParts
) -> SourceBody:
    """Tag, archive, or change who may see an item and from when. Needs the administrator key.

    An archived item answers nobody and is kept.
    """
    async with parts.database.transaction() as tx:
        creator = await find_creator(parts, tx, creator_id, is_admin=True)
        return SourceBody.of(await parts.library.change(tx, creator.id, SourceId(source_id), body.changes()))


@router.delete("/{creator_id}/sources/{source_id}", status_code=202, tags=["sources"])
async def remove_source(creator_id: str, source_id: UUID, parts: FromParts) -> RemovalBody:
    """Remove a source for good. It answers nobody from now on; the job removes what there is of it.

    Its result is the receipt. Needs the administrator key.
    """
    async with parts.database.transaction() as tx:
        creator = await find_creator(parts, tx, creator_id, is_admin=True)
        return RemovalBody(job_id=await parts.removals.remove_source(tx, creator, SourceId(source_id)))


@router.delete("/{creator_id}", status_code=202, tags=["creators"])
async def remove_creator(creator_id: str, parts: FromParts) -> RemovalBody:
    """Remove a creator with the whole library for good. Nobody sees it from now on; the job removes what there is.

    Its result is the receipt. Needs the administrator key.
    """
    async with parts.database.transaction() as tx:
        creator = await find_creator(parts, tx, creator_id, is_admin=True)
        return RemovalBody(job_id=await parts.removals.remove_creator(tx, creator))
