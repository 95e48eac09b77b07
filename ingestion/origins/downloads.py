"""Recordings on their way in: streamed to a file, never held in memory."""

import asyncio
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from ingestion.origins.responses import refusal
from runtime.errors import InvalidInput, StorageFull
from runtime.http import FetchLimits, OutsideClient

_KEPT_S: Final = 24 * 3600
_WRITTEN_AT_ONCE: Final = 2**20


async def download(
    client: OutsideClient, url: str, folder: Path, *, suffix: str, limits: FetchLimits, now: datetime
) -> Path:
    """A new file in `folder` with what `url` sends; those of more than a day ago are removed from there.

    Raises what `OutsideClient.stream` raises, the codes of `refusal` for "audio", `audio_wrong_type`, StorageFull `disk_full`.
    Nothing is left behind by a download that failed or was cancelled.
    """
    path = await asyncio.to_thread(_new_file, folder, suffix, now)
    try:
        async with client.stream(url, limits=limits) as response:
            host = urlsplit(response.url).hostname or ""
            if error := refusal(response.status, host, "audio"):
                raise error
            if response.headers.get("content-type", "").lower().startswith(("text/", "application/xhtml")):
                raise InvalidInput(
                    "audio_wrong_type",
                    f"{host} sends a page instead of the recording.",
                    next_step="Check the enclosure of the episode in a browser that is not signed in.",
                )
            waiting = bytearray()
            async for chunk in response.chunks():
                waiting += chunk
                if len(waiting) >= _WRITTEN_AT_ONCE:
                    await asyncio.to_thread(_append, path, bytes(waiting))
                    waiting.clear()
            await asyncio.to_thread(_append, path, bytes(waiting))
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path


def _new_file(folder: Path, suffix: str, now: datetime) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.iterdir():
            if now.timestamp() - old.stat().st_mtime > _KEPT_S:
                old.unlink(missing_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, suffix=suffix, delete=False) as file:
            return Path(file.name)
    except OSError as error:
        raise _disk_full(error) from error


def _append(path: Path, data: bytes) -> None:
    try:
        with path.open("ab") as file:
            file.write(data)
    except OSError as error:
        raise _disk_full(error) from error


def _disk_full(error: OSError) -> StorageFull:
    return StorageFull(
        "disk_full",
        f"The recording cannot be kept: {error.strerror or error}.",
        next_step="Free space on the disk; the item is then tried again.",
    )
