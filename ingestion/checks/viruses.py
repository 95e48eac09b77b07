"""A look at every file by ClamAV's daemon, spoken to as its manual says (`man clamd`, INSTREAM)."""

import asyncio
from collections.abc import AsyncIterable
from contextlib import suppress
from urllib.parse import urlsplit

import structlog

from runtime.errors import InvalidInput, TooLarge, Unavailable
from runtime.settings import ClamdSettings

CHUNK_BYTES = 256 * 1024

log = structlog.get_logger(__name__)


class Scanner:
    """Asks the clamd of the settings; without one, everything is clean. Holds nothing open between calls."""

    def __init__(self, settings: ClamdSettings) -> None:
        self._settings = settings
        self._address = urlsplit(settings.url) if settings.url else None
        if self._address and not (
            (self._address.scheme == "tcp" and self._address.hostname)
            or (self._address.scheme == "unix" and self._address.path)
        ):
            raise InvalidInput(
                "settings_invalid",
                "UNDERSTUDY_CLAMD__URL does not name a scanner.",
                next_step="Write it as tcp://host:3310 or unix:/run/clamav/clamd.ctl.",
            )

    @property
    def is_on(self) -> bool:
        """Whether there is a scanner to ask."""
        return self._address is not None

    async def check(self, name: str, content: AsyncIterable[bytes]) -> None:
        """Return when the content is clean.

        Raises InvalidInput `file_infected`, TooLarge `file_not_scannable` for one that the scanner will not take, and
        Unavailable `scanner_unavailable` when it does not answer; the last two only where it is required.
        """
        if self._address is None:
            return
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                verdict = await self._ask(content)
        except (OSError, EOFError, TimeoutError) as error:
            unavailable = Unavailable(
                "scanner_unavailable",
                "The virus scanner does not answer.",
                next_step="Check that clamd runs where UNDERSTUDY_CLAMD__URL says and that its StreamMaxLength is no less than the"
                " files that are sent; then send the file again.",
            )
            self._unscanned(unavailable, error)
            return
        if verdict.endswith("FOUND"):
            log.warning("file_infected", signature=verdict.removeprefix("stream: ").removesuffix(" FOUND"))
            raise InvalidInput(
                "file_infected",
                f"The virus scanner found {verdict.removeprefix('stream: ').removesuffix(' FOUND')} in {name}.",
                next_step="Clean the machine that it comes from; nothing of the file was kept.",
            )
        if not verdict.endswith("OK"):
            refused = TooLarge(
                "file_not_scannable",
                f"The virus scanner could not look at {name}: {verdict[:200]}.",
                next_step="Raise StreamMaxLength in clamd.conf, or send a smaller file.",
            )
            self._unscanned(refused, None)

    def _unscanned(self, error: Unavailable | TooLarge, cause: Exception | None) -> None:
        if self._settings.required:
            raise error from cause
        log.warning("file_not_scanned", code=error.code)

    async def _ask(self, content: AsyncIterable[bytes]) -> str:
        reader, writer = await self._connect()
        # Listened to from the beginning: past its limit the scanner says so, and hangs up in the middle of what is sent.
        verdict = asyncio.ensure_future(self._verdict(reader))
        try:
            with suppress(ConnectionError):
                await _send(writer, content, verdict)
            return await verdict  # what it said before it hung up, or that it did
        finally:
            verdict.cancel()
            writer.close()

    @staticmethod
    async def _verdict(reader: asyncio.StreamReader) -> str:
        return (await reader.readuntil(b"\0"))[:-1].decode("utf-8", "replace").strip()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        address = self._address
        assert address is not None  # noqa: S101 - asked only where there is one
        if address.scheme == "unix":
            return await asyncio.open_unix_connection(address.path)
        return await asyncio.open_connection(address.hostname, address.port or 3310)


async def _send(
    writer: asyncio.StreamWriter, content: AsyncIterable[bytes], verdict: asyncio.Future[str]
) -> None:
    """The content as the scanner takes it, until there is a verdict."""
    writer.write(b"zINSTREAM\0")
    async for chunk in content:
        for start in range(0, len(chunk), CHUNK_BYTES):
            part = chunk[start : start + CHUNK_BYTES]
            writer.write(len(part).to_bytes(4, "big") + part)
            await writer.drain()
            if verdict.done():
                return
    writer.write(bytes(4))
    await writer.drain()
