"""Has every hostile file read, and says how each ended. `python -m tests.hostile [--only PART]`."""

import argparse
import asyncio
import sys
import time
from collections import Counter

from ingestion.parsing import ForkServerParser
from tests.hostile import corpus
from tests.hostile.judging import LIMITS, judge

AT_ONCE = 2


async def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.hostile", description=__doc__)
    parser.add_argument("--only", default="", help="read only files with this in their names")
    only = parser.parse_args().only
    files = [(name, data) for name, data in corpus() if only in name]
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    reader = ForkServerParser(LIMITS)
    places = asyncio.Semaphore(AT_ONCE)

    async def read(name: str, data: bytes) -> None:
        async with places:
            began = time.monotonic()
            outcome, complaint = await judge(reader, name, data)
            took = time.monotonic() - began
        counts[outcome] += 1
        if complaint:
            wrong.append(f"{name}: {complaint}")
        if complaint or only or took > 5:
            print(f"{name}: {outcome} in {took:.1f} s {complaint or ''}", file=sys.stderr, flush=True)

    await asyncio.gather(*(read(name, data) for name, data in files))
    await reader.close()
    for outcome, count in counts.most_common():
        print(f"{count:5} {outcome}")
    print(f"{len(files)} files, {len(wrong)} wrong", *wrong, sep="\n  ")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
