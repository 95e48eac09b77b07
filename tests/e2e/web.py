"""The outside of an installation, on this machine: YouTube behind a proxy, and a site of pages, feeds and short links.

One server is both: what comes through the proxy is YouTube's, what is asked of it directly is the site's.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.integration.ingestion.youtube.site import Site as YouTube
from tests.integration.ingestion.youtube.wire import Reply, Request, Wire


@dataclass
class Outside:
    """What there is. `settings` lead an installation here."""

    wire: Wire
    youtube: YouTube = field(default_factory=YouTube)
    pages: dict[str, Reply] = field(default_factory=dict[str, Reply])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.wire.port}"

    @property
    def settings(self) -> dict[str, str]:
        return {
            "UNDERSTUDY_ORIGINS__TRUSTED": f'["127.0.0.1:{self.wire.port}"]',
            "UNDERSTUDY_YOUTUBE__PROXY": self.wire.proxy(),
            "UNDERSTUDY_YOUTUBE__CA_FILE": str(self.wire.ca_file),
        }

    def put(
        self, path: str, body: str = "", kind: str = "text/html", *, status: int = 200, **more: str
    ) -> str:
        """Answer `path` so; `{site}` in the body is this site's address. Gives the address of the path."""
        self.pages[path] = Reply(body.replace("{site}", self.url), status, {"Content-Type": kind, **more})
        return f"{self.url}{path}"

    def __call__(self, request: Request) -> Reply:
        if request.host:
            return self.youtube(request)
        return self.pages.get(request.path, Reply("nothing here", 404))


@contextmanager
def opened(folder: Path) -> Iterator[Outside]:
    """The server, for the length of a block."""
    wire = Wire(folder)
    outside = Outside(wire)
    wire.answer = outside
    try:
        yield outside
    finally:
        wire.close()
