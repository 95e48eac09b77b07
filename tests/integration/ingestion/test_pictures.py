"""Pictures of text, alone, as pages of a PDF and on slides: read by Tesseract, and refused with a next step without it."""

import shutil
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont
from pptx import Presentation
from pptx.util import Inches

from ingestion.parsing import ForkServerParser, client
from runtime.errors import InvalidInput

SAID = "Oil the chain every two hundred kilometres"


def _page() -> Image.Image:
    page = Image.new("RGB", (1200, 400), "white")
    font = ImageFont.load_default(size=48)
    ImageDraw.Draw(page).multiline_text((40, 120), SAID.replace(" two", "\ntwo"), "black", font)
    return page


def _picture(form: str) -> bytes:
    made = BytesIO()
    _page().save(made, form)
    return made.getvalue()


def _slides(title: str = "") -> bytes:
    slides, made = Presentation(), BytesIO()
    slide = slides.slides.add_slide(slides.slide_layouts[5 if title else 6])
    if title:
        slide.shapes.title.text = title
    slide.shapes.add_picture(BytesIO(_picture("PNG")), Inches(1), Inches(2), width=Inches(8))
    slides.save(made)
    return made.getvalue()


KINDS = {
    "page.png": _picture("PNG"),
    "page.jpg": _picture("JPEG"),
    "page.tiff": _picture("TIFF"),
    "scanned.pdf": _picture("PDF"),
    "slides.pptx": _slides(),
}


@pytest.fixture
async def parser() -> AsyncIterator[ForkServerParser]:
    made = ForkServerParser()
    yield made
    await made.close()


@pytest.fixture
async def parser_without_tesseract(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> AsyncIterator[ForkServerParser]:
    usual = client._environment
    monkeypatch.setattr(client, "_environment", lambda folder: {**usual(folder), "PATH": str(tmp_path)})
    made = ForkServerParser()
    yield made
    await made.close()


@pytest.mark.skipif(shutil.which("tesseract") is None, reason="needs Tesseract (Debian: tesseract-ocr)")
@pytest.mark.parametrize("name", KINDS)
async def test_the_words_in_a_picture_are_read(parser: ForkServerParser, name: str) -> None:
    document = await parser.parse(name, KINDS[name])
    assert SAID in " ".join(one.text for one in document.paragraphs)
    assert {one.page for one in document.paragraphs} == {1}
    assert [notice.code for notice in document.notices] == ["pages_by_ocr"]


@pytest.mark.parametrize("name", KINDS)
async def test_without_tesseract_it_is_said_what_to_install(
    parser_without_tesseract: ForkServerParser, name: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        await parser_without_tesseract.parse(name, KINDS[name])
    assert caught.value.code == "document_needs_ocr"
    assert "tesseract-ocr" in caught.value.next_step


async def test_without_tesseract_slides_with_words_tell_what_was_left_out(
    parser_without_tesseract: ForkServerParser,
) -> None:
    document = await parser_without_tesseract.parse("slides.pptx", _slides("Chains"))
    assert [one.text for one in document.paragraphs] == ["Chains"]
    assert [notice.code for notice in document.notices] == ["pictures_not_read"]
