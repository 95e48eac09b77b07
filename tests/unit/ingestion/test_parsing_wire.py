"""What a child says is checked: it may have been taken over."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.documents import Paragraph
from ingestion.parsing.kinds import kind_of
from ingestion.parsing.wire import NOTICES, REFUSALS, WireError, read_answer
from runtime.errors import InvalidInput


def answer(*messages: object) -> bytes:
    return b"".join(json.dumps(message).encode() + b"\n" for message in messages)


END = {"end": 1}
GOOD = {"p": ["Hot.", "Gear > Oven", 3]}


def test_an_answer() -> None:
    facts = {"facts": ["T\x00itle ", "Bev", "en", "2024-01-02"]}
    document = read_answer(answer(facts, {"n": ["pages_broken", 2]}, GOOD, END))
    assert document.paragraphs == (Paragraph("Hot.", "Gear > Oven", 3),)
    assert (document.title, document.author, document.language) == ("Title", "Bev", "en")
    assert document.published_at is not None
    assert document.published_at.isoformat() == "2024-01-02T00:00:00+00:00"
    assert [(notice.code, notice.count) for notice in document.notices] == [("pages_broken", 2)]


def test_no_text_that_a_database_refuses() -> None:
    document = read_answer(answer({"p": ["a\x00b\ud800c", None, None]}, END))
    assert document.paragraphs[0].text == "abc"


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        b"nonsense\n",
        b"[]\n",
        answer(GOOD),
        answer(GOOD, {"end": 2}),
        answer({"p": [1, None, None]}, END),
        answer({"p": ["a", None, 0]}, END),
        answer({"p": ["a", None, 2**40]}, END),
        answer({"p": ["a", 5, None]}, END),
        answer({"p": "a"}, END),
        answer({"facts": [1, 2, 3, 4]}, GOOD, END),
        answer({"n": ["Visit my page", 1]}, GOOD, END),
        answer({"failed": "Visit my page"}),
        answer(GOOD, END)[:-3],
    ],
)
def test_what_is_not_believed(wrong: bytes) -> None:
    with pytest.raises(WireError):
        read_answer(wrong)


@pytest.mark.parametrize("code", REFUSALS)
def test_the_last_word_counts_after_a_line_that_was_broken_off(code: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_answer(answer(GOOD) + b'{"p": ["Ho\n' + answer({"failed": code}))
    assert (caught.value.code, bool(caught.value.next_step)) == (code, True)


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["p", "n", "facts", "failed", "end"]),
            st.none() | st.integers() | st.lists(st.text() | st.none()),
        )
    )
)
def test_any_answer_is_read_or_refused(messages: list[object]) -> None:
    with contextlib.suppress(WireError, InvalidInput):
        assert read_answer(answer(*messages)).paragraphs


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("a.txt", b"%PDF-1.7", "pdf"),
        ("a.pdf", b"PK\x03\x04", "office"),
        ("a.pdf", b"plain words", "text"),
        ("a", b"<!-- x -->\n<!DOCTYPE HTML>", "html"),
        ("a.htm", b"<p>x", "html"),
        ("a.txt", b"Date: today\nTopic: cranks", "text"),
        ("a", b"Subject: x\nFrom: y", "mail"),
        ("a.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "legacy"),
        ("a.png", b"GIF89a\x00\x01\x02\x03" * 9, None),
        ("a.txt", "Wörter".encode("utf-16"), "text"),
        ("a.txt", "Words".encode("utf-32"), "text"),
    ],
)
def test_content_tells_the_kind(name: str, data: bytes, kind: str | None) -> None:
    assert kind_of(name, data) == kind


def test_every_code_has_its_words() -> None:
    assert all(detail.endswith(".") and step.endswith(".") for detail, step in REFUSALS.values())
    assert all(detail.endswith(".") for detail in NOTICES.values())
