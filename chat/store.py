"""The statements of chat: conversations, and the messages in them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from chat.types import Kind, Message
from runtime.database import JsonValue, Transaction, as_json
from runtime.errors import Conflict, NotFound
from runtime.ids import ConversationId, CreatorId, GuestId, MessageId, new_id

# So many messages before a question are read to understand it.
_REMEMBERED = 6


@dataclass(frozen=True, slots=True)
class Claim:
    """A question that was taken, and the place that is kept for its answer. `history` is oldest first."""

    conversation_id: ConversationId
    message_id: MessageId
    history: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an answer came to, as it is kept."""

    text: str
    kind: Kind
    standalone: str | None
    citations: Sequence[dict[str, JsonValue]]
    model: str | None
    usage: dict[str, JsonValue] | None
    searched: dict[str, JsonValue] | None
    timings_ms: dict[str, float] | None


class Conversations:
    """Conversations as those read them who had them."""

    async def messages(
        self,
        tx: Transaction,
        conversation_id: ConversationId,
        guest: GuestId,
        *,
        after: int = 0,
        limit: int | None = None,
    ) -> list[Message]:
        """Messages with an ordinal past `after`, oldest first; the first one has ordinal 1.

        What was quoted stays as it was said then; a citation whose source is gone since says `withdrawn`.

        Raises NotFound `conversation_not_found`, also when the conversation is another guest's.
        """
        known = await tx.fetch_value(
            "SELECT id FROM chat.conversations WHERE id = %s AND guest_id = %s", (conversation_id, guest)
        )
        if known is None:
            raise conversation_not_found()
        found = await tx.fetch_all(
            Message,
            "SELECT id, ordinal, role, text, kind, standalone, citations, model, usage, searched, timings_ms,"
            " created_at FROM chat.messages WHERE conversation_id = %s AND ordinal > %s"
            " ORDER BY ordinal LIMIT %s",
            (conversation_id, after, limit),
        )
        cited = {UUID(str(citation["source_id"])) for message in found for citation in message.citations}
        there = await tx.fetch_values(
            "SELECT id FROM creators.readable_sources WHERE id = ANY(%s)", (list(cited),)
        )
        return [_marked(message, frozenset(there)) for message in found]


def _marked(message: Message, there: frozenset[UUID]) -> Message:
    """The message, with each citation saying whether its source has been withdrawn since."""
    return replace(
        message,
        citations=[
            {**citation, "withdrawn": UUID(str(citation["source_id"])) not in there}
            for citation in message.citations
        ],
    )


async def claim(
    tx: Transaction,
    *,
    conversation_id: ConversationId | None,
    creator_id: CreatorId,
    guest: GuestId,
    text: str,
    now: datetime,
    patience: timedelta,
) -> Claim:
    """Take a question in, after what was said before, and keep a place for its answer.

    Until the answer is finished or given up, at most for `patience`, the conversation takes no other question.
    Raises NotFound `conversation_not_found`, Conflict `conversation_busy`.
    """
    answer_id = MessageId(new_id())
    until = now + patience
    if conversation_id is None:
        conversation_id = await _begin(tx, creator_id, guest, answer_id, now, until)
    else:
        await _continue(tx, conversation_id, creator_id, guest, answer_id, now, until)
    history = await _history(tx, conversation_id)
    ordinal = history[-1].ordinal + 1 if history else 1
    await tx.execute_many(
        "INSERT INTO chat.messages (id, conversation_id, ordinal, role, text, kind, created_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)",
        [
            (new_id(), conversation_id, ordinal, "user", text, None, now),
            (answer_id, conversation_id, ordinal + 1, "assistant", "", "incomplete", now),
        ],
    )
    return Claim(conversation_id, answer_id, tuple(history))


async def _begin(
    tx: Transaction, creator_id: CreatorId, guest: GuestId, answer_id: UUID, now: datetime, until: datetime
) -> ConversationId:
    conversation_id = ConversationId(new_id())
    await tx.execute(
        "INSERT INTO chat.conversations (id, creator_id, guest_id, answering, busy_until, created_at, updated_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (conversation_id, creator_id, guest, answer_id, until, now, now),
    )
    return conversation_id


async def _continue(
    tx: Transaction,
    conversation_id: ConversationId,
    creator_id: CreatorId,
    guest: GuestId,
    answer_id: UUID,
    now: datetime,
    until: datetime,
) -> None:
    """Mark the conversation as being answered; of two at once the second waits here, and then finds it so."""
    whose = {"id": conversation_id, "creator": creator_id, "guest": guest}
    taken = await tx.execute(
        "UPDATE chat.conversations SET answering = %(answer)s, busy_until = %(until)s, updated_at = %(now)s"
        " WHERE id = %(id)s AND creator_id = %(creator)s AND guest_id = %(guest)s"
        " AND (busy_until IS NULL OR busy_until <= %(now)s)",
        {**whose, "answer": answer_id, "until": until, "now": now},
    )
    if taken:
        return
    known = await tx.fetch_value(
        "SELECT id FROM chat.conversations"
        " WHERE id = %(id)s AND creator_id = %(creator)s AND guest_id = %(guest)s",
        whose,
    )
    if known is None:
        raise conversation_not_found()
    raise Conflict(
        "conversation_busy",
        "The question before this one is still being answered.",
        next_step="Wait for its answer, then ask again.",
    )


async def _history(tx: Transaction, conversation_id: ConversationId) -> list[Message]:
    newest_first = await tx.fetch_all(
        Message,
        "SELECT id, ordinal, role, text, kind, standalone, citations, model, usage, searched, timings_ms,"
        " created_at FROM chat.messages WHERE conversation_id = %s ORDER BY ordinal DESC LIMIT %s",
        (conversation_id, _REMEMBERED),
    )
    return newest_first[::-1]


async def keep(tx: Transaction, claimed: Claim, outcome: Outcome, now: datetime) -> None:
    """Write the answer into the place that was kept for it, and let the next question in.

    Raises NotFound `conversation_not_found` when the conversation has been deleted meanwhile.
    """
    kept = await tx.execute(
        "UPDATE chat.messages SET text = %(text)s, kind = %(kind)s, standalone = %(standalone)s,"
        " citations = %(citations)s, model = %(model)s, usage = %(usage)s, searched = %(searched)s,"
        " timings_ms = %(timings_ms)s WHERE id = %(id)s",
        {"id": claimed.message_id, **_columns(outcome)},
    )
    if not kept:
        raise conversation_not_found()
    await tx.execute(
        "UPDATE chat.conversations SET answering = NULL, busy_until = NULL, updated_at = %s"
        " WHERE id = %s AND answering = %s",
        (now, claimed.conversation_id, claimed.message_id),
    )


def _columns(outcome: Outcome) -> dict[str, Any]:
    return {
        "text": outcome.text,
        "kind": outcome.kind,
        "standalone": outcome.standalone,
        "citations": as_json(list(outcome.citations)),
        "model": outcome.model,
        "usage": None if outcome.usage is None else as_json(outcome.usage),
        "searched": None if outcome.searched is None else as_json(outcome.searched),
        "timings_ms": None if outcome.timings_ms is None else as_json(outcome.timings_ms),
    }


def conversation_not_found() -> NotFound:
    """The same for a conversation that never was, and one that is not the caller's."""
    return NotFound(
        "conversation_not_found",
        "There is no such conversation, or it is another guest's or about another creator.",
        next_step="Begin a new one: ask without a conversation_id.",
    )
