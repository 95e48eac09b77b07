"""A real HTTP server on this machine, with what each path answers, and a guarded client that may call it."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from runtime.http import FetchLimits, OutsideClient


@dataclass(frozen=True)
class Reply:
    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    etag: str = ""
    silent: bool = False


@dataclass
class Site:
    """`{site}` in a text body becomes the address of the server."""

    client: OutsideClient
    port: int = 0
    replies: dict[str, Reply] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    # What answers by how it is asked, with body and type; where it gives None, `replies` do.
    answer: Callable[[str, dict[str, str]], tuple[bytes, str] | None] = lambda _path, _asked: None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.requests]

    def put(
        self,
        path: str,
        body: bytes | str = b"",
        content_type: str = "",
        *,
        status: int = 200,
        etag: str = "",
        **more: str,
    ) -> str:
        """Answer `path` so; gives its address."""
        data = body.replace("{site}", self.url).encode() if isinstance(body, str) else body
        headers = {name.replace("_", "-"): value for name, value in more.items()}
        if content_type:
            headers["Content-Type"] = content_type
        self.replies[path] = Reply(data, status, headers, etag)
        return f"{self.url}{path}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except asyncio.IncompleteReadError:
            writer.close()
            return
        first, *lines = head.strip().split("\r\n")
        asked = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        path = first.split(" ")[1]
        self.requests.append((path, asked))
        reply = self.replies.get(path, Reply(b"nothing here", 404))
        if told := self.answer(path, asked):
            reply = Reply(told[0], headers={"Content-Type": told[1]})
        if reply.silent:
            await reader.read()
        if reply.etag and asked.get("if-none-match") == reply.etag:
            reply = Reply(status=304, etag=reply.etag)
        headers = {"ETag": reply.etag, **reply.headers} if reply.etag else dict(reply.headers)
        text = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        writer.write(
            f"HTTP/1.1 {reply.status} X\r\nConnection: close\r\nContent-Length: {len(reply.body)}\r\n{text}\r\n".encode(
                "latin-1"
            )
        )
        writer.write(reply.body)
        writer.close()


@asynccontextmanager
async def running_site(**limits: float) -> AsyncGenerator[Site]:
    site = Site(client=None)
    server = await asyncio.start_server(site.serve, "127.0.0.1", 0)
    site.port = server.sockets[0].getsockname()[1]
    site.client = OutsideClient(
        trusted={("127.0.0.1", site.port)},
        tls=ssl.SSLContext(
            ssl.PROTOCOL_TLS_CLIENT
        ),  # reading the world's certificates takes longer than a test
        limits=FetchLimits(timeout_s=5),
    )
    async with server:
        yield site
        await site.client.aclose()
