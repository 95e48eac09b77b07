"""Sentences and times of verbatim text."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creators import JoinedText, Segment, sentence_spans, time_at


def _sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two? Three!", ["One.", "Two?", "Three!"]),
        ("It costs 3.50 dollars. Cheap.", ["It costs 3.50 dollars.", "Cheap."]),
        ("Dr. Ngo came. Then she left.", ["Dr. Ngo came.", "Then she left."]),
        ("Use a lock, e.g. a chain. Or two.", ["Use a lock, e.g. a chain.", "Or two."]),
        ("I was born in 1984. Then came 1985.", ["I was born in 1984.", "Then came 1985."]),
        ('He said "stop." Then he stopped.', ['He said "stop."', "Then he stopped."]),
        ("version 24.1, 24.2 etc. are minor", ["version 24.1, 24.2 etc. are minor"]),
        ("no punctuation at all here", ["no punctuation at all here"]),
        ("これはペンです。それは本です。", ["これはペンです。", "それは本です。"]),
        ("क्या हुआ? यह ठीक है। चलो।", ["क्या हुआ?", "यह ठीक है।", "चलो।"]),
        ("  ", []),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    assert _sentences(text) == expected


@given(st.text(max_size=300))
def test_sentences_hold_every_character_but_space(text: str) -> None:
    spans = sentence_spans(text)
    assert "".join("".join(text[a:b].split()) for a, b in spans) == "".join(text.split())
    assert all(a < b for a, b in spans)
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(spans))


def test_a_word_s_time_is_the_origin_s_where_it_gives_one() -> None:
    segment = Segment(0, "one two three", 1000, 4000, word_starts_ms=(1000, 1500, 3200))
    assert [time_at(segment, offset) for offset in (0, 2, 4, 8, 12)] == [1000, 1000, 1500, 3200, 3200]


def test_otherwise_time_is_proportional_to_characters() -> None:
    segment = Segment(0, "0123456789", 1000, 2000)
    assert [time_at(segment, offset) for offset in (0, 5, 10, 99)] == [1000, 1500, 2000, 2000]


def test_a_document_has_no_times() -> None:
    assert time_at(Segment(0, "text", heading="Gear"), 2) is None


def test_joined_text_leads_back_to_the_segment_and_breaks_at_turns() -> None:
    joined = JoinedText(
        [
            Segment(4, "Hello there", 0, 1000, speaker="A"),
            Segment(5, "friend.", 1000, 2000, speaker="A"),
            Segment(6, "Hi.", 2000, 2500, speaker="B"),
        ]
    )
    assert joined.text == "Hello there friend.\nHi."
    place = joined.place(joined.text.index("Hi."))
    assert (joined.segments[place.index].ordinal, place.offset) == (6, 0)
    assert joined.time(joined.text.index("friend")) == 1000
    assert joined.end_time(len("Hello there friend.")) == 2000


@given(st.lists(st.text("ab. ", min_size=1, max_size=12), min_size=1, max_size=12), st.data())
def test_every_character_of_joined_text_is_found_in_its_segment(
    texts: list[str], data: st.DataObject
) -> None:
    joined = JoinedText([Segment(i, text, i * 1000, i * 1000 + 900) for i, text in enumerate(texts)])
    position = data.draw(st.integers(0, len(joined.text) - 1))
    place = joined.place(position)
    segment = joined.segments[place.index]
    if place.offset < len(segment.text):
        assert segment.text[place.offset] == joined.text[position]
    assert joined.time(position) <= joined.end_time(position + 1)
