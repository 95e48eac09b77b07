"""What the command prints fits a terminal of 80 columns, and what is to be copied from it stands in one piece."""

import re
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from apps.command.output import console
from apps.command.working import _table
from runtime.ids import new_id

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "ingestion.md"
CODES = sorted(set(re.findall(r"^\| `(\w+)`", GUIDE.read_text(encoding="utf-8"), re.MULTILINE)))
KINDS = ("ingestion.source", "ingestion.archive", "ingestion.assembly", "ingestion.removal")


def _job(**fields: Any) -> dict[str, Any]:
    missing = dict.fromkeys(("percent", "stage", "position", "expected_end_at", "error_code"))
    return {
        **missing,
        "id": str(new_id()),
        "kind": "ingestion.source",
        "queue": "speech",
        "state": "running",
        "cancel_asked": False,
        "paused": False,
        "run_at": "2026-01-02T03:04:05+00:00",
        **fields,
    }


def _lines(jobs: list[dict[str, Any]]) -> list[str]:
    narrow = Console(width=80, force_terminal=True, color_system=None, highlight=False, soft_wrap=True)
    with narrow.capture() as capture:
        narrow.print(_table(jobs))
    return capture.get().splitlines()[1:]


def test_each_job_is_one_line_with_its_short_id_and_its_whole_code() -> None:
    jobs = [
        _job(state="cancelled", percent=100, error_code=code, kind=KINDS[number % 4])
        for number, code in enumerate(CODES)
    ]
    assert len(CODES) > 100
    for job, line in zip(jobs, _lines(jobs), strict=True):
        assert line.startswith(f"{job['id'][-8:]} ")
        assert job["error_code"] in line.split()
        assert len(line) <= 80


def test_a_waiting_and_a_running_job_are_one_line_each() -> None:
    far = "2099-01-01T00:00:00+00:00"
    jobs = [
        _job(stage="transcribe", percent=99, cancel_asked=True, kind=KINDS[2], expected_end_at=far),
        _job(state="queued", position=20_000, kind=KINDS[2], expected_end_at=far),
    ]
    running, waiting = _lines(jobs)
    assert "cancelling" in running
    assert "transcribe, ends in " in running
    assert "place 20000, ends in " in waiting


def test_what_is_read_by_a_program_is_never_wrapped(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    console().print(_table([_job(state="failed", error_code="x" * 300)]))
    assert len(capsys.readouterr().out.splitlines()) == 2
