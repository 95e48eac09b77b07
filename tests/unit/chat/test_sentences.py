"""A passage is cut where a quote may begin and end."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from chat.sentences import LONGEST_WORDS, sentences

TEXTS = st.text(st.sampled_from("abc .?!,\n…’\u3002\u00e9"), max_size=400)


def test_sentences_end_at_marks_and_at_turns() -> None:
    found = sentences("Why wax? It lasts.\nI agree, and Dr. Ode does too.")
    assert [(s.text, s.turn, s.asks) for s in found] == [
        ("Why wax?", 0, True),
        ("It lasts.", 0, False),
        ("I agree, and Dr. Ode does too.", 1, False),
    ]


def test_speech_without_punctuation_is_cut_where_a_thought_begins() -> None:
    words = ["word"] * 24 + ["because"] + ["word"] * 24
    found = sentences(" ".join(words))
    assert [s.words for s in found] == [24, 25]
    assert found[1].text.startswith("because")


def test_speech_without_any_cue_is_cut_by_length() -> None:
    found = sentences(" ".join(["word"] * 100))
    assert [s.words for s in found] == [30, 30, 30, 10]


def test_a_long_sentence_with_pauses_stays_whole_up_to_twice_the_length() -> None:
    clause = "word " * 14 + "word,"
    assert len(sentences(f"{clause} {clause} {clause} end.")) == 1
    assert [s.text[-1] for s in sentences(f"{clause} {clause} {clause} {clause} end.")][:-1] == [",", ","]


@given(TEXTS)
def test_every_word_is_in_exactly_one_sentence(text: str) -> None:
    found = sentences(text)
    assert "".join("".join(s.text.split()) for s in found) == "".join(text.split())
    assert all(text[s.start : s.end] == s.text for s in found)
    assert all(one.end <= other.start for one, other in pairwise(found))
    assert all("\n" not in s.text for s in found)


@given(st.integers(1, 300))
def test_no_piece_of_speech_is_longer_than_said(count: int) -> None:
    assert all(s.words <= LONGEST_WORDS for s in sentences(" ".join(["word"] * count)))
