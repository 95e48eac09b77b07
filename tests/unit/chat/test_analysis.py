"""Follow-ups are completed from the history; new questions are left alone."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from chat.analysis import leans, understand
from chat.types import Kind, Message
from runtime.ids import new_id

LEANING = [
    "Why?",
    "why not?",
    "How so?",
    "How come?",
    "How long?",
    "And how often?",
    "Since when?",
    "Really?",
    "Are you sure?",
    "Tell me more",
    "Can you tell me more about that?",
    "Go on",
    "What else?",
    "Please elaborate",
    "And in winter?",
    "For beginners?",
    "And what about rim brakes?",
    "How about on gravel?",
    "What if I have no pump?",
    "Does it work on mainnet?",
    "How do I clean it?",
    "How do nodes verify it?",
    "What does it cost?",
    "Is it safe?",
    "Why is that?",
    "Who said that?",
    "Does that mean they can be traced?",
    "Which one is better?",
    "What's the difference?",
    "What are the downsides?",
    "Any alternatives?",
    "Why did she refuse?",
    "Where did he learn that?",
    "Do they charge a fee?",
    "What happened next?",
    "What would you recommend instead?",
    "Who proposed that idea?",
    "Is there an example?",
    "And then?",
    "Which is cheaper?",
    "Do you still think so?",
    "But why would anyone do that?",
    "Und warum?",
    "Warum ist das so?",
    "Pourquoi ?",
    "Et en hiver ?",
    "¿Y por qué?",
    "E quanto costa?",
    "Почему это так?",
    "为什么？",
    "なぜですか？",
]
ALONE = [
    "How do I know when my chain is worn out?",
    "What is Payjoin?",
    "Payjoin?",
    "Who is Satoshi?",
    "Is it worth replacing the cassette with the chain?",
    "How long does it take to sync a full node?",
    "Does it matter whether the tire is tubeless?",
    "Is it a bad idea to reuse addresses?",
    "If my chain is worn, how do I replace it?",
    "When a mint loses its keys, what happens to the tokens?",
    "Why do wallets give away their owner's addresses?",
    "What does Odile Castagnier think about hydraulic brakes?",
    "What did he say about tubeless tires on gravel?",
    "Why did you refuse to go tubeless back in 2021?",
    "How large was the record block that summer?",
    "What are the downsides of silent payments?",
    "What is the difference between soft forks and hard forks?",
    "And how do I adjust a front derailleur?",
    "Tell me more about cluster mempool limits in version 28",
    "Do you think that covenants will be activated?",
    "Which transactions are those that spend unconfirmed outputs?",
    "Why can't the Payjoin directory read what passes through it?",
    "How much sealant do you put in a tubeless tire?",
    "My knee hurts at the front, what should I change on my bike?",
    "What happens if the person who set up a covenant address loses its conditions?",
    "Is there an alternative to Electrum servers for light wallets?",
    "How do I clean a chain without breaking it?",
    "Which saddle do you ride?",
    "Can nodes agree on blocks before they have downloaded them?",
    "With BIP 47, what can a charity find out about someone who gives every month?",
    "Thanks! How do I set up a multisig wallet?",
    "Is Lightning better than ecash for small payments?",
    "Wie oft sollte ich meine Kette wechseln?",
    "Comment choisir la taille d'un pneu de vélo ?",
    "¿Qué es una transacción de Bitcoin?",
    "什么是比特币的闪电网络？",
    "ビットコインのマイニングとは何ですか？",
]


def said(role: str, text: str, **changes: Any) -> Message:
    kind: Kind | None = "covered" if role == "assistant" else None
    known: dict[str, Any] = {
        "id": new_id(),
        "ordinal": 1,
        "role": role,
        "text": text,
        "kind": kind,
        "standalone": None,
        "citations": [],
        "model": None,
        "usage": None,
        "searched": None,
        "timings_ms": None,
        "created_at": datetime(2026, 1, 1, tzinfo=UTC),
    }
    return Message(**(known | changes))


def after(question: str, **answer: Any) -> list[Message]:
    return [said("user", question), said("assistant", "…", **answer)]


@pytest.mark.parametrize("question", LEANING)
def test_a_follow_up_leans_on_the_question_before(question: str) -> None:
    assert leans(question)
    found = understand(question, after("How do silent payments hide an address?"))
    assert found.own == question
    assert "silent payments" in found.standalone or "hide" in found.standalone


@pytest.mark.parametrize("question", ALONE)
def test_a_question_with_a_subject_of_its_own_stays_as_it_is(question: str) -> None:
    found = understand(question, after("How do silent payments hide an address?"))
    assert (found.standalone, found.carried) == (question, "")


def test_questions_about_real_talks_stand_alone() -> None:
    cases = json.loads((Path(__file__).parents[2] / "data" / "questions_tuning.json").read_text())
    texts = [case["question"] for case in cases["questions"] + cases["not_covered"]]
    assert [text for text in texts if leans(text)] == []


@pytest.mark.parametrize("question", LEANING)
def test_the_first_question_of_a_conversation_is_taken_as_it_is(question: str) -> None:
    assert understand(question).standalone == question


@pytest.mark.parametrize(
    ("before", "question", "standalone"),
    [
        ("What does Odile think about disc brakes?", "And what about rim brakes?", "rim brakes"),
        ("What is a silent payment?", "What about Payjoin?", "What is Payjoin?"),
        (
            "How much sealant do you put in a tubeless tire?",
            "And in winter?",
            "How much sealant do you put in a tubeless tire?",
        ),
        ("What is Payjoin?", "Does it work on mainnet?", "Does it work on mainnet? Payjoin"),
        ("How do I know when my chain is worn out?", "Why?", "Why? How do I know when my chain is worn out?"),
        ("What is Payjoin?", "What are the downsides?", "What are the downsides? What is Payjoin?"),
    ],
)
def test_what_is_missing_comes_from_the_question_before(before: str, question: str, standalone: str) -> None:
    assert standalone in understand(question, after(before)).standalone


def test_what_gives_way_is_not_looked_for() -> None:
    found = understand("What about rim brakes?", after("What does Odile think about disc brakes?"))
    assert "disc" not in found.standalone
    assert "Odile" in found.standalone


def test_a_chain_of_follow_ups_keeps_its_subject() -> None:
    history = [
        said("user", "What is Payjoin?"),
        said("assistant", "…", standalone="What is Payjoin?"),
        said("user", "Why?"),
        said("assistant", "…", standalone="Why? What is Payjoin?"),
    ]
    assert "Payjoin" in understand("And how long?", history).standalone


def test_a_person_and_a_recording_of_the_last_answer_are_named() -> None:
    citation = {"speaker": "Odile Castagnier", "speaker_role": "guest", "title": "Brakes for the long road"}
    history = after("Are hydraulic brakes safe?", citations=[citation])
    assert "Odile Castagnier" in understand("Why does she prefer them?", history).standalone
    assert "Brakes for the long road" in understand("What else is in that video?", history).standalone


def test_asking_for_more_is_told_from_asking_why() -> None:
    history = after("What is Payjoin?")
    assert understand("Tell me more", history).further
    assert not understand("Why?", history).further


@pytest.mark.parametrize(
    "question", ["Do you still tour?", "And now?", "Have you changed your mind?", "Your latest view?"]
)
def test_a_question_may_ask_what_holds_now(question: str) -> None:
    assert understand(question).now


@pytest.mark.parametrize("question", ["How do I know?", "When did you start?", "What is a nowcast?"])
def test_a_question_without_a_time_asks_about_all_times(question: str) -> None:
    assert not understand(question).now
