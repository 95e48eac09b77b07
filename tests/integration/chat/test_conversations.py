"""Conversations: whose they are, one question at a time, follow-ups, and clients that go away."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from chat.store import Conversations
from chat.testing import HeldUp
from chat.types import AnswerEvent, CitationMade, Delta, Done, Failed, Meta
from creators import Creator
from runtime.errors import Conflict, NotFound
from runtime.ids import ConversationId, GuestId, new_id
from tests.integration.chat.conftest import Room, Turn

CHAIN = Turn("A touring chain lasts four thousand kilometres with good oil.")
WAX = Turn("Waxing a touring chain takes half an hour of work each month.")


@pytest.fixture
async def maya(room: Room) -> Creator:
    creator = await room.creator()
    await room.publish(creator, "Chains", CHAIN, WAX)
    return creator


def conversation(events: list[AnswerEvent]) -> ConversationId:
    assert isinstance(events[0], Meta)
    return events[0].conversation_id


async def test_a_follow_up_is_understood_from_what_was_said(room: Room, maya: Creator) -> None:
    begun = conversation(await room.ask(maya, "How long does a touring chain last?"))
    await room.ask(maya, "And with good oil?", begun)
    messages = await room.messages(begun)
    assert [(m.ordinal, m.role) for m in messages] == [
        (1, "user"),
        (2, "assistant"),
        (3, "user"),
        (4, "assistant"),
    ]
    assert messages[2].text == "And with good oil?"
    assert messages[3].standalone == "And with good oil? How long does a touring chain last?"
    assert messages[3].kind == "covered"


async def test_asking_for_more_gives_what_was_not_quoted_before(room: Room, maya: Creator) -> None:
    first = await room.ask(maya, "How long does a touring chain last?")
    more = await room.ask(maya, "Tell me more", conversation(first))
    quotes = [event.citation.quote for event in first if isinstance(event, CitationMade)]
    further = [event.citation.quote for event in more if isinstance(event, CitationMade)]
    assert quotes[0] == CHAIN.text
    assert further[0] == WAX.text


async def test_messages_are_read_page_by_page(room: Room, maya: Creator) -> None:
    begun = conversation(await room.ask(maya, "How long does a touring chain last?"))
    await room.ask(maya, "How is a chain waxed?", begun)
    async with room.database.transaction() as tx:
        page = await Conversations().messages(tx, begun, room.guest, after=1, limit=2)
    assert [message.ordinal for message in page] == [2, 3]


async def test_a_conversation_is_its_guest_s_alone(room: Room, maya: Creator) -> None:
    begun = conversation(await room.ask(maya, "How long does a touring chain last?"))
    stranger = GuestId(new_id())
    with pytest.raises(NotFound) as asked:
        await room.ask(maya, "And with oil?", begun, guest=stranger)
    assert asked.value.code == "conversation_not_found"
    async with room.database.transaction() as tx:
        with pytest.raises(NotFound) as read:
            await Conversations().messages(tx, begun, stranger)
    assert read.value.code == "conversation_not_found"
    assert len(await room.messages(begun)) == 2


async def test_a_conversation_stays_with_its_creator(room: Room, maya: Creator) -> None:
    begun = conversation(await room.ask(maya, "How long does a touring chain last?"))
    noor = await room.creator("noor", "Noor")
    for creator, known in ((noor, begun), (maya, ConversationId(new_id()))):
        with pytest.raises(NotFound) as caught:
            await room.ask(creator, "And with oil?", known)
        assert caught.value.code == "conversation_not_found"


async def test_a_second_question_waits_for_the_first_answer(room: Room, maya: Creator) -> None:
    begun = conversation(await room.ask(maya, "How long does a touring chain last?"))
    async with aclosing(room.responder().answer(room.question(maya, "And waxed?", begun))) as answering:
        assert isinstance(await anext(answering), Meta)
        with pytest.raises(Conflict) as caught:
            await room.ask(maya, "And oiled?", begun)
        assert caught.value.code == "conversation_busy"
        rest = [event async for event in answering]
    assert isinstance(rest[-1], Done)
    await room.ask(maya, "And oiled?", begun)
    assert [m.text for m in await room.messages(begun) if m.role == "user"][1:] == [
        "And waxed?",
        "And oiled?",
    ]


async def test_of_many_at_once_one_is_answered(room: Room, maya: Creator) -> None:
    begun = conversation(await room.ask(maya, "How long does a touring chain last?"))
    held = HeldUp(room.embedder)
    responder = room.responder(held)

    async def ask(text: str) -> list[AnswerEvent]:
        return [event async for event in responder.answer(room.question(maya, text, begun))]

    asking = [asyncio.create_task(ask(f"Question {number}?")) for number in range(8)]
    await held.reached.wait()
    refused = [task for task in asking if not task.done()]
    while len(refused) > 1:
        await asyncio.wait(refused, return_when=asyncio.FIRST_COMPLETED)
        refused = [task for task in asking if not task.done()]
    held.go.set()
    outcomes = await asyncio.gather(*asking, return_exceptions=True)
    assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 7
    assert [m.role for m in await room.messages(begun)] == ["user", "assistant"] * 2


async def test_an_answer_lost_in_a_crash_holds_nothing_up_for_long(room: Room, maya: Creator) -> None:
    begun = conversation(await room.ask(maya, "How long does a touring chain last?"))
    lost = room.responder().answer(room.question(maya, "And waxed?", begun))
    await anext(lost)
    room.clock.advance(59)
    with pytest.raises(Conflict):
        await room.ask(maya, "And oiled?", begun)
    room.clock.advance(2)
    taken_over = room.responder().answer(room.question(maya, "And oiled?", begun))
    await anext(taken_over)
    # The lost one turns up again: it may end, and does not let a third one in.
    assert isinstance([event async for event in lost][-1], Done)
    with pytest.raises(Conflict):
        await room.ask(maya, "And greased?", begun)
    assert isinstance([event async for event in taken_over][-1], Done)
    assert [m.kind for m in await room.messages(begun) if m.role == "assistant"].count("incomplete") == 0


async def test_a_client_that_leaves_in_mid_answer_leaves_what_was_said(room: Room, maya: Creator) -> None:
    answering = room.responder().answer(room.question(maya, "How long does a touring chain last?"))
    meta, said = None, ""
    async for event in answering:
        if isinstance(event, Meta):
            meta = event
        if isinstance(event, Delta):
            said = event.text
            break
    await answering.aclose()
    assert meta is not None
    _, answered = await room.messages(meta.conversation_id)
    assert (answered.kind, answered.text) == ("incomplete", said)
    assert await room.count("runtime.outbox") == 0
    assert isinstance((await room.ask(maya, "And waxed?", meta.conversation_id))[-1], Done)


async def test_a_cancelled_answer_lets_the_next_question_in(room: Room, maya: Creator) -> None:
    begun = conversation(await room.ask(maya, "How long does a touring chain last?"))
    held = HeldUp(room.embedder)

    async def ask() -> None:
        async with aclosing(
            room.responder(held).answer(room.question(maya, "And waxed?", begun))
        ) as answering:
            async for _ in answering:
                pass

    asking = asyncio.create_task(ask())
    await held.reached.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert [m.kind for m in await room.messages(begun)][-1] == "incomplete"
    assert isinstance((await room.ask(maya, "And oiled?", begun))[-1], Done)


async def test_impatient_cancelling_loses_nothing(room: Room, maya: Creator) -> None:
    begun = conversation(await room.ask(maya, "How long does a touring chain last?"))
    held = HeldUp(room.embedder)
    responder = room.responder(held)
    answering = responder.answer(room.question(maya, "And waxed?", begun))
    asking = asyncio.ensure_future(_drain(answering))
    await held.reached.wait()
    # Some servers cancel a task again at each of its awaits until it ends.
    while not asking.done():
        asking.cancel()
        await asyncio.sleep(0)
    await responder.close()
    assert [m.kind for m in await room.messages(begun)][-1] == "incomplete"
    assert isinstance((await room.ask(maya, "And oiled?", begun))[-1], Done)


async def _drain(events: AsyncGenerator[AnswerEvent]) -> None:
    async with aclosing(events):
        async for _ in events:
            pass


async def test_a_conversation_deleted_meanwhile_ends_in_an_error(room: Room, maya: Creator) -> None:
    answering = room.responder().answer(room.question(maya, "How long does a touring chain last?"))
    events = [await anext(answering)]
    async with room.database.transaction() as tx:
        await tx.execute("DELETE FROM chat.conversations")
    events += [event async for event in answering]
    assert isinstance(events[-1], Failed)
    assert events[-1].code == "conversation_not_found"
    assert events[-1].incomplete
    assert await room.count("runtime.outbox") == 0
