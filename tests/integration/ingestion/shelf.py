"""A place on the web that the tests own: an HTTP server of texts and lists, and the origin that reads it.

`GET /texts/<id>` answers a text file; `GET /lists/<id>` answers JSON `{title, complete, entries: [{id, title,
published_at, version}]}`. Everything can be changed, broken, counted and held back while the server runs.
"""

import json
import re
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from ingestion import Bundle, BundleFile
from ingestion.origins.types import Address, Entry, ItemGone, Listing
from runtime.errors import Forbidden, InvalidInput, Unavailable
from runtime.http import Fetched, OutsideClient


@dataclass
class Shelf:
    """What the server has. `statuses` by path are answered in place of what is there; `gates` hold an answer back."""

    port: int = 0
    texts: dict[str, str] = field(default_factory=dict)
    lists: dict[str, dict[str, Any]] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    gates: dict[str, threading.Event] = field(default_factory=dict)
    begun: dict[str, threading.Event] = field(default_factory=dict)
    hits: Counter[str] = field(default_factory=Counter)

    def put(self, text_id: str, text: str) -> None:
        self.texts[text_id] = text

    def list_all(self, name: str = "all", *, complete: bool = True, **more: dict[str, Any]) -> None:
        """Make a list of every text, newest (last put) first; `more` are fields of single entries."""
        entries = [{"id": key, "version": "1", **more.get(key, {})} for key in reversed(self.texts)]
        self.lists[name] = {"title": f"List {name}", "complete": complete, "entries": entries}

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}/{path}"

    def hold(self, path: str) -> threading.Event:
        """Hold back the answers to this path until the event is set; `begun[path]` tells that one waits."""
        self.begun[path] = threading.Event()
        self.gates[path] = threading.Event()
        return self.gates[path]

    def answer(self, path: str) -> tuple[int, bytes]:
        self.hits[path] += 1
        if path in self.gates:
            self.begun[path].set()
            self.gates[path].wait(timeout=30)
        if path in self.statuses:
            return self.statuses[path], b""
        kind, _, name = path.partition("/")
        if kind == "lists" and name in self.lists:
            return 200, json.dumps(self.lists[name]).encode()
        if kind == "texts" and name in self.texts:
            return 200, self.texts[name].encode()
        return 404, b""


@contextmanager
def open_shelf() -> Iterator[Shelf]:
    """The server, on a port of its own, for the length of a block."""
    shelf = Shelf()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = shelf.answer(self.path.lstrip("/"))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Keep the tests' output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    shelf.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield shelf
    finally:
        for gate in shelf.gates.values():
            gate.set()
        server.shutdown()
        thread.join()
        server.server_close()


class ShelfOrigin:
    """The `Origin` of one shelf, under the name of the web."""

    name = "web"

    def __init__(self, port: int, client: OutsideClient) -> None:
        self._base = f"http://127.0.0.1:{port}"
        self._client = client

    def recognise(self, url: str) -> Address | None:
        if not url.startswith(f"{self._base}/"):
            return None
        path = url.removeprefix(f"{self._base}/").partition("?")[0]
        if not re.fullmatch(r"(texts|lists)/[a-z0-9-]+", path):
            raise InvalidInput(
                "shelf_address_wrong", f"{path} is nothing.", next_step="Name a text or a list."
            )
        return self._address(path)

    async def discover(self, address: Address) -> Listing:
        answer = await self._get(address)
        told = json.loads(answer.content)
        return Listing(told["title"], tuple(self._entry(one) for one in told["entries"]), told["complete"])

    async def fetch(self, address: Address, *, languages: Sequence[str] = ()) -> Bundle:
        answer = await self._get(address)
        name = f"{address.id.partition('/')[2]}.md"
        return Bundle(name, (BundleFile(name, answer.content),))

    def _entry(self, told: dict[str, Any]) -> Entry:
        published = told.get("published_at")
        return Entry(
            self._address(f"texts/{told['id']}"),
            told.get("title", ""),
            datetime.fromisoformat(published) if published else None,
            told["version"],
        )

    def _address(self, path: str) -> Address:
        kind = "item" if path.startswith("texts/") else "collection"
        return Address(self.name, kind, path, f"{self._base}/{path}")

    async def _get(self, address: Address) -> Fetched:
        answer = await self._client.fetch(address.url)
        if answer.status == 200:
            return answer
        if answer.status in {404, 410}:
            raise ItemGone("text_gone", "The text is gone.", next_step="Put it back.")
        if answer.status == 403:
            raise Forbidden("text_locked", "The text wants a key.", next_step="Unlock it.")
        if answer.status >= 500:
            raise Unavailable("shelf_down", "The shelf does not answer.", next_step="Wait.")
        raise InvalidInput("text_unusable", "The text cannot be used.", next_step="Write it anew.")
