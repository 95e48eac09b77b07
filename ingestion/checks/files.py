"""Everything that is asked of a file before it is taken in."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from ingestion.bundles import BundleFile
from ingestion.checks.content import HEAD_BYTES, check_content, largest
from ingestion.checks.viruses import CHUNK_BYTES, Scanner
from runtime.errors import TooLarge
from runtime.settings import UploadSettings


async def check_file(file: BundleFile, scanner: Scanner, limits: UploadSettings) -> None:
    """Refuse a file that may not be taken.

    Raises TooLarge `file_too_large`, InvalidInput `content_contradicts_name`, and what `Scanner.check` raises.
    """
    size, head = await asyncio.to_thread(_look, file)
    limit = largest(file.name, limits)
    if size > limit:
        raise TooLarge(
            "file_too_large",
            f"{file.name} has {size:,} bytes, and files of its kind may have {limit:,}.",
            next_step="Send a smaller one, or raise the limits UNDERSTUDY_UPLOADS__MAX_*_BYTES.",
        )
    check_content(file.name, head)
    if scanner.is_on:
        await scanner.check(file.name, _content(file))


def _look(file: BundleFile) -> tuple[int, bytes]:
    place = file.place()
    if isinstance(place, bytes):
        return len(place), place[:HEAD_BYTES]
    with place.open("rb") as opened:
        return place.stat().st_size, opened.read(HEAD_BYTES)


async def _content(file: BundleFile) -> AsyncIterator[bytes]:
    place = await asyncio.to_thread(file.place)
    if isinstance(place, Path):
        with await asyncio.to_thread(place.open, "rb") as opened:
            while chunk := await asyncio.to_thread(opened.read, CHUNK_BYTES):
                yield chunk
    else:
        yield place
