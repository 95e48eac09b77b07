"""Folders that the system user of PostgreSQL can reach, as pytest's own cannot be when root runs the tests."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from apps.supervisor.placement import ENVIRON
from apps.supervisor.processes import Command, run_to_end
from tests.integration.supervisor.surroundings import NOBODY

MEMORY = Path("/dev/shm")  # noqa: S108 - a fresh folder in it
ROOM_BYTES = 2 * 2**30


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """An empty folder that everybody may enter; in memory where there is room, as disks are slow to delete on."""
    roomy = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM_BYTES
    folder = Path(tempfile.mkdtemp(prefix="understudy-", dir=MEMORY if roomy else None))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def var(open_folder: Path) -> Path:
    return open_folder / "var"


@pytest.fixture
def as_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can change users")


@pytest.fixture
async def python_of_nobody(as_root: None) -> str:
    """A Python of this version that an ordinary user can run."""
    script = f"import sys; sys.exit(sys.version_info[:2] != {sys.version_info[:2]})"
    for python in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}"):
        status, _ = await run_to_end(Command((python, "-c", script), ENVIRON, Path("/"), NOBODY))
        if status == 0:
            return python
    pytest.skip("no Python of this version that an ordinary user can run")
