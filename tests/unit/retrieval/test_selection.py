"""Which of the ranked hits are shown."""

from uuid import UUID

import pytest

from retrieval import Hit
from retrieval.selection import select
from runtime.ids import PassageId, SourceId

TALK = (
    "We moved the seedlings outside in May because the nights were warm enough by then,"
    " and nothing died except the two that the slugs found first."
)


def hit(text: str, *, source: int = 1) -> Hit:
    return Hit(
        passage_id=PassageId(UUID(int=1)),
        source_id=SourceId(UUID(int=source)),
        external_id="demo",
        origin="youtube",
        kind="video",
        title="Talk",
        url=None,
        text=text,
        start_ms=None,
        end_ms=None,
        page=None,
        heading=None,
        speaker=None,
        speaker_role="unknown",
        sponsor=False,
        published_at=None,
        generation=1,
        ordinal=0,
        first_segment=0,
        last_segment=0,
        score=0.5,
        dense=None,
        lexical=None,
    )


def shown(*texts: str) -> list[str]:
    return [chosen.text for chosen in select([hit(text) for text in texts], k=10, per_source=None)]


@pytest.mark.parametrize(
    "again",
    [
        TALK,
        TALK.upper().replace(",", " -"),
        TALK.replace("slugs", "snails"),
        "So, as I said: " + TALK,
        TALK[:90],
    ],
    ids=["same", "other case and marks", "one word misheard", "longer", "a clip of it"],
)
def test_a_text_that_is_there_is_not_shown_again(again: str) -> None:
    assert shown(TALK, again) == [TALK]
    assert shown(again, TALK) == [again]


def test_the_same_subject_is_not_the_same_text() -> None:
    other = "The seedlings went outside in June that year, and slugs took a third of them in one night."
    assert shown(TALK, other) == [TALK, other]


def test_short_texts_are_the_same_only_when_equal() -> None:
    assert shown("Yes.", "yes", "No.", "", "Yes, warm.", TALK) == ["Yes.", "No.", "", "Yes, warm.", TALK]


def test_a_source_gives_no_more_than_its_share() -> None:
    hits = [hit(f"{n} entirely different words {n}", source=n // 3) for n in range(9)]
    assert [h.source_id.int for h in select(hits, k=10, per_source=2)] == [0, 0, 1, 1, 2, 2]
    assert [h.source_id.int for h in select(hits, k=3, per_source=1)] == [0, 1, 2]
    assert len(select(hits, k=4, per_source=None)) == 4
