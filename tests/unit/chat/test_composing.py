"""The words around the quotes."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from inline_snapshot import snapshot

from chat.citations import Quote
from chat.composing import by_date, covered, not_covered
from chat.coverage import Verdict
from creators import Coverage
from tests.unit.chat.builders import hit

YES = Verdict("covered", 0.1, ())
LIBRARY = Coverage(29, 24.53, datetime(2024, 5, 3, tzinfo=UTC))


def quote(text: str = "I wax it.", **changes: Any) -> Quote:
    about: dict[str, Any] = {"speaker": "Maya", "role": "creator", "verified": "exact", "start_ms": 3_725_000}
    about |= {name: changes.pop(name) for name in tuple(changes) if name in about}
    return Quote(hit=hit(text, **changes), text=text, end_ms=3_730_000, score=1.0, **about)


def said(*quotes: Quote, verdict: Verdict = YES, now: bool = False) -> list[str]:
    return [paragraph.text for paragraph in covered(quotes, verdict, now=now)]


def test_who_says_it_where_and_when() -> None:
    first = quote()
    assert said(first) == snapshot(["In “A talk” (3 May 2024), Maya says: “I wax it.” [1]"])
    assert said(first, quote("Monthly.", source_id=first.hit.source_id)) == snapshot(
        [
            "In “A talk” (3 May 2024), Maya says: “I wax it.” [1]",
            "At 1:02:05 in the same video, Maya says: “Monthly.” [2]",
        ]
    )
    assert said(quote(speaker="Odile", role="guest", published_at=None)) == snapshot(
        ["In “A talk”, guest Odile says: “I wax it.” [1]"]
    )
    assert said(quote(speaker=None)) == snapshot(["In “A talk” (3 May 2024): “I wax it.” [1]"])


def test_documents_by_page_and_heading() -> None:
    paper: dict[str, Any] = {"kind": "document", "published_at": None, "speaker": None, "start_ms": None}
    first = quote(**paper, title="Gear", heading="Bike > Chain", page=3)
    assert said(first, quote(**paper, title="Gear", source_id=first.hit.source_id)) == snapshot(
        ["“Gear” says on page 3 under “Chain”: “I wax it.” [1]", "It also says: “I wax it.” [2]"]
    )


def test_advertising_and_paraphrases_are_marked() -> None:
    assert said(quote(sponsor=True)) == snapshot(
        ["In a sponsor read, which is advertising and not advice, in “A talk” (3 May 2024): “I wax it.” [1]"]
    )
    assert said(quote(verified="paraphrase")) == snapshot(
        ["In “A talk” (3 May 2024), Maya says: (in other words) I wax it. [1]"]
    )


def test_an_answer_in_part_says_so() -> None:
    partly = Verdict("partly_covered", 0.35, ())
    assert said(quote(), verdict=partly)[0] == snapshot("This may answer only a part of the question:")
    assert said(quote(), verdict=replace(partly, unknown=("BIP 47", "Erlay")))[0] == snapshot(
        "None of the passages that came up mentions “BIP 47” or “Erlay”. What was said comes close to it:"
    )


def test_what_was_searched_in_vain() -> None:
    no = Verdict("not_covered", 0.9, ("Erlay",))
    assert [p.text for p in not_covered("Maya", LIBRARY, no, quote(), further=False)] == snapshot(
        [
            "I searched 29 items (24.5 hours of recordings, the latest of 3 May 2024) and found no answer to this from"
            " Maya. None of the passages that came up mentions “Erlay”. The nearest passage is in “A talk” (3 May 2024)"
            " at 1:02:05 [1]."
        ]
    )
    small = Coverage(1, 0.0, None)
    assert [
        p.text for p in not_covered("Maya", small, replace(no, unknown=()), None, further=True)
    ] == snapshot(["I searched 1 item and found nothing more on this."])


def test_dates_order_quotes_only_when_all_have_different_ones() -> None:
    old = quote("Old.", published_at=datetime(2021, 1, 1, tzinfo=UTC))
    new, undated = quote("New."), quote("Undated.", published_at=None)
    assert by_date([new, old]) == [old, new]
    assert by_date([new, undated, old]) == [new, undated, old]
    assert by_date([new, replace(new, text="Later.")])[0] is new


def test_what_holds_now_comes_before_what_was_said_once() -> None:
    old = quote("Old.", published_at=datetime(2021, 1, 1, tzinfo=UTC))
    new, later = quote("New."), quote("Later.", start_ms=3_800_000)
    assert by_date([old, later, new], newest_first=True) == [new, later, old]
    assert "New." in said(old, new, now=True)[0]
    assert "Old." in said(new, old)[0]
