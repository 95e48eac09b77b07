"""Log files: appended to, set aside, read back."""

from pathlib import Path

import pytest

from apps.supervisor.logfiles import KEPT, last_lines, open_log
from runtime.errors import Unavailable


def write(path: Path, text: bytes, *, largest: int) -> None:
    with open_log(path, largest=largest) as file:
        file.write(text)


def test_a_log_is_appended_to_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "worker.log"
    write(path, b"one\n", largest=100)
    write(path, b"two\n", largest=100)
    assert path.read_bytes() == b"one\ntwo\n"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_large_log_is_set_aside_and_the_oldest_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "worker.log"
    for number in range(KEPT + 3):
        write(path, f"{number}".encode(), largest=1)
    kept = sorted(tmp_path.iterdir())
    assert [file.name for file in kept] == ["worker.log", "worker.log.1", "worker.log.2", "worker.log.3"]
    assert [file.read_text() for file in kept] == ["5", "4", "3", "2"]


def test_the_last_lines_come_without_the_empty_ones_and_survive_broken_text(tmp_path: Path) -> None:
    path = tmp_path / "worker.log"
    path.write_bytes(b"x" * 20_000 + b"\none\n\n\xfftwo\nthree\n")
    assert last_lines(path, 3) == ["one", "\ufffdtwo", "three"]


def test_there_are_no_last_lines_without_a_log(tmp_path: Path) -> None:
    assert last_lines(tmp_path / "none.log") == []


def test_a_log_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file where a folder should be")
    with pytest.raises(Unavailable) as caught:
        open_log(tmp_path / "logs" / "worker.log")
    assert caught.value.code == "log_not_writable"
    assert "worker.log" in caught.value.detail
