"""What was said before, for the guest who said it."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request

from gateway.bodies import MessageBody, MessagesBody
from gateway.parts import FromParts
from gateway.routes.chat import guest_of
from runtime.errors import NotFound
from runtime.ids import ConversationId

router = APIRouter(prefix="/api/v1/conversations", tags=["chat"])


@router.get("/{conversation_id}/messages")
async def list_messages(
    conversation_id: UUID,
    request: Request,
    parts: FromParts,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[int, Query(ge=0, description="`next_cursor` of the page before.")] = 0,
) -> MessagesBody:
    """The messages of a conversation, oldest first, for the guest whose cookie began it."""
    guest = guest_of(parts, request)
    if guest is None:
        raise NotFound(
            "conversation_not_found",
            "There is no such conversation, or it is another guest's.",
            next_step="Send the cookie that came with its first answer.",
        )
    async with parts.database.transaction() as tx:
        found = await parts.conversations.messages(
            tx, ConversationId(conversation_id), guest, after=cursor, limit=limit + 1
        )
    page = found[:limit]
    return MessagesBody(
        conversation_id=conversation_id,
        messages=[MessageBody.of(message) for message in page],
        next_cursor=page[-1].ordinal if len(found) > limit else None,
    )
