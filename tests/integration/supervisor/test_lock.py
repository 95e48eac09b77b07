"""One supervisor for each `var`."""

import os
import signal
from pathlib import Path

import pytest

from apps.supervisor.lock import RunningState, VarLock, read_state
from runtime.errors import Conflict, Unavailable
from tests.integration.supervisor.surroundings import line_of, start_python

URL = "http://127.0.0.1:8000"


def test_a_second_one_is_told_who_has_it(tmp_path: Path) -> None:
    with VarLock(tmp_path) as lock:
        lock.publish(RunningState(pid=os.getpid(), gateway_url=URL))
        with pytest.raises(Conflict) as caught:
            VarLock(tmp_path).acquire()
        assert caught.value.code == "already_running"
        assert str(os.getpid()) in caught.value.detail
        assert URL in caught.value.detail
        assert read_state(tmp_path) == RunningState(pid=os.getpid(), gateway_url=URL)
        assert (tmp_path / "run" / "state.json").stat().st_mode & 0o777 == 0o600


def test_another_var_is_another_matter(tmp_path: Path) -> None:
    with VarLock(tmp_path / "a"), VarLock(tmp_path / "b"):
        pass


def test_after_the_end_nothing_runs_and_it_can_be_taken_again(tmp_path: Path) -> None:
    for _ in range(2):
        with VarLock(tmp_path) as lock:
            lock.publish(RunningState(pid=os.getpid(), gateway_url=URL))
        assert read_state(tmp_path) is None
    assert [file.name for file in (tmp_path / "run").iterdir()] == ["lock"]


def test_what_a_killed_one_has_left_is_no_obstacle_and_misleads_nobody(tmp_path: Path) -> None:
    script = f"""
import os, sys, time
from pathlib import Path
from apps.supervisor.lock import RunningState, VarLock
lock = VarLock(Path(sys.argv[1]))
lock.acquire()
lock.publish(RunningState(pid=os.getpid(), gateway_url={URL!r}))
print("held", flush=True)
time.sleep(600)
"""
    holder = start_python(script, str(tmp_path))
    assert line_of(holder) == "held"
    with pytest.raises(Conflict) as caught:
        VarLock(tmp_path).acquire()
    assert f"kill {holder.pid}" in caught.value.next_step
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    assert (tmp_path / "run" / "state.json").exists()
    assert read_state(tmp_path) is None
    with VarLock(tmp_path):
        assert not (tmp_path / "run" / "state.json").exists()


def test_a_state_that_another_version_wrote_is_not_read(tmp_path: Path) -> None:
    with VarLock(tmp_path):
        (tmp_path / "run" / "state.json").write_text('{"pid": 1, "colour": "blue"}')
        assert read_state(tmp_path) is None


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("a file where a folder should be")
    with pytest.raises(Unavailable) as caught:
        VarLock(tmp_path / "var").acquire()
    assert caught.value.code == "var_not_writable"
