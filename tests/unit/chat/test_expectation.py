"""The kind of thing that a question asks for."""

import pytest

from chat.expectation import expectation


@pytest.mark.parametrize(
    ("question", "answer", "other"),
    [
        (
            "How many nodes are there?",
            "There are about 15,000 nodes now.",
            "He has 3 of these machines in a cellar, and runs nodes.",
        ),
        ("How much does it cost to build one?", "It costs fifty dollars in parts.", "It took me 3 hours."),
        ("What percentage of fans ask twice?", "About 20% of them do.", "We counted 40 of those."),
        ("How much faster is it?", "It is three times faster.", "It is much quicker, you know."),
        ("How long does it last?", "Four thousand kilometres.", "It lasts very well."),
        ("How big was the block?", "It had 4 megabytes.", "It was the biggest ever."),
        ("In which year was that?", "That was in 1983.", "That was long ago, in May."),
        ("When will it be done?", "It comes out next year.", "It will be great."),
        ("Who came up with bank notes?", "That was David Chaum, of course.", "Somebody in a bank did."),
    ],
)
def test_an_answer_holds_what_is_asked_for(question: str, answer: str, other: str) -> None:
    expects = expectation(question)
    assert expects is not None
    assert expects(answer)
    assert not expects(other)


@pytest.mark.parametrize(
    "question",
    ["Why does it fail?", "What is a chain?", "How does it work?", "Is it safe?", "When should I stop?"],
)
def test_most_questions_do_not_tell(question: str) -> None:
    assert expectation(question) is None


def test_a_name_from_the_question_is_no_answer() -> None:
    expects = expectation("Who works with Odile?")
    assert expects is not None
    assert not expects("He works with Odile.")
