"""The words of corrections: what is kept, when it was said, one word put for another."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creators import Replacement, TextChange
from creators.edits.wording import needle, replacer, retimed, tidied
from runtime.errors import InvalidInput
from runtime.ids import SourceId, new_id

SOURCE = SourceId(new_id())


def _said(original: str, before: str | None = None) -> TextChange:
    return TextChange(SOURCE, original, before, before, segments=1, start_ms=0)


def test_spaces_and_lines_are_those_of_the_original() -> None:
    assert tidied("  ask \n Lalou  Bett\u00e9\n", "ask") == "ask Lalou Bett\u00e9"
    assert tidied("one\r\n two  three", "1\n2 3") == "one\ntwo three"
    assert tidied("Bette\u0301", "x") == "Bett\u00e9"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (" \n ", "correction_empty"),
        ("a\x07b", "correction_unreadable"),
        ("a" * 20_001, "correction_too_long"),
        ("ask  Lalu", "correction_changes_nothing"),
    ],
)
def test_what_cannot_be_kept_is_told(text: str, code: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        _said("ask Lalu").to(text)
    assert caught.value.code == code


def test_case_and_punctuation_are_corrections() -> None:
    assert _said("ask lalu").to("ask Lalu").after == "ask Lalu"
    assert _said("ask Lalu").to("ask Lalu.").after == "ask Lalu."


def test_words_that_stay_keep_their_times() -> None:
    heard, starts = "so la loo says wait", (0, 1000, 1500, 2000, 3000)
    assert retimed(heard, starts, "so Lalou says wait", 4000) == (0, 1000, 2000, 3000)
    assert retimed(heard, starts, "so la lou says wait", 4000) == (0, 1000, 1500, 2000, 3000)
    assert retimed(heard, starts, "so la loo says please wait", 4000) == (0, 1000, 1500, 2000, 2500, 3000)
    assert retimed(heard, starts, "la loo says wait", 4000) == (1000, 1500, 2000, 3000)
    assert retimed("hm", (7,), "one two", None) == (7, 7)


def test_times_that_do_not_fit_the_words_are_left_out() -> None:
    assert retimed("one two", (0,), "one three", 900) is None


words = st.lists(st.sampled_from(["la", "loo", "says", "wait", "then", "x"]), min_size=1, max_size=12)


@given(heard=words, said=words, gaps=st.lists(st.integers(0, 900), min_size=12, max_size=12))
def test_times_never_run_backwards_nor_leave_the_segment(
    heard: list[str], said: list[str], gaps: list[int]
) -> None:
    starts = [sum(gaps[: place + 1]) for place in range(len(heard))]
    end = starts[-1] + 500
    times = retimed(" ".join(heard), starts, " ".join(said), end)
    assert times is not None
    assert len(times) == len(said)
    assert list(times) == sorted(times)
    assert starts[0] <= times[0]
    assert times[-1] <= end


def test_whole_words_of_any_case_are_replaced() -> None:
    put = replacer("la  loo", "Lalou", match_case=False)
    assert put("La loo, la\nloo and la loop, gala loo") == "Lalou, Lalou and la loop, gala loo"
    assert replacer("lalu", "Lalou", match_case=True)("Lalu lalu") == "Lalu Lalou"
    assert replacer("C++", r"\1 C", match_case=False)("in c++, C+++") == r"in \1 C, \1 C+"


@given(
    st.text(alphabet="aBz\u00e9\u0130\u0131\u017f\u212a \u00df+", max_size=8),
    st.text(alphabet="aBIks \u00e9+", max_size=4),
)
def test_the_needle_is_in_whatever_is_replaced(text: str, find: str) -> None:
    if not find.split():
        return
    if replacer(find, "\u2022", match_case=False)(text) != text:
        ascii_lower = "".join(c.lower() if c.isascii() else c for c in text)
        assert needle(find) in ascii_lower


def test_a_replacement_works_on_what_was_corrected_before() -> None:
    lalou = Replacement("la loo", "Lalou")
    assert lalou.of(_said("ask la loo")).after == "ask Lalou"
    assert lalou.of(_said("ask la loo", before="Ask la loo.")).after == "Ask Lalou."
    assert not lalou.of(_said("ask la loo", before="Ask Lalou.")).is_change
    back = Replacement("Lalou", "la loo").of(_said("ask la loo", before="ask Lalou"))
    assert (back.after, back.is_change) == (None, True)


@pytest.mark.parametrize(("find", "put"), [(" ", "x"), ("x", " ")])
def test_nothing_cannot_be_replaced(find: str, put: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Replacement(find, put).of(_said("x"))
    assert caught.value.code == "replacement_empty"
