"""What happens to every request around its route. Plain ASGI, so that streams pass through untouched."""

import re
import time
from collections.abc import Mapping

import structlog
from prometheus_client import Histogram
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.problems import CLIENT_GONE, internal_error, problem_response
from runtime.ids import new_id
from runtime.telemetry import BUCKETS

log = structlog.get_logger(__name__)

REQUEST_SECONDS = Histogram(
    "understudy_http_request_seconds",
    "Duration of an HTTP request, until the last byte.",
    ["method", "route", "status"],
    buckets=BUCKETS,
)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# Asked by machines every few seconds: logged only when something is wrong.
QUIET_ROUTES = frozenset({"/health", "/health/deep", "/ready", "/metrics"})
SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}", re.ASCII)
# Multipart puts boundaries and headers around the files.
FORM_OVERHEAD_BYTES = 64 * 1024
# A run of bytes of a resumable upload (tus 1.0).
PIECE_MEDIA_TYPE = "application/offset+octet-stream"

SECURITY_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}


class RequestIds:
    """Gives each request an id, the caller's own if it is sane; logs and the response carry it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if SANE_REQUEST_ID.fullmatch(given) else str(new_id())
        scope["request_id"] = request_id

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["X-Request-ID"] = request_id
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            await self._app(scope, receive, send_with_id)


class AccessLog:
    """One log line and one observation for each request. The line has no query string and no body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), CLIENT_GONE

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        finally:
            self._write(scope, status, time.perf_counter() - started)

    @staticmethod
    def _write(scope: Scope, status: int, seconds: float) -> None:
        # The template, not the path: a label for each identifier would grow without end.
        route = getattr(scope.get("route"), "path", "unmatched")
        method = scope["method"] if scope["method"] in METHODS else "OTHER"
        REQUEST_SECONDS.labels(method, route, str(status)).observe(seconds)
        if route in QUIET_ROUTES and status < 400:
            return
        log.info(
            "request",
            method=method,
            route=route,
            path=scope["path"][:200],
            status=status,
            duration_ms=round(seconds * 1000, 1),
        )


class SecurityHeaders:
    """Headers that keep a browser from doing more with a response than it should; a route may set its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)


class LastResort:
    """The outermost handler: an error that nothing else expects is logged and answered with no details."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def send_and_note(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        except Exception as error:  # the outermost loop of a request
            log.exception("request_failed", path=scope["path"][:200])
            if begun:
                # The connection is broken off, which the client notices; a proper end would look like success.
                raise ResponseBrokenOff from error
            await internal_error(scope)(scope, receive, send)


class ResponseBrokenOff(Exception):
    """A response had begun when its route failed; the server is to close the connection."""


class BodyLimit:
    """Refuses bodies over the limit: at once when their size is declared, else when they have grown past it."""

    def __init__(self, app: ASGIApp, *, max_bytes: int, max_form_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._max_form_bytes = max_form_bytes + FORM_OVERHEAD_BYTES

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if headers.get("content-type", "").lower() == PIECE_MEDIA_TYPE and scope["path"].startswith(
            "/uploads"
        ):
            await self._app(
                scope, receive, send
            )  # the route knows how long the file is, and keeps it in pieces
            return
        is_form = headers.get("content-type", "").lower().startswith("multipart/form-data")
        limit = self._max_form_bytes if is_form else self._max_bytes
        declared = headers.get("content-length", "0")
        if declared.isdecimal() and int(declared) > limit:
            too_large = problem_response(
                scope, 413, "body_too_large", _too_large(limit), headers={"Connection": "close"}
            )
            await too_large(scope, receive, send)
            return
        received = 0

        async def receive_counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise HTTPException(413, _too_large(limit), headers={"Connection": "close"})
            return message

        await self._app(scope, receive_counted, send)


def _too_large(limit: int) -> str:
    return f"The body is larger than {limit:,} bytes."


def layers(*, max_bytes: int, max_form_bytes: int) -> list[Middleware]:
    """The layers around the routes, from the outermost in."""
    return [
        Middleware(RequestIds),
        Middleware(AccessLog),
        Middleware(SecurityHeaders),
        Middleware(LastResort),
        Middleware(BodyLimit, max_bytes=max_bytes, max_form_bytes=max_form_bytes),
    ]
