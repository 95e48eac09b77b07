"""Reading a page in a process of its own, which ends when it takes too long."""

import asyncio
import json
import sys
from typing import Any, Final

from runtime import errors
from runtime.errors import InvalidInput, UnderstudyError
from runtime.settings import ROOT

LONGEST_S: Final = 60
_SHOWN: Final = 64 * 2**20


async def read_in_child(data: bytes, content_type: str, url: str, *, longest_s: float = LONGEST_S) -> bytes:
    """What `ingestion.origins.pages.read_page` gives, by a child process without the environment's secrets.

    Raises as that does, and InvalidInput `page_unreadable` when the page makes its reader fail or take too long.
    """
    head = json.dumps({"url": url, "content_type": content_type}).encode() + b"\n"
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "ingestion.origins.pages",
        cwd=ROOT,
        env={"PYTHONIOENCODING": "utf-8", "OPENBLAS_NUM_THREADS": "1"},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        limit=_SHOWN,
    )
    try:
        async with asyncio.timeout(longest_s):
            output, _ = await child.communicate(head + data)
    except TimeoutError as error:
        raise _unreadable() from error
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode != 0:
        raise _unreadable()
    return _answer(json.loads(output))


def _answer(answer: dict[str, Any]) -> bytes:
    if "document" in answer:
        return str(answer["document"]).encode()
    kind: type[UnderstudyError] = getattr(errors, answer["error"])
    raise kind(answer["code"], answer["detail"], next_step=answer["next_step"])


def _unreadable() -> InvalidInput:
    return InvalidInput(
        "page_unreadable",
        "The page cannot be read: it is too large or too tangled.",
        next_step="Open it, save or print it as PDF, and upload that.",
    )
