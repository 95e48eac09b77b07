"""Lines of a page to paragraphs: columns, running headers, hyphens."""

from ingestion.parsing.readers.layout import Line, Page, compound_words, paragraphs, running_lines


def line(text: str, left: float, top: float, width: float = 200, height: float = 10) -> Line:
    return Line(text, left, top - height, left + width, top)


def read(*lines: Line) -> list[str]:
    page = Page(1, 612, 792, lines)
    return [text for _, text in paragraphs(page, running_lines([page]), compound_words([page]))]


def test_lines_of_a_paragraph_are_joined_and_a_gap_ends_it() -> None:
    assert read(
        line("The crank arm is", 50, 700), line("pressed on cold", 50, 688), line("and checked.", 50, 650)
    ) == ["The crank arm is pressed on cold", "and checked."]


def test_a_word_parted_at_the_end_of_its_line_is_whole_again() -> None:
    assert read(line("an impor\ufffe", 50, 700), line("tant part", 50, 688)) == ["an important part"]
    assert read(line("an impor-", 50, 700), line("tant part", 50, 688)) == ["an important part"]


def test_a_compound_keeps_its_hyphen() -> None:
    lines = (
        line("a dual-encoder and", 50, 700),
        line("another dual\ufffe", 50, 688),
        line("encoder, a d-", 50, 676),
        line("dimensional Lucene\ufffe", 50, 664),
        line("BM25", 50, 652),
    )
    assert read(*lines) == ["a dual-encoder and another dual-encoder, a d-dimensional Lucene-BM25"]


def test_columns_drawn_row_by_row_are_read_one_after_the_other() -> None:
    rows = [
        one
        for number in range(6)
        for one in (
            line(f"left {number}", 50, 700 - 12 * number),
            line(f"right {number}", 320, 700 - 12 * number),
        )
    ]
    assert " ".join(read(*rows)) == " ".join(f"{side} {n}" for side in ("left", "right") for n in range(6))


def test_raised_characters_stay_in_their_line() -> None:
    lines = (
        line("Zejiang Shen", 50, 700, 70),
        line("1", 120, 703, 4, 6),
        line(", Ruochen Zhang", 124, 700, 90),
    )
    assert read(*lines) == ["Zejiang Shen1, Ruochen Zhang"]


def test_what_stands_on_many_pages_is_left_out_but_not_the_title() -> None:
    pages = [
        Page(
            number,
            612,
            792,
            [
                line("On cranks", 50, 770, height=18 if number == 1 else 9),
                line(f"Text of page {number} that differs, as {'abcdef'[number]} does.", 50, 500),
                line(f"Page {number} of 5", 250, 30),
            ],
        )
        for number in range(1, 6)
    ]
    running, compounds = running_lines(pages), compound_words(pages)
    found = [[text for _, text in paragraphs(page, running, compounds)] for page in pages]
    assert found[0][0] == "On cranks"
    assert [len(texts) for texts in found] == [2, 1, 1, 1, 1]


def test_two_pages_have_no_running_header() -> None:
    pages = [Page(n, 612, 792, [line("Cranks", 50, 770), line("Text.", 50, 500)]) for n in (1, 2)]
    assert running_lines(pages) == frozenset()
