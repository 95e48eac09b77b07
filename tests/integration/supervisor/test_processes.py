"""Real child processes."""

import os
import signal
import sys
from pathlib import Path

import pytest

from apps.supervisor.leftovers import end_leftover, is_recorded_alive, write_record
from apps.supervisor.process_table import end_process, is_alive, process_gone, started_at
from apps.supervisor.processes import Child, Command, run_to_end
from runtime.errors import Unavailable
from tests.integration.supervisor.surroundings import REPOSITORY, line_of, start_python, until

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux only")

# Starts a child of its own, says its number, and waits; with an argument, it cannot be talked into ending.
PARENT = """
import signal, subprocess, sys
grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
if len(sys.argv) > 1:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(grandchild.pid, flush=True)
while True:
    signal.pause()
"""


def python(script: str, *arguments: str) -> Command:
    return Command((sys.executable, "-c", script, *arguments), {"GREETING": "hello"}, Path("/"))


def spawn(command: Command, folder: Path) -> Child:
    return Child.spawn(command, log=folder / "child.log", record=folder / "child.pid")


async def grandchild_of(folder: Path) -> int:
    log = folder / "child.log"
    await until(lambda: log.exists() and log.read_text().endswith("\n"))
    return int(log.read_text().splitlines()[-1])


async def test_a_child_sees_only_its_own_environment_and_writes_to_its_log(tmp_path: Path) -> None:
    child = spawn(python("import os, sys; print(sorted(os.environ)); sys.exit(3)"), tmp_path)
    assert await child.exited() == 3
    said = (tmp_path / "child.log").read_text()
    assert "GREETING" in said
    assert "HOME" not in said
    assert not (tmp_path / "child.pid").exists()


async def test_a_program_that_is_not_there_is_named_in_the_log(tmp_path: Path) -> None:
    child = spawn(Command(("/nonexistent/program",), {}, Path("/")), tmp_path)
    assert await child.exited() == 127
    assert "/nonexistent/program: No such file" in (tmp_path / "child.log").read_text()


async def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as caught:
        spawn(Command((sys.executable,), {}, tmp_path / "none"), tmp_path)
    assert caught.value.code == "child_not_started"


async def test_a_child_that_could_not_be_found_again_is_not_started(tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as caught:
        Child.spawn(python(PARENT), log=tmp_path / "child.log", record=tmp_path / "child.log" / "child.pid")
    assert caught.value.code == "child_not_started"


async def test_the_end_of_a_child_takes_its_own_children_along(tmp_path: Path) -> None:
    child = spawn(python(PARENT), tmp_path)
    grandchild = await grandchild_of(tmp_path)
    os.kill(child.pid, signal.SIGKILL)
    assert await child.exited() == -signal.SIGKILL
    await until(lambda: not is_alive(grandchild))


async def test_a_child_that_will_not_end_is_ended_after_the_grace(tmp_path: Path) -> None:
    child = spawn(python(PARENT, "stubborn"), tmp_path)
    grandchild = await grandchild_of(tmp_path)
    assert await child.stop(0.1) == -signal.SIGKILL
    assert await child.stop(0.1) == -signal.SIGKILL
    await until(lambda: not is_alive(grandchild))


async def test_output_of_a_command_that_ends() -> None:
    assert await run_to_end(python("print('hello')")) == (0, "hello\n")


@LINUX
async def test_children_do_not_outlive_a_parent_that_is_killed(tmp_path: Path) -> None:
    script = """
import sys, time
from pathlib import Path
from apps.supervisor.processes import Child, Command
folder = Path(sys.argv[1])
script = "import time; print('running', flush=True); time.sleep(600)"
command = Command((sys.executable, "-c", script), {}, folder)
print(Child.spawn(command, log=folder / "child.log", record=folder / "child.pid").pid, flush=True)
time.sleep(600)
"""
    parent = start_python(script, str(tmp_path))
    child = int(line_of(parent))
    log = tmp_path / "child.log"
    await until(lambda: log.exists() and log.read_text() == "running\n")
    parent.kill()
    await until(lambda: not is_alive(child))
    parent.communicate()


async def test_a_child_whose_parent_was_killed_before_it_could_ask_for_a_signal_ends_by_itself() -> None:
    launcher = str(REPOSITORY / "apps" / "supervisor" / "launch.py")
    nobodys_number = "0"
    words = (
        sys.executable,
        launcher,
        "9",
        nobodys_number,
        "-1",
        "-1",
        sys.executable,
        "-c",
        "print('running')",
    )
    assert await run_to_end(Command(words, {}, Path("/"))) == (127, "")


async def test_a_leftover_is_ended_with_its_group(tmp_path: Path) -> None:
    child = spawn(python(PARENT), tmp_path)
    grandchild = await grandchild_of(tmp_path)
    assert is_recorded_alive(tmp_path / "child.pid")
    await end_leftover(tmp_path / "child.pid")
    assert await child.exited() == -signal.SIGTERM
    await until(lambda: not is_alive(grandchild))
    assert not (tmp_path / "child.pid").exists()


@LINUX
async def test_what_a_dead_leftover_has_left_is_ended_too(tmp_path: Path) -> None:
    child = start_python(PARENT)
    grandchild = int(line_of(child))
    write_record(tmp_path / "child.pid", child.pid)
    child.kill()
    child.wait()
    assert is_alive(grandchild)
    await end_leftover(tmp_path / "child.pid")
    await until(lambda: not is_alive(grandchild))
    child.communicate()


@pytest.mark.parametrize("line", [1, 2], ids=["begun at another time", "in another life of the system"])
async def test_a_process_that_was_given_the_number_later_is_left_alone(tmp_path: Path, line: int) -> None:
    child = spawn(python(PARENT), tmp_path)
    record = tmp_path / "child.pid"
    lines = record.read_text().splitlines()
    lines[line] = "another"
    record.write_text("\n".join(lines))
    await end_leftover(record)
    assert is_alive(child.pid)
    assert not record.exists()
    await child.stop(5)


@pytest.mark.parametrize("content", ["", "12", "x\ny\nz\n"])
async def test_a_broken_record_is_removed(tmp_path: Path, content: str) -> None:
    record = tmp_path / "child.pid"
    record.write_text(content)
    await end_leftover(record)
    assert not record.exists()


async def test_a_process_that_ignores_one_signal_gets_the_next(tmp_path: Path) -> None:
    child = spawn(python(PARENT, "stubborn"), tmp_path)
    await grandchild_of(tmp_path)
    await end_process(child.pid, (signal.SIGTERM, signal.SIGKILL), patience_s=0.1)
    assert await child.exited() == -signal.SIGKILL


async def test_a_number_that_nobody_has() -> None:
    child = start_python("")
    child.communicate()
    assert not is_alive(child.pid)
    assert started_at(child.pid) == ""
    await process_gone(child.pid)
