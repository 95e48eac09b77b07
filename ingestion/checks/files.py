"""Everything that is asked of a file before it is taken in."""

import asyncio
from pathlib import Path

from ingestion.bundles import BundleFile
from ingestion.checks.content import HEAD_BYTES, check_content, largest
from ingestion.checks.viruses import Scanner
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
        await scanner.check(file.name, file.stream())


def _look(file: BundleFile) -> tuple[int, bytes]:
    content = file.content
    if isinstance(content, Path):
        return content.stat().st_size, file.head(HEAD_BYTES)
    data = file.read()
    return len(data), data[:HEAD_BYTES]
