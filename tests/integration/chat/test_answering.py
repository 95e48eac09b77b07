"""Answers on a real library: what is said, quoted, kept and told."""

from datetime import UTC, datetime

import pytest

from chat import Question, collect
from chat.types import CitationMade, Delta, Done, Failed, Meta, ModelChosen, SourcesFound
from retrieval import Query, Results
from runtime.errors import InvalidInput, NotFound, TooLarge, Unavailable
from runtime.ids import CreatorId, new_id
from tests.integration.chat.conftest import Room, Turn

CHAIN = Turn(
    "Replace a touring chain when the gauge shows half a percent of wear. Waiting longer ruins the cassette."
)
SEALANT = Turn("I put eighty millilitres of sealant into each tubeless tire before a long tour.")
BRAKES = Turn("Hydraulic brakes are safer than cable brakes on a loaded bike.", "Odile", "guest")
ADVERT = Turn(
    "This part is brought to you by Veloquick, whose chain lube keeps every chain clean.", sponsor=True
)


async def test_events_come_in_order_and_the_answer_is_kept(room: Room) -> None:
    maya = await room.creator()
    source = await room.publish(maya, "Chains", CHAIN, SEALANT, day=datetime(2024, 5, 3, tzinfo=UTC))
    events = await room.ask(maya, "When should I replace a touring chain?")

    assert [type(event) for event in events] == [
        Meta,
        SourcesFound,
        ModelChosen,
        Delta,
        CitationMade,
        Done,
    ]
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    meta, found, _, _, cited, done = events
    assert isinstance(meta, Meta)
    assert isinstance(found, SourcesFound)
    assert isinstance(cited, CitationMade)
    assert isinstance(done, Done)
    assert found.searched.sources == 1
    assert found.passages[0].source_id == source
    assert done.kind == "covered"
    citation = cited.citation
    assert citation.quote == CHAIN.text.split(". ")[0] + "."
    assert (citation.start_ms, citation.verified, citation.speaker_role) == (0, "exact", "creator")
    assert citation.url == "https://www.youtube.com/watch?v=Chains&t=0s"

    asked, answered = await room.messages(meta.conversation_id)
    assert (asked.role, asked.text) == ("user", "When should I replace a touring chain?")
    assert answered.id == meta.message_id
    assert answered.kind == "covered"
    assert answered.text == f"In “Chains” (3 May 2024), Maya says: “{citation.quote}” [1]"
    assert answered.citations[0]["quote"] == citation.quote
    assert answered.model == "extractive"
    assert await room.count("runtime.outbox WHERE event = 'answer_given'") == 1


async def test_the_document_says_what_the_events_said(room: Room) -> None:
    maya = await room.creator()
    await room.publish(maya, "Chains", CHAIN, SEALANT)
    document = await collect(
        room.responder().answer(room.question(maya, "How much sealant goes into a tubeless tire?"))
    )
    assert document["kind"] == "covered"
    assert document["answer"].endswith("[1]")
    assert [c["marker"] for c in document["citations"]] == [1]
    assert document["model"] == "extractive"
    assert document["searched"] == {"sources": 1, "hours": 0.01, "latest": None}
    assert set(document["timings_ms"]) >= {"take", "search", "evidence", "total"}


async def test_what_was_never_said_is_not_covered(room: Room) -> None:
    maya = await room.creator()
    await room.publish(maya, "Chains", CHAIN, SEALANT, day=datetime(2024, 5, 3, tzinfo=UTC))
    document = await collect(
        room.responder().answer(room.question(maya, "Which Shimano derailleur suits gravel racing?"))
    )
    assert document["kind"] == "not_covered"
    assert "I searched 1 item (" in document["answer"]
    assert "the latest of 3 May 2024" in document["answer"]
    assert "“Shimano”" in document["answer"]
    assert "The nearest passage is in “Chains”" in document["answer"]
    assert [c["marker"] for c in document["citations"]] == [1]


async def test_an_empty_library_says_so(room: Room) -> None:
    maya = await room.creator()
    document = await collect(room.responder().answer(room.question(maya, "What is a chain?")))
    assert document["kind"] == "not_covered"
    assert document["answer"] == "There is nothing to search yet: no item of Maya Ode's library is published."
    assert document["searched"] == {"sources": 0, "hours": 0.0, "latest": None}


async def test_a_guest_s_words_are_the_guest_s(room: Room) -> None:
    maya = await room.creator()
    await room.publish(maya, "Brakes", Turn("Today my guest is Odile."), BRAKES)
    document = await collect(
        room.responder().answer(room.question(maya, "Are hydraulic brakes safer than cable brakes?"))
    )
    assert "guest Odile says: “Hydraulic brakes" in document["answer"]
    assert document["citations"][0]["speaker_role"] == "guest"


async def test_a_sponsor_s_words_are_no_advice(room: Room) -> None:
    maya = await room.creator()
    await room.publish(maya, "Lube", ADVERT)
    await room.publish(maya, "Chains", CHAIN)
    advice = await collect(room.responder().answer(room.question(maya, "How do I keep every chain clean?")))
    assert [c["sponsor"] for c in advice["citations"]] == [False]
    named = await collect(room.responder().answer(room.question(maya, "What is Veloquick chain lube?")))
    assert any(c["sponsor"] for c in named["citations"])
    assert "advertising and not advice" in named["answer"]


async def test_a_quote_does_not_reach_into_a_sponsor_read(room: Room) -> None:
    """The sentence before would explain "it", and is advertising."""
    maya = await room.creator()
    oiled = Turn("It needs oil on every touring chain after rain.")
    await room.publish(maya, "Rain", CHAIN, ADVERT, oiled)
    answer = await collect(room.responder().answer(room.question(maya, "Does a chain need oil after rain?")))
    assert answer["citations"][0]["quote"] == oiled.text
    assert not any("Veloquick" in c["quote"] for c in answer["citations"])


async def test_opinions_come_with_their_dates_newest_last(room: Room) -> None:
    maya = await room.creator()
    new = Turn("I run tubeless tires on every touring bike now.")
    old = Turn("I never run tubeless tires on a touring bike.")
    await room.publish(maya, "Yes to tubeless", new, day=datetime(2025, 4, 1, tzinfo=UTC))
    await room.publish(maya, "No to tubeless", old, day=datetime(2021, 4, 1, tzinfo=UTC))
    document = await collect(
        room.responder().answer(room.question(maya, "Do you run tubeless tires on a touring bike?"))
    )
    assert [c["title"] for c in document["citations"]] == ["No to tubeless", "Yes to tubeless"]
    assert document["answer"].index("(1 April 2021)") < document["answer"].index("(1 April 2025)")


async def test_another_creator_s_words_are_never_cited(room: Room) -> None:
    maya, noor = await room.creator(), await room.creator("noor", "Noor")
    await room.publish(maya, "Chains", CHAIN)
    await room.publish(noor, "Tires", SEALANT)
    question = "When do I replace a touring chain?"
    owned = await collect(room.responder().answer(room.question(maya, question)))
    assert {c["title"] for c in owned["citations"]} == {"Chains"}
    document = await collect(room.responder().answer(room.question(noor, question)))
    assert (document["kind"], {c["title"] for c in document["citations"]}) == ("not_covered", {"Tires"})
    assert document["searched"] is not None
    assert document["searched"]["sources"] == 1


@pytest.mark.parametrize("text", ["", " \n\t ", "\x00\x07", "\u202e\u2066", "?!"])
async def test_nothing_is_no_question(room: Room, text: str) -> None:
    maya = await room.creator()
    with pytest.raises(InvalidInput) as caught:
        await room.ask(maya, text)
    assert caught.value.code == "question_empty"
    assert await room.count("chat.conversations") == 0


async def test_a_question_too_long_is_refused(room: Room) -> None:
    maya = await room.creator()
    with pytest.raises(TooLarge) as caught:
        await room.ask(maya, "why " * 25_000)
    assert caught.value.code == "question_too_long"
    assert await room.count("chat.messages") == 0


async def test_what_cannot_be_stored_or_seen_is_left_out(room: Room) -> None:
    maya = await room.creator()
    await room.publish(maya, "Chains", CHAIN)
    events = await room.ask(maya, "When\x00 to replace\x1b a \u202echain\ud800?")
    assert isinstance(events[0], Meta)
    asked, _ = await room.messages(events[0].conversation_id)
    assert asked.text == "When to replace a chain?"


@pytest.mark.parametrize(
    "text", ["Когда менять цепь?", "チェーンはいつ交換しますか？", "متى أغير السلسلة؟", "🚲 chain?"]
)
async def test_a_question_in_any_script_is_answered_or_honestly_not(room: Room, text: str) -> None:
    maya = await room.creator()
    await room.publish(maya, "Chains", CHAIN)
    done = (await room.ask(maya, text))[-1]
    assert isinstance(done, Done)


async def test_an_unknown_creator_is_not_found(room: Room) -> None:
    nobody = Question(CreatorId(new_id()), "Why?", None, room.guest)
    with pytest.raises(NotFound) as caught:
        await anext(room.responder().answer(nobody))
    assert caught.value.code == "creator_not_found"


class Broken:
    """A retriever whose index is down."""

    async def search(self, query: Query) -> Results:
        raise Unavailable("index_unreachable", "The index does not answer.")


async def test_a_failure_after_the_beginning_is_the_last_event(room: Room) -> None:
    maya = await room.creator()
    answering = room.responder(Broken()).answer(room.question(maya, "Why chains?"))
    meta, failed = await anext(answering), await anext(answering)
    assert isinstance(meta, Meta)
    assert isinstance(failed, Failed)
    assert (failed.seq, failed.code, failed.incomplete) == (2, "index_unreachable", False)
    # Whoever has seen it may ask again at once.
    _, answered = await room.messages(meta.conversation_id)
    assert answered.kind == "incomplete"
    assert await room.count("runtime.outbox") == 0
    assert isinstance((await room.ask(maya, "Why chains?", meta.conversation_id))[-1], Done)
    assert [event async for event in answering] == []


async def test_a_failure_fails_the_document_with_its_own_error(room: Room) -> None:
    maya = await room.creator()
    with pytest.raises(Unavailable) as caught:
        await collect(room.responder(Broken()).answer(room.question(maya, "Why chains?")))
    assert caught.value.code == "index_unreachable"


async def test_what_members_may_read_is_not_for_everybody(room: Room) -> None:
    maya = await room.creator()
    await room.publish(maya, "Chains", CHAIN, access="members")
    question = "When should I replace a touring chain?"
    document = await collect(room.responder().answer(room.question(maya, question)))
    assert (document["kind"], document["citations"]) == ("not_covered", [])
    member = room.question(maya, question, access=frozenset({"public", "members"}))
    document = await collect(room.responder().answer(member))
    assert [c["title"] for c in document["citations"]] == ["Chains"]
    assert document["searched"] is not None
    assert document["searched"]["sources"] == 1


async def test_the_same_words_are_not_quoted_twice(room: Room) -> None:
    maya = await room.creator()
    wax = Turn("I wax a touring chain once a month to keep it clean.")
    why = Turn("It keeps a touring chain clean and quiet on a long tour.")
    await room.publish(maya, "Wax", wax, why)
    document = await collect(
        room.responder().answer(room.question(maya, "How to keep a touring chain clean?"))
    )
    quotes = [str(c["quote"]) for c in document["citations"]]
    assert sum(wax.text in quote for quote in quotes) == 1
