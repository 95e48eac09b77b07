"""Corrections as a file: CSV for a spreadsheet, JSON for a program."""

import csv
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, Final, cast

from apps.command.output import clock
from runtime.errors import InvalidInput

COLUMNS: Final = ("source", "external_id", "title", "start", "original", "corrected", "state")
_NEEDED: Final = ("original", "corrected")
_SHOWN: Final = 80
# What a spreadsheet would take for a formula, and run; an apostrophe in front makes it text.
_FORMULA: Final = re.compile(r"'*[=+\-@\t\r]")


@dataclass(frozen=True, slots=True)
class Line:
    """One correction of a file; `place` is where a person finds it there. Source and external id may be ''."""

    place: str
    source: str
    external_id: str
    original: str
    corrected: str


def row_of(source: Mapping[str, Any], said: Mapping[str, Any], corrected: str | None) -> dict[str, Any]:
    """A line of a file: of a source, and of a segment or correction of it as the gateway shows it."""
    return {
        "source": source["id"],
        "external_id": source["external_id"],
        "title": source["title"],
        "start": None if said["start_ms"] is None else clock(said["start_ms"]),
        "original": said["original"],
        "corrected": corrected,
        "state": said["state"],
    }


def as_csv(rows: Iterable[Mapping[str, Any]]) -> str:
    """The rows with a header, for `read_file`."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([_harmless(row[name]) for name in COLUMNS] for row in rows)
    return text.getvalue()


def _harmless(cell: str | None) -> str | None:
    return f"'{cell}" if cell and _FORMULA.match(cell) else cell


def _plain(cell: Any) -> Any:
    is_marked = isinstance(cell, str) and cell.startswith("'") and _FORMULA.match(cell)
    return cell[1:] if is_marked else cell


def read_file(path: Path) -> list[Line]:
    """The lines that hold a correction. Raises InvalidInput `corrections_unreadable`."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise _unreadable(path, error.strerror or "it cannot be opened") from error
    except UnicodeDecodeError as error:
        raise _unreadable(path, "it is not UTF-8") from error
    rows = _json_rows(path, text) if path.suffix.lower() == ".json" else _csv_rows(path, text)
    return [
        Line(place, *(str(row.get(name) or "").strip() for name in ("source", "external_id", *_NEEDED)))
        for place, row in rows
        if str(row.get("corrected") or "").strip()
    ]


def _csv_rows(path: Path, text: str) -> list[tuple[str, Mapping[str, Any]]]:
    head = text.partition("\n")[0]
    # Spreadsheets of many countries separate by semicolons, and copying out of one by tabs.
    separator = max(",;\t", key=head.count)
    reader = csv.DictReader(StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        _check_columns(path, reader.fieldnames or ())
        return [
            (f"line {reader.line_num}", {name: _plain(cell) for name, cell in row.items()}) for row in reader
        ]
    except csv.Error as error:
        raise _unreadable(path, f"line {reader.line_num}: {error}") from error


def _json_rows(path: Path, text: str) -> list[tuple[str, Mapping[str, Any]]]:
    try:
        held: Any = json.loads(text)
    except json.JSONDecodeError as error:
        raise _unreadable(path, f"line {error.lineno}: {error.msg}") from error
    if isinstance(held, dict):
        held = cast("dict[str, Any]", held).get("corrections")
    if not isinstance(held, list) or not all(isinstance(row, dict) for row in cast("list[Any]", held)):
        raise _unreadable(path, "it holds no list of corrections")
    rows = cast("list[dict[str, Any]]", held)
    for row in rows:
        _check_columns(path, tuple(row))
    return [(f"correction {number}", row) for number, row in enumerate(rows, start=1)]


def _check_columns(path: Path, names: Sequence[str]) -> None:
    missing = [name for name in _NEEDED if name not in names]
    if "source" not in names and "external_id" not in names:
        missing.insert(0, "source")
    if missing:
        raise _unreadable(path, f"it has no {' and no '.join(missing)}")


def _unreadable(path: Path, why: str) -> InvalidInput:
    return InvalidInput(
        "corrections_unreadable",
        f"{path.name[:_SHOWN]} cannot be used: {why}.",
        next_step=f"It needs the columns {', '.join(COLUMNS[:-1])}; ./understudy corrections export writes such a file.",
    )
