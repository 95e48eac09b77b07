"""A server that speaks clamd's INSTREAM as its manual describes it, for machines without one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

# The harmless file that every scanner reports (https://www.eicar.org/download-anti-malware-testfile/), in two halves so that
# no scanner takes this file for it.
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-" + rb"ANTIVIRUS-TEST-FILE!$H+H*"


class ClamdServer:
    """Finds the test file; takes streams of up to `limit` bytes, and hangs up after longer ones as clamd does."""

    def __init__(self, limit: int = 25 * 2**20) -> None:
        self.limit = limit
        self.seen: list[int] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        content = bytearray()
        try:
            assert await reader.readuntil(b"\0") == b"zINSTREAM\0"
            while size := int.from_bytes(await reader.readexactly(4), "big"):
                content += await reader.readexactly(size)
                if len(content) > self.limit:
                    writer.write(b"INSTREAM size limit exceeded. ERROR\0")
                    await reader.read()
                    return
            self.seen.append(len(content))
            found = EICAR in content
            writer.write(b"stream: Eicar-Test-Signature FOUND\0" if found else b"stream: OK\0")
        except asyncio.IncompleteReadError:
            return
        finally:
            writer.close()

    @asynccontextmanager
    async def on_tcp(self) -> AsyncIterator[str]:
        """Its address while it listens on a port."""
        async with await asyncio.start_server(self.serve, "127.0.0.1", 0) as server:
            yield f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    @asynccontextmanager
    async def on_socket(self, path: Path) -> AsyncIterator[str]:
        """Its address while it listens on a Unix socket."""
        async with await asyncio.start_unix_server(self.serve, str(path)):
            yield f"unix:{path}"
