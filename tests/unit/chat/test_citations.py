"""A quote is word for word in the segments, and has their times."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.citations import locate, quoted
from chat.evidence import Excerpt
from creators import JoinedText, Segment
from tests.unit.chat.builders import cues, hit

WORDS = st.lists(st.sampled_from(["Chain", "it’s", "worn", "out.", "Why?", "“wax”", "é", "two"]), min_size=1)


@st.composite
def recordings(draw: st.DrawFn) -> list[Segment]:
    """Cues of some speakers, some with times of words."""
    segments: list[Segment] = []
    now = 0
    for ordinal in range(draw(st.integers(1, 8))):
        words = draw(WORDS)
        starts = sorted(draw(st.lists(st.integers(0, 9000), min_size=len(words), max_size=len(words))))
        segments.append(
            Segment(
                ordinal,
                " ".join(words),
                now,
                now + 9000,
                speaker=draw(st.sampled_from("AB")),
                word_starts_ms=tuple(now + start for start in starts) if draw(st.booleans()) else None,
            )
        )
        now += draw(st.integers(5000, 12_000))
    return segments


def excerpt(text: str, start: int, end: int, **changes: object) -> Excerpt:
    return Excerpt(hit(text, **changes), start, end, 1.0, 0.5, 0.5, False)


@given(recordings(), st.data())
def test_what_is_cut_from_the_segments_is_found_in_its_segment(
    segments: list[Segment], data: st.DataObject
) -> None:
    joined = JoinedText(segments)
    start = data.draw(st.integers(0, len(joined.text) - 1))
    end = data.draw(st.integers(start + 1, len(joined.text)))
    if not joined.text[start:end].strip():
        return
    quote = quoted(excerpt(joined.text, start, end), segments)
    assert quote.verified == "exact"
    assert quote.start_ms is not None
    assert quote.end_ms is not None
    assert quote.start_ms <= quote.end_ms
    spoken = " ".join(" ".join(segment.text for segment in segments).split())
    assert quote.text in spoken
    holders = [s for s in segments if (s.start_ms or 0) <= quote.start_ms <= (s.end_ms or 0)]
    assert any(quote.text.split()[0] in holder.text.split() for holder in holders)
    # One person's words, whoever else is near.
    turns = " ".join(segment.text for segment in segments if segment.speaker == quote.speaker)
    assert all(word in turns.split() for word in quote.text.split())


@given(recordings(), st.data())
def test_the_form_of_quotes_spaces_and_letters_does_not_matter(
    segments: list[Segment], data: st.DataObject
) -> None:
    text = JoinedText(segments).text
    words = text.split()
    first = data.draw(st.integers(0, len(words) - 1))
    last = data.draw(st.integers(first, len(words) - 1))
    wanted = " \n ".join(words[first : last + 1]).upper().replace("’", "'").replace("“", '"')
    found = locate(wanted, text)
    assert found is not None
    assert text[slice(*found)].split() == words[first : last + 1] or text[slice(*found)].lower().split()


def test_what_is_not_there_is_not_found() -> None:
    assert locate("wax it", "oil it") is None
    assert locate("  ", "oil it") is None


def test_what_opens_a_turn_has_exactly_the_turn_s_time() -> None:
    segments = cues("How often?", "– Wax it monthly, at the very least.", speakers="AB")
    # Captions that time words may begin a little after their cue.
    segments[1] = replace(
        segments[1], word_starts_ms=(10_400, 10_500, 11_000, 12_000, 13_000, 14_000, 15_000, 16_000)
    )
    text = segments[1].text
    assert quoted(excerpt(text, 0, len(text)), segments).start_ms == 10_000
    assert quoted(excerpt(text, 2, len(text)), segments).start_ms == 10_000


def test_a_word_inside_a_cue_has_its_own_time() -> None:
    segments = cues("Oil is cheap. Wax is what I use on every tour, always.")
    start = segments[0].text.index("Wax")
    quote = quoted(excerpt(segments[0].text, start, len(segments[0].text)), segments)
    assert quote.start_ms == round(10_000 * start / len(segments[0].text))
    timed = [replace(segments[0], word_starts_ms=tuple(range(0, 1200, 100)))]
    assert quoted(excerpt(segments[0].text, start, len(segments[0].text)), timed).start_ms == 300


def test_a_sentence_that_dangles_takes_the_one_before_with_it() -> None:
    segments = cues("I wax my chain.", "It stays clean for a whole month of riding.", "Oil does not.")
    at = JoinedText(segments).text
    start = at.index("It stays")
    quote = quoted(excerpt(at, start, at.index(" Oil")), segments)
    assert quote.text == "I wax my chain. It stays clean for a whole month of riding."
    assert quote.start_ms == 0


def test_what_is_repeated_is_quoted_with_its_correction() -> None:
    segments = cues(
        "And I said, never run tubeless.", "I was wrong about that.", "It seals itself.", "Bye now."
    )
    text = JoinedText(segments).text
    assert quoted(excerpt(text, 0, 31), segments).text == (
        "And I said, never run tubeless. I was wrong about that. It seals itself."
    )
    taken_back = cues("I used to oil it.", "Now I wax it.", speakers="AB")
    text = JoinedText(taken_back).text
    assert "wax" not in quoted(excerpt(text, 0, 17), taken_back).text


def test_a_question_to_somebody_else_gives_way_to_the_reply() -> None:
    segments = cues(
        "So how do you keep your chain clean?",
        "I wax it, and I do that once a month whatever the weather is like.",
        speakers="AB",
    )
    quote = quoted(excerpt(segments[0].text, 0, len(segments[0].text)), segments)
    assert (quote.speaker, quote.text) == ("B", segments[1].text)
    assert quote.start_ms == 10_000


def test_a_sentence_over_the_edge_of_its_passage_is_whole_again() -> None:
    segments = cues("Wax the chain once", "a month and keep it dry.", "Then ride.")
    quote = quoted(excerpt(segments[0].text, 0, len(segments[0].text)), segments)
    assert quote.text == "Wax the chain once a month and keep it dry."
    assert (quote.start_ms, quote.end_ms) == (0, 20_000)


def test_words_that_are_not_in_the_segments_are_a_paraphrase() -> None:
    quote = quoted(excerpt("Oil it weekly.", 0, 14), cues("Wax it monthly."))
    assert (quote.verified, quote.text, quote.start_ms) == ("paraphrase", "Oil it weekly.", 10_000)


def test_the_same_words_said_twice_are_those_of_the_passage() -> None:
    segments = cues(
        "Wax it.", "Never oil it at all, said my mother.", "Wax it.", "Then ride the whole day long."
    )
    passage = "Wax it. Then ride the whole day long."
    assert quoted(excerpt(passage, 0, len("Wax it.")), segments).start_ms == 20_000


@pytest.mark.parametrize(
    ("facts", "start_ms", "url"),
    [
        ({}, 61_999, "https://www.youtube.com/watch?v=abc&t=61s"),
        ({"origin": "file", "url": "https://x.example/a.mp3#t=10"}, 61_999, "https://x.example/a.mp3#t=61"),
        (
            {"origin": "file", "url": "https://x.example/a.pdf#page=3", "page": 3},
            None,
            "https://x.example/a.pdf#page=3",
        ),
        ({"origin": "file", "url": None}, None, None),
    ],
)
def test_a_citation_opens_at_the_quote(
    facts: dict[str, object], start_ms: int | None, url: str | None
) -> None:
    quote = quoted(excerpt("Wax it.", 0, 7, **facts), cues("Wax it."))
    assert replace(quote, start_ms=start_ms).citation(1).url == url
