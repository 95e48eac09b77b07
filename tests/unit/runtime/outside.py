"""Stand-ins for the two sides of the guarded client: a server on this machine, and the internet."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpcore

from runtime.http import OutsideClient

PUBLIC = "93.184.216.34"


@dataclass
class Canary:
    """A server on this machine that notes who calls, and answers each path with the bytes set for it."""

    port: int = 0
    calls: list[bytes] = field(default_factory=list)
    answers: dict[str, bytes] = field(default_factory=dict)
    silent: bool = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.calls.append(head)
        if self.silent:
            await reader.read()
        path = head.split(b" ", 2)[1].decode()
        writer.write(self.answers.get(path, ok(b"canary")))
        writer.close()

    def redirect(self, path: str, location: str) -> None:
        self.answers[path] = f"HTTP/1.1 302 Found\r\nLocation: {location}\r\n".encode() + END


END = b"Connection: close\r\nContent-Length: 0\r\n\r\n"


def ok(body: bytes, *headers: str) -> bytes:
    head = "".join(f"{header}\r\n" for header in ("HTTP/1.1 200 OK", *headers, "Connection: close"))
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


class Wire(httpcore.AsyncNetworkBackend):
    """Stands for the internet: notes what is dialled, and answers with the next response."""

    def __init__(self, *responses: bytes) -> None:
        self.dialled: list[tuple[str, int]] = []
        self._responses = list(responses)

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        self.dialled.append((host, port))
        if not self._responses:
            raise httpcore.ConnectError("nobody there")
        return httpcore.AsyncMockStream([self._responses.pop(0)])


def names(*answers: Collection[str]) -> Callable[[str, int], Awaitable[Collection[str]]]:
    """A resolver that gives each answer once, the last one for ever."""
    left = list(answers)

    async def resolve(host: str, port: int) -> Collection[str]:
        return left.pop(0) if len(left) > 1 else left[0]

    return resolve


@asynccontextmanager
async def running_canary() -> AsyncGenerator[Canary]:
    canary = Canary()
    server = await asyncio.start_server(canary.serve, "127.0.0.1", 0)
    canary.port = server.sockets[0].getsockname()[1]
    async with server:
        yield canary


class Clients(AsyncExitStack):
    """Makes clients, and closes them at the end."""

    def __call__(self, **options: Any) -> OutsideClient:
        # Reading the certificates of the world takes longer than all the rest of a test.
        client = OutsideClient(tls=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), **options)
        self.push_async_callback(client.aclose)
        return client

    def trusting(self, canary: Canary, **options: Any) -> OutsideClient:
        return self(trusted={("127.0.0.1", canary.port)}, **options)
