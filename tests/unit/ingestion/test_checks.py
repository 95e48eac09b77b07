"""Content against name, and sizes by kind."""

import io
import wave
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from ingestion.bundles import BundleFile
from ingestion.checks import HEAD_BYTES, Scanner, check_content, check_file, largest
from runtime.errors import InvalidInput, TooLarge
from runtime.settings import ClamdSettings, UploadSettings


def _png() -> bytes:
    kept = io.BytesIO()
    Image.new("RGB", (9, 9)).save(kept, "PNG")
    return kept.getvalue()


def _zip() -> bytes:
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w") as archive:
        archive.writestr("word/document.xml", "<w/>")
    return kept.getvalue()


def _wav() -> bytes:
    kept = io.BytesIO()
    with wave.open(kept, "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(1000))
    return kept.getvalue()


CAPTIONS = b"WEBVTT\n\n00:00:01.000 --> 00:00:04.000\nHello.\n"
PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("talk.en.vtt", CAPTIONS),
        ("talk.en.vtt", b"\xef\xbb\xbf" + CAPTIONS),
        ("talk.srt", CAPTIONS.decode().encode("utf-16")),
        ("cars.txt", b"BMW and MZ make motorcycles."),
        ("music.md", b"ID3 tags are explained here."),
        ("page.md", b"<!DOCTYPE html><p>Markdown may hold it."),
        ("page.html", b"<!doctype html><p>x"),
        ("paper.PDF", PDF),
        ("notes.docx", _zip()),
        ("notes.zip", _zip()),
        ("talk.wav", _wav()),
        ("slide.png", _png()),
        ("empty.txt", b""),
        ("anything.xyz", PDF),
        ("odd.mp3", b"\x00\x01\x02 nobody knows this"),
    ],
)
def test_what_fits_its_name_passes(name: str, content: bytes) -> None:
    check_content(name, content[:HEAD_BYTES])


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("talk.en.vtt", _png(), "PNG"),
        ("notes.txt", PDF, "PDF"),
        ("notes.md", rb"{\rtf1\ansi Text}", "RTF"),
        ("notes.txt", _zip(), "DOCX"),
        ("notes.pdf", _zip(), "DOCX"),
        ("notes.docx", PDF, "PDF"),
        ("talk.mp3", b"\n <!DOCTYPE HTML><title>Not found</title>", "HTML"),
        ("talk.mp4", _wav(), "WAV"),
        ("slide.png", PDF, "PDF"),
        ("talk.info.json", _zip(), "DOCX"),
    ],
)
def test_what_contradicts_its_name_is_refused_by_both(name: str, content: bytes, found: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_content(name, content[:HEAD_BYTES])
    assert caught.value.code == "content_contradicts_name"
    assert name in caught.value.detail
    assert found in caught.value.detail


@pytest.mark.data
def test_no_ordinary_document_contradicts_its_name(test_data: Path) -> None:
    files = [path for folder in ("documents/ordinary", "speech") for path in (test_data / folder).iterdir()]
    assert len(files) > 30
    for path in files:
        check_content(path.name, path.read_bytes()[:HEAD_BYTES])


async def test_sizes_are_limited_by_kind(tmp_path: Path) -> None:
    limits = UploadSettings(max_captions_bytes=1024, max_document_bytes=2048, max_media_bytes=4096)
    assert [largest(name, limits) for name in ("a.vtt", "a.info.json", "a.pdf", "a.MP4", "a.zip", "a")] == [
        1024,
        1024,
        2048,
        4096,
        4096,
        2048,
    ]
    path = tmp_path / "a.md"
    path.write_bytes(b"x" * 2049)
    nobody = Scanner(ClamdSettings())
    for content in (path, b"x" * 2049):
        with pytest.raises(TooLarge) as caught:
            await check_file(BundleFile("a.md", content), nobody, limits)
        assert caught.value.code == "file_too_large"
    await check_file(BundleFile("a.md", b"x" * 2048), nobody, limits)


@pytest.mark.parametrize("url", ["http://x", "tcp://", "unix:", "localhost:3310"])
def test_an_address_that_names_no_scanner_is_told(url: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Scanner(ClamdSettings(url=url))
    assert caught.value.code == "settings_invalid"
