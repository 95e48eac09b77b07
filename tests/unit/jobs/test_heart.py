"""The thread that renews leases."""

import asyncio
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from jobs import Heart
from runtime.errors import Unavailable

ROOT = Path(__file__).resolve().parents[3]


class OpenDatabase:
    """Remembers whether it was closed, and where."""

    closed_in: int | None = None

    async def close(self) -> None:
        self.closed_in = threading.get_ident()


async def test_beats_are_in_a_thread_of_their_own_with_its_database() -> None:
    database: Any = OpenDatabase()
    beats: list[tuple[Any, int]] = []
    done = threading.Event()

    async def beat(with_database: Any) -> None:
        beats.append((with_database, threading.get_ident()))
        done.set()

    async def opened() -> Any:
        return database

    heart = Heart(opened)
    async with heart:
        heart.begin(beat)
        done.wait(20)  # this loop stands still meanwhile
    heart.stop()
    ((given, thread),) = beats
    assert given is database
    assert thread not in {threading.get_ident(), None}
    assert database.closed_in == thread


async def test_a_heart_whose_database_could_not_be_opened_can_be_entered_again() -> None:
    tries: list[int] = []

    async def opened() -> Any:
        tries.append(1)
        if len(tries) == 1:
            raise Unavailable("database_unreachable", "PostgreSQL does not answer.")
        return OpenDatabase()

    async def beat(_: Any) -> None:
        beats.append(1)

    beats: list[int] = []
    heart = Heart(opened)
    with pytest.raises(Unavailable):
        await heart.__aenter__()
    async with heart, asyncio.timeout(20):
        await asyncio.wrap_future(heart.begin(beat))
    heart.stop()
    assert beats == [1]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere all threads of a process are as nice as it is")
def test_a_process_that_becomes_nice_leaves_its_heart_as_it_was() -> None:
    script = """
import asyncio, os, threading
from jobs import Heart

class Open:
    async def close(self): pass

async def opened(): return Open()
def nice(): return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
async def beat(_): return nice()

async def main():
    before, heart = nice(), Heart(opened)
    os.nice(5)
    async with heart:
        print(await asyncio.wrap_future(heart.begin(beat)) - before, nice() - before)
    heart.stop()

asyncio.run(main())
"""
    ran = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["0", str(min(5, 19 - os.getpriority(os.PRIO_PROCESS, 0)))]
