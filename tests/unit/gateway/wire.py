"""Speaks ASGI to an application by hand, where a client that streams or leaves is needed."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from starlette.types import ASGIApp, Message


class Exchange:
    """One request. Its body is sent in the given pieces; `leave()` is the client going away."""

    def __init__(
        self, path: str, body: Sequence[bytes] = (), *, method: str = "POST", **headers: str
    ) -> None:
        raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        self.scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(b"host", b"test"), *raw],
            "client": ("127.0.0.1", 1),
            "server": ("test", 80),
        }
        self._body = list(body)
        self._left = asyncio.Event()
        self._sent: asyncio.Queue[Message] = asyncio.Queue()
        self.pieces_read = 0
        self.more_to_come = False

    def leave(self) -> None:
        self._left.set()

    async def receive(self) -> Message:
        if self._body:
            self.pieces_read += 1
            return {
                "type": "http.request",
                "body": self._body.pop(0),
                "more_body": bool(self._body) or self.more_to_come,
            }
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        await self._sent.put(message)

    @asynccontextmanager
    async def on(self, app: ASGIApp) -> AsyncIterator["asyncio.Task[None]"]:
        """The application working on it, for the length of the block."""
        task = asyncio.create_task(app(self.scope, self.receive, self.send))
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def start(self) -> tuple[int, dict[str, str]]:
        """Status and headers of the response."""
        message = await self._sent.get()
        assert message["type"] == "http.response.start"
        return message["status"], {k.decode().lower(): v.decode() for k, v in message["headers"]}

    async def piece(self) -> bytes:
        """The next piece of the response's body."""
        message = await self._sent.get()
        assert message["type"] == "http.response.body"
        return message["body"]

    async def rest(self) -> bytes:
        """What is left of the response's body."""
        whole, more = b"", True
        while more:
            message = await self._sent.get()
            whole, more = whole + message.get("body", b""), message.get("more_body", False)
        return whole

    @property
    def silent(self) -> bool:
        """Whether nothing waits to be read."""
        return self._sent.empty()


def frames(text: str) -> list[tuple[str, int, dict[str, Any]]]:
    """Server-sent events as (name, id, data); comments are left out."""
    found: list[tuple[str, int, dict[str, Any]]] = []
    for block in text.split("\n\n"):
        if not block or block.startswith(":"):
            continue
        name, number, data = block.split("\n")
        parts = (name.removeprefix("event: "), int(number.removeprefix("id: ")))
        found.append((*parts, json.loads(data.removeprefix("data: "))))
    return found
