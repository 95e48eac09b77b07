"""Passages: within the budget, whole sentences, nothing lost, times that are true."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from creators import Chapter, JoinedText, Segment, SourceFacts
from ingestion import Chunker
from ingestion.node_parsers import LlamaIndexCutter
from retrieval import PassageDraft

FACTS = SourceFacts(
    "youtube", "abcdefghijk", "video", "A title", published_at=datetime(2024, 5, 3, tzinfo=UTC)
)
DOCUMENT = SourceFacts("file", "notes.md", "document", "Notes")


def _words(texts: list[str]) -> list[int]:
    return [len(text.split()) for text in texts]


def _cut(segments: list[Segment], *, tokens: int = 60, facts: SourceFacts = FACTS) -> list[PassageDraft]:
    return Chunker(tokens=tokens, count_tokens=_words, cutter=LlamaIndexCutter(_words)).cut(
        facts, segments, frozenset()
    )


def _talk(*turns: tuple[str, str]) -> list[Segment]:
    return [
        Segment(i, text, i * 10_000, (i + 1) * 10_000, speaker=speaker, role="creator")
        for i, (speaker, text) in enumerate(turns)
    ]


def test_a_passage_says_when_it_starts_and_ends() -> None:
    passages = _cut(_talk(*[("Bev", f"This is sentence number {i}.") for i in range(40)]), tokens=40)
    assert len(passages) > 3
    assert [p.start_ms for p in passages] == [p.first_segment * 10_000 for p in passages]
    assert [p.end_ms for p in passages] == [(p.last_segment + 1) * 10_000 for p in passages]


def test_the_header_is_beside_the_text_and_not_in_it() -> None:
    (passage,) = _cut(_talk(("Bev", "Check the chain.")))
    assert passage.header == "A title | Bev | May 2024"
    assert passage.text == "Check the chain."
    assert passage.token_count == _words([f"{passage.header}\n{passage.text}"])[0]


def test_a_passage_of_two_speakers_names_both_and_is_nobody_s() -> None:
    (passage,) = _cut(_talk(("Bev", "Why?"), ("Odile", "Because.")))
    assert passage.speaker is None
    assert "Bev, Odile" in passage.header
    assert passage.text == "Why?\nBecause."


def test_a_nearly_full_passage_ends_where_the_next_turn_begins() -> None:
    first, second = _cut(_talk(("Bev", "word " * 35 + "end."), ("Odile", "other " * 30 + "end.")), tokens=60)
    assert (first.speaker, second.speaker) == ("Bev", "Odile")


def test_chapters_are_not_mixed() -> None:
    facts = SourceFacts(
        "youtube", "x", "video", "T", chapters=(Chapter(0, "Intro"), Chapter(20_000, "Tires"))
    )
    passages = _cut(_talk(*[("Bev", f"Line {i}.") for i in range(4)]), facts=facts)
    assert [(p.header, p.first_segment) for p in passages] == [("T | Intro | Bev", 0), ("T | Tires | Bev", 2)]


def test_a_sponsor_read_stands_alone() -> None:
    segments = _talk(("Bev", "Advice."), ("Bev", "Buy this."), ("Bev", "More advice."))
    passages = Chunker(tokens=60, count_tokens=_words, cutter=LlamaIndexCutter(_words)).cut(
        FACTS, segments, frozenset({1})
    )
    assert [(p.text, p.sponsor) for p in passages] == [
        ("Advice.", False),
        ("Buy this.", True),
        ("More advice.", False),
    ]


def test_text_without_punctuation_is_cut_at_cues() -> None:
    segments = _talk(*[("Bev", " ".join(f"w{i}x{j}" for j in range(9))) for i in range(30)])
    passages = _cut(segments, tokens=60)
    assert all(p.token_count <= 60 for p in passages)
    assert all(p.start_ms == p.first_segment * 10_000 for p in passages)


def test_a_document_is_cut_by_heading() -> None:
    segments = [
        Segment(0, "Tires are round.", heading="Gear > Tires"),
        Segment(1, "They wear.", heading="Gear > Tires"),
        Segment(2, "Chains stretch.", heading="Gear > Chains"),
    ]
    passages = _cut(segments, facts=DOCUMENT)
    assert [(p.heading, p.text) for p in passages] == [
        ("Gear > Tires", "Tires are round.\nThey wear."),
        ("Gear > Chains", "Chains stretch."),
    ]
    assert passages[0].start_ms is None


@pytest.mark.parametrize("facts", [FACTS, DOCUMENT])
@settings(max_examples=60, deadline=None)
@given(
    turns=st.lists(
        st.tuples(
            st.sampled_from("AB"),
            st.lists(st.sampled_from(["yes", "no.", "why?", "3.5", "Dr.", "well,"]), min_size=1, max_size=90),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_nothing_is_lost_nothing_doubled(facts: SourceFacts, turns: list[tuple[str, list[str]]]) -> None:
    segments = _talk(*[(speaker, " ".join(words)) for speaker, words in turns])
    passages = _cut(segments, tokens=40, facts=facts)
    assert " ".join(p.text for p in passages).split() == JoinedText(segments).text.split()
    for passage in passages:
        inside = JoinedText(segments[passage.first_segment : passage.last_segment + 1]).text
        assert passage.text in inside
