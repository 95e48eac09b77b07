"""Pages of PDF a second, as the parser's child reads them: text, order, headers and footers, headings; not its start."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

from ingestion.parsing import ForkServerParser
from ingestion.parsing.child import read
from ingestion.parsing.readers.types import Work
from tests.bench.figures import Figure, at_least, plain, quantile

PAGES_A_SECOND = 100
# Pages of each file: one small paper, which is read again and again, and one book.
FILES = (("ordinary", "layout-parser-paper-fast.pdf", 2, 50), ("hostile", "DA-619p.pdf", 619, 3))


def measure(folder: Path) -> Iterator[Figure]:
    """The figures of both files, and what the child and its checked answer add."""
    for kind, name, pages, times in FILES:
        path = folder / kind / name
        took = [_seconds(path) for _ in range(times)]
        yield at_least(f"PDF text, {name}, median", pages / quantile(took, 0.5), PAGES_A_SECOND, "pages/s")
    yield from asyncio.run(_in_child(folder))


def _seconds(path: Path) -> float:
    began = time.perf_counter()
    assert sum(1 for _ in read(Work(path, "pdf", 300))) > 1
    return time.perf_counter() - began


async def _in_child(folder: Path) -> list[Figure]:
    parser = ForkServerParser()
    figures: list[Figure] = []
    try:
        for kind, name, pages, _ in FILES:
            data = (folder / kind / name).read_bytes()
            if not figures:
                began = time.perf_counter()
                await parser.parse(name, data)
                figures.append(
                    plain("first PDF, start of the server included", f"{time.perf_counter() - began:.2f} s")
                )
            began = time.perf_counter()
            await parser.parse(name, data)
            took = time.perf_counter() - began
            figures.append(plain(f"{name} through a child", f"{took:.2f} s ({pages / took:.0f} pages/s)"))
    finally:
        await parser.close()
    return figures
