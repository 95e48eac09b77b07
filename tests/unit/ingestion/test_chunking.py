"""Passages: within the budget, whole sentences, nothing lost, times that are true."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from creators import Chapter, Segment, SourceFacts, time_at
from ingestion import Chunker
from ingestion.node_parsers import LlamaIndexCutter
from retrieval import PassageDraft

FACTS = SourceFacts(
    "youtube", "abcdefghijk", "video", "A title", published_at=datetime(2024, 5, 3, tzinfo=UTC)
)
DOCUMENT = SourceFacts("file", "notes.md", "document", "Notes")


def _words(texts: Sequence[str]) -> list[int]:
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


def test_what_was_said_twice_stands_where_it_was_said() -> None:
    """The second passage is also part of the first."""
    passages = _cut(_talk(*[("Bev", "It is so.")] * 16), tokens=50)
    assert [(p.first_segment, p.last_segment) for p in passages] == [(0, 13), (14, 15)]


def test_a_chapter_named_as_the_recording_is_not_said_twice() -> None:
    facts = SourceFacts("youtube", "x", "video", "T", chapters=(Chapter(0, "T"),))
    assert _cut(_talk(("Bev", "Line.")), facts=facts)[0].header == "T | Bev"


def _letters(texts: Sequence[str]) -> list[int]:
    return [sum(not character.isspace() for character in text) for text in texts]


@settings(max_examples=50, deadline=None)
@given(
    title=st.text("ab ", min_size=1, max_size=300),
    chapter=st.text("cd ", min_size=1, max_size=300),
    names=st.lists(st.sampled_from(["Bev", "Odile Castagnier", "N" * 30]), min_size=1, max_size=6),
    words=st.lists(st.sampled_from(["yes.", "no", "長い" * 40, "u" * 200]), min_size=1, max_size=9),
)
def test_no_passage_is_longer_than_the_model_reads(
    title: str, chapter: str, names: list[str], words: list[str]
) -> None:
    facts = SourceFacts("youtube", "x", "video", title, chapters=(Chapter(0, chapter),))
    chunker = Chunker(tokens=160, count_tokens=_letters, cutter=LlamaIndexCutter(_letters))
    for passage in chunker.cut(facts, _talk(*[(name, " ".join(words)) for name in names]), frozenset()):
        assert passage.token_count <= 160
        assert _letters([passage.header])[0] <= 80
        if passage.speaker is None:
            speakers = {names[i] for i in range(passage.first_segment, passage.last_segment + 1)}
            assert all(name in passage.header for name in speakers)


_TURNS = st.lists(
    st.tuples(
        st.sampled_from("AB"),
        st.lists(
            st.sampled_from(["yes", "no.", "why?", "3.5", "Dr.", "well,", "はい。", "長い" * 9]),
            min_size=1,
            max_size=60,
        ),
    ),
    min_size=1,
    max_size=8,
)


@pytest.mark.parametrize("kind", ["video", "document"])
@settings(max_examples=60, deadline=None)
@given(
    turns=_TURNS,
    chapters=st.lists(st.integers(0, 8), unique=True, max_size=3).map(sorted),
    sponsored=st.frozensets(st.integers(0, 8), max_size=3),
)
def test_every_character_is_in_one_passage_at_its_segment_and_time(
    kind: Literal["video", "document"],
    turns: list[tuple[str, list[str]]],
    chapters: list[int],
    sponsored: frozenset[int],
) -> None:
    facts = SourceFacts(
        "file", "x", kind, "T", chapters=tuple(Chapter(c * 10_000, f"C{c}") for c in chapters)
    )
    segments = _talk(*[(speaker, " ".join(words)) for speaker, words in turns])
    chunker = Chunker(tokens=90, count_tokens=_letters, cutter=LlamaIndexCutter(_letters))
    passages = chunker.cut(facts, segments, sponsored)
    spoken = [
        (character, segment, offset)
        for segment in segments
        for offset, character in enumerate(segment.text)
        if not character.isspace()
    ]
    for passage in passages:
        letters = "".join(passage.text.split())
        covered, spoken = spoken[: len(letters)], spoken[len(letters) :]
        assert letters == "".join(character for character, _, _ in covered)
        (_, first, start), (_, last, _) = covered[0], covered[-1]
        assert (passage.first_segment, passage.last_segment) == (first.ordinal, last.ordinal)
        assert passage.start_ms == time_at(first, start)
        assert passage.sponsor == (first.ordinal in sponsored)
        names = dict.fromkeys(segment.speaker for _, segment, _ in covered)
        assert ", ".join(filter(None, names)) in passage.header
        assert passage.speaker == (first.speaker if len(names) == 1 else None)
    assert not spoken
