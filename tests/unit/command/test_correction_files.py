"""Corrections as files: what was written is read again, and what spreadsheets make of it too."""

import csv
from pathlib import Path
from typing import Any

import pytest

from apps.command.correction_files import as_csv, read_file, row_of
from runtime.errors import InvalidInput

SOURCE = {"id": "01a", "external_id": "ride01", "title": 'A "ride", twice'}


def _row(original: str, corrected: str | None) -> dict[str, Any]:
    return row_of(SOURCE, {"start_ms": 67_000, "original": original, "state": None}, corrected)


def _read(folder: Path, name: str, content: str | bytes) -> list[tuple[str, ...]]:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return [
        (line.place, line.source, line.external_id, line.original, line.corrected) for line in read_file(path)
    ]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    said = 'He said: "la loo; la, loo"\nand left'
    text = as_csv([_row("not corrected", None), _row(said, "He said: “Lalou”")])
    assert text.splitlines()[0] == "source,external_id,title,start,original,corrected,state"
    assert _read(tmp_path, "c.csv", text) == [("line 4", "01a", "ride01", said, "He said: “Lalou”")]


@pytest.mark.parametrize("said", ["=1+1", "- yes", "@home", "'=x", "'tis so", "+49"])
def test_no_spreadsheet_takes_words_for_a_formula(tmp_path: Path, said: str) -> None:
    text = as_csv([_row(said, f"{said}!")])
    [*_, original, corrected, _] = next(csv.reader(text.splitlines()[1:]))
    assert original[0] not in "=+-@"
    assert corrected[0] not in "=+-@"
    assert _read(tmp_path, "c.csv", text) == [("line 2", "01a", "ride01", said, f"{said}!")]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_spreadsheets_write_in_their_own_ways(tmp_path: Path, separator: str) -> None:
    text = f"source{separator}original{separator}corrected\r\nride01{separator}la loo{separator}Lalou\r\n"
    assert _read(tmp_path, "c.csv", b"\xef\xbb\xbf" + text.encode()) == [
        ("line 2", "ride01", "", "la loo", "Lalou")
    ]


def test_json_is_read_with_and_without_its_frame(tmp_path: Path) -> None:
    held = '[{"external_id": "ride01", "original": "la loo", "corrected": "Lalou", "start": null}]'
    expected = [("correction 1", "", "ride01", "la loo", "Lalou")]
    assert _read(tmp_path, "a.json", held) == expected
    assert _read(tmp_path, "b.json", f'{{"corrections": {held}}}') == expected


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a.csv", "original;corrected\nx;y\n", "it has no source"),
        ("a.csv", "source,original\nx,y\n", "it has no corrected"),
        ("a.csv", "", "it has no source and no original and no corrected"),
        ("a.csv", b"source,original,corrected\n\xff,x,y\n", "it is not UTF-8"),
        ("a.csv", 'source,original,corrected\nx,"y\n', "unexpected end of data"),
        ("a.json", "{", "line 1"),
        ("a.json", '{"corrections": 3}', "it holds no list"),
        ("a.json", '[{"source": "x", "original": "y"}]', "it has no corrected"),
    ],
)
def test_what_cannot_be_read_is_told(tmp_path: Path, name: str, content: str | bytes, why: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        _read(tmp_path, name, content)
    assert caught.value.code == "corrections_unreadable"
    assert why in caught.value.detail


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_file(tmp_path / "missing.csv")
    assert caught.value.code == "corrections_unreadable"
