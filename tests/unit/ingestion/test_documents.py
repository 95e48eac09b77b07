"""Documents: every paragraph with its place, as a reader sees it."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.documents import Paragraph, parse_document
from runtime.errors import InvalidInput

MARKDOWN = """\
---
title: "My gear"
author: Bev Arkenshaw
date: 2024-03-02
lang: en
url: https://example.org/gear
---

Before all headings.

# Gear ##

I bake with **two** ovens, *never* more\\*
and `one_pan` or [this one](https://example.org "a title"). ![A pan](pan.jpg)

## Oven

<!-- not for
readers --> It is hot &amp; <b>big</b>, 2 < 3.

- First, preheat
  well.
- Then wait.
1. Count.

> Said by my
> grandmother.

| Heat | Time |
|------|-----:|
| 200  | 10   |

```python
# no heading
x = 1

y = a_b_c
```

Pans
----
Cast iron.

***

### Empty part

# Thanks
"""


def test_markdown() -> None:
    document = parse_document(MARKDOWN.encode(), is_markdown=True)
    assert [(paragraph.heading, paragraph.text) for paragraph in document.paragraphs] == [
        (None, "Before all headings."),
        ("Gear", "I bake with two ovens, never more* and one_pan or this one. A pan"),
        ("Gear > Oven", "It is hot & big , 2 < 3."),
        ("Gear > Oven", "First, preheat well."),
        ("Gear > Oven", "Then wait."),
        ("Gear > Oven", "1. Count."),
        ("Gear > Oven", "Said by my grandmother."),
        ("Gear > Oven", "Heat | Time"),
        ("Gear > Oven", "200 | 10"),
        ("Gear > Oven", "# no heading\nx = 1\n\ny = a_b_c"),
        ("Gear > Pans", "Cast iron."),
        ("Gear > Pans > Empty part", "Empty part"),
        ("Thanks", "Thanks"),
    ]
    assert (document.title, document.author, document.language) == ("My gear", "Bev Arkenshaw", "en")
    assert document.url == "https://example.org/gear"
    assert document.published_at == datetime(2024, 3, 2, tzinfo=UTC)


def test_title_is_the_first_heading() -> None:
    assert parse_document(b"## Ovens\n\nHot.\n\n# Pans\n\nFlat.", is_markdown=True).title == "Ovens"
    assert parse_document(b"Hot.\n\n# Pans\n\nFlat.", is_markdown=True).title == "Pans"
    assert parse_document(b"Hot.", is_markdown=True).title is None


@pytest.mark.parametrize(
    "text", ["snake_case_name and 2 * 3 * 4", "5 * 3", "a [b] c", "R&D", "#hashtag", "-5 degrees", "**", "1)"]
)
def test_what_only_looks_like_markup_stays(text: str) -> None:
    found = parse_document(text.encode(), is_markdown=True).paragraphs
    assert [paragraph.text for paragraph in found] == [text]


def test_plain_text() -> None:
    document = parse_document("Über\r\nuns\r\n\r\n# no heading\fnext".encode("utf-16"), is_markdown=False)
    assert [paragraph.text for paragraph in document.paragraphs] == ["Über uns", "# no heading", "next"]
    assert {paragraph.heading for paragraph in document.paragraphs} == {None}


def test_an_open_code_block_ends_with_the_file() -> None:
    found = parse_document(b"~~~\nx\n```\ny", is_markdown=True).paragraphs
    assert [paragraph.text for paragraph in found] == ["x\n```\ny"]


def test_long_paragraphs_are_cut_after_sentences() -> None:
    sentences = [f"This is the sentence with number {number}." for number in range(400)]
    found = parse_document(" ".join(sentences).encode(), is_markdown=False).paragraphs
    assert " ".join(paragraph.text for paragraph in found) == " ".join(sentences)
    assert all(len(paragraph.text) <= 2000 and paragraph.text.endswith(".") for paragraph in found)
    assert len(found) < 12


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "document_empty"),
        (b" \n\t\n", "document_empty"),
        (b"<!-- nothing -->", "document_empty"),
        (b"%PDF-1.7 text", "document_not_text"),
        (b"a\x00b\x01c", "document_not_text"),
        ("Ünïcödé ön äll".encode("latin-1"), "document_encoding"),
    ],
)
def test_refusals(data: bytes, code: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_document(data, is_markdown=True)
    assert caught.value.code == code
    assert caught.value.next_step


def paragraphs_of(text: str) -> tuple[Paragraph, ...]:
    """The paragraphs of a Markdown text; none if it is refused as empty."""
    try:
        return parse_document(text.encode(), is_markdown=True).paragraphs
    except InvalidInput:
        return ()


_WORDS = st.text(alphabet="abcdeéЖ語0123.,!?'", min_size=1, max_size=12)


@given(st.lists(st.lists(_WORDS, min_size=1, max_size=30), min_size=1, max_size=20))
def test_no_word_of_plain_text_is_lost(paragraphs: list[list[str]]) -> None:
    text = "\n\n".join("\n".join(words) for words in paragraphs)
    found = parse_document(text.encode(), is_markdown=False).paragraphs
    assert [paragraph.text.split() for paragraph in found] == paragraphs


@given(st.text(alphabet='ab# \n`*_[]()!<>-|=~\\&;:"', max_size=200))
def test_any_markdown_is_read_or_refused(text: str) -> None:
    assert all(paragraph.text.strip() for paragraph in paragraphs_of(text))


@pytest.mark.parametrize(
    "unit", ["`", "*", "_", "[", "![](", "<a ", "<!--", "# ", "> ", "| ", "a. ", "[x]: "]
)
def test_hostile_repetition_takes_linear_time(unit: str) -> None:
    """Would not end within the suite's time limit if a mark were searched again from every place."""
    assert len(paragraphs_of(unit * 200_000)) <= 200_000
