"""Sponsor reads are found where they are announced, and nothing else is taken for one."""

import pytest

from creators import Chapter, Segment
from ingestion.sponsors import sponsored_ordinals


def segments(*texts: str, each_ms: int = 5000) -> list[Segment]:
    return [
        Segment(ordinal=number, text=text, start_ms=number * each_ms, end_ms=(number + 1) * each_ms)
        for number, text in enumerate(texts)
    ]


READ = (
    "So that is how chains wear.",
    "But first, a quick word from our",
    "sponsor. Larkmoor makes bags.",
    "They are waterproof.",
    "Use code BEV15 for fifteen percent off.",
    "Now, chains again.",
    "They stretch.",
)


def test_a_read_lasts_to_its_last_call() -> None:
    assert sponsored_ordinals(segments(*READ), ()) == {1, 2, 3, 4}


def test_a_read_lasts_to_the_phrase_that_closes_it() -> None:
    texts = [*READ[:5], "I like them too.", "All right, back to the show.", "Chains stretch."]
    assert sponsored_ordinals(segments(*texts), ()) == {1, 2, 3, 4, 5, 6}


def test_without_an_end_only_the_opening_is_taken() -> None:
    texts = ["Hi.", "This episode is sponsored by Larkmoor.", "Chains stretch.", "Oil them."]
    assert sponsored_ordinals(segments(*texts), ()) == {1}


def test_a_read_ends_with_its_chapter_and_with_patience() -> None:
    chapters = (Chapter(0, "Intro"), Chapter(15_000, "Chains"))
    assert sponsored_ordinals(segments(*READ), chapters) == {1, 2}
    late = [*READ[:4], *["More about chains."] * 40, "The link is in the description."]
    assert sponsored_ordinals(segments(*late), ()) == {1, 2}


def test_two_reads() -> None:
    texts = [*READ, "Thanks to Oily Inc for sponsoring.", "Sign up at oily.com today.", "Bye."]
    assert sponsored_ordinals(segments(*texts), ()) == {1, 2, 3, 4, 7, 8}


@pytest.mark.parametrize(
    "title",
    [
        "Sponsor",
        "Ad",
        "A word from our sponsors",
        "Ad read: Larkmoor",
        "Werbung",
        "Today's sponsor",
        "[SponsorBlock]: Sponsor",
        "[SponsorBlock]: Interaction Reminder, Sponsor",
    ],
)
def test_chapters_named_so(title: str) -> None:
    chapters = (Chapter(0, "Intro"), Chapter(10_000, title), Chapter(20_000, "Chains"))
    assert sponsored_ordinals(segments(*"abcdef"), chapters) == {2, 3}


@pytest.mark.parametrize(
    "title",
    [
        "How to find sponsors",
        "Are ads dead?",
        "Adding up",
        "Facebook ads",
        "Bad brakes",
        "Running ads",
        "[SponsorBlock]: Unpaid/Self Promotion",
        "[SponsorBlock]: Intermission/Intro Animation",
    ],
)
def test_chapters_about_sponsors(title: str) -> None:
    assert sponsored_ordinals(segments(*"abcdef"), (Chapter(0, title),)) == frozenset()


@pytest.mark.parametrize(
    "text",
    [
        "The project is supported by volunteers.",
        "Blockstream sponsors a lot of developers.",
        "We got a discount on fees, and there's a link between them.",
        "I was sponsored by a bike shop once.",
        "Would you take a sponsor?",
        "The witness discount code path is odd.",
    ],
)
def test_talk_about_money_is_not_a_read(text: str) -> None:
    assert sponsored_ordinals(segments("Hi.", text, "Use code X at shop.com."), ()) == frozenset()


def test_a_cue_belongs_to_the_chapter_that_has_most_of_it() -> None:
    chapters = (Chapter(0, "Intro"), Chapter(6_000, "Sponsor"), Chapter(16_000, "Chains"))
    assert sponsored_ordinals(segments(*"abcd"), chapters) == {1, 2}


def test_documents_have_none() -> None:
    document = [Segment(ordinal=0, text="This episode is sponsored by Larkmoor.")]
    assert sponsored_ordinals(document, ()) == frozenset()
    assert sponsored_ordinals([], ()) == frozenset()
