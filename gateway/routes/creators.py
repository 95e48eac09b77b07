"""The catalogue: list, add, look at, search."""

from fastapi import APIRouter, Depends

from gateway.bodies import CreatorBody, CreatorRequest, CreatorsBody, SearchBody, SearchRequest
from gateway.parts import EVERYTHING, PUBLIC, FromParts, IsAdmin, find_creator, require_admin
from gateway.questions import checked_length, require_json
from retrieval import Query

router = APIRouter(prefix="/api/v1/creators", tags=["creators"])


@router.get("")
async def list_creators(parts: FromParts, is_admin: IsAdmin) -> CreatorsBody:
    """List the public creators; with the administrator key, all of them."""
    async with parts.database.transaction() as tx:
        found = await parts.catalogue.all(tx, include_private=is_admin)
    return CreatorsBody(creators=[CreatorBody.of(creator) for creator in found])


@router.post("", status_code=201, dependencies=[Depends(require_admin), Depends(require_json)])
async def add_creator(body: CreatorRequest, parts: FromParts) -> CreatorBody:
    """Add a creator. Needs the administrator key."""
    async with parts.database.transaction() as tx:
        created = await parts.catalogue.create(tx, body.new_creator(), active_index=parts.index_name)
    return CreatorBody.of(created)


@router.get("/{creator_id}")
async def show_creator(creator_id: str, parts: FromParts, is_admin: IsAdmin) -> CreatorBody:
    """A creator, with what answers can draw on."""
    async with parts.database.transaction() as tx:
        creator = await find_creator(parts, tx, creator_id, is_admin=is_admin)
        access = EVERYTHING if is_admin else PUBLIC
        coverage = await parts.library.coverage(tx, creator.id, access=access)
    return CreatorBody.of(creator, coverage)


@router.post("/{creator_id}/search", dependencies=[Depends(require_json)])
async def search(creator_id: str, body: SearchRequest, parts: FromParts, is_admin: IsAdmin) -> SearchBody:
    """Find passages of a creator. Each hit's `url` opens the recording at the second it begins."""
    checked_length(body.query, parts.settings.max_question_chars)
    async with parts.database.reading() as db:
        creator = await find_creator(parts, db, creator_id, is_admin=is_admin)
    access = EVERYTHING if is_admin else PUBLIC
    return SearchBody.of(await parts.retriever.search(Query(creator.id, body.query, k=body.k, access=access)))
