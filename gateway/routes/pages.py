"""The pages: files of this package, held in memory and served with what lets a browser keep them."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import Response

FOLDER = Path(__file__).resolve().parent.parent / "pages"
# Everything a page loads comes from here, as files: no inline script or style, no other site.
PAGE_POLICY = (
    "default-src 'self'; base-uri 'none'; object-src 'none'; form-action 'self'; frame-ancestors 'none';"
    " require-trusted-types-for 'script'; trusted-types 'none'"
)
_MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
_ADDRESSES = {"index.html": "/", "docs.html": "/docs"}


@dataclass(frozen=True, slots=True)
class Page:
    """A file as it is served."""

    content: bytes
    media_type: str
    etag: str


def load_pages(folder: Path = FOLDER) -> dict[str, Page]:
    """The pages by the address each is served at."""
    pages: dict[str, Page] = {}
    for file in sorted(folder.iterdir()):
        media_type = _MEDIA_TYPES.get(file.suffix)
        if media_type is not None:
            content = file.read_bytes()
            etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
            pages[_ADDRESSES.get(file.name, f"/assets/{file.name}")] = Page(content, media_type, etag)
    return pages


def page_routes(pages: dict[str, Page]) -> APIRouter:
    """A route for each page."""
    router = APIRouter(include_in_schema=False)
    for address, page in pages.items():
        router.add_api_route(address, _serving(page), methods=["GET", "HEAD"], response_class=Response)
    return router


def _serving(page: Page):
    async def serve(request: Request) -> Response:
        headers = {"ETag": page.etag, "Cache-Control": "no-cache", "Content-Security-Policy": PAGE_POLICY}
        known = {
            tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")
        }
        if page.etag in known:
            return Response(status_code=304, headers=headers)
        return Response(page.content, headers=headers, media_type=page.media_type)

    return serve
