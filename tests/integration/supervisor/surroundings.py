"""What several of these tests need around them."""

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from apps.supervisor.processes import Account

REPOSITORY = Path(__file__).resolve().parents[3]
NOBODY = Account(65534, 65534)


async def until(condition: Callable[[], object], within_s: float = 15) -> None:
    """Look again and again until the condition holds. Fails after `within_s` seconds."""
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 - it is another process that changes it
            await asyncio.sleep(0.02)


def start_python(script: str, *arguments: str) -> "subprocess.Popen[str]":
    """A Python of its own that runs `script`, can import the product, and whose output can be read."""
    return subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )


def line_of(process: "subprocess.Popen[str]") -> str:
    """The next line that it says; "" when it has ended."""
    assert process.stdout is not None
    return process.stdout.readline().strip()
