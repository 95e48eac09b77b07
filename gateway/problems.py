"""Errors over HTTP: RFC 9457 problem documents. The only place that turns an error into a status."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Scope

from runtime.errors import (
    Conflict,
    Defect,
    Forbidden,
    InvalidInput,
    NotFound,
    StorageFull,
    TooLarge,
    Unauthorized,
    Unavailable,
    UnderstudyError,
)

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
# A part that does not answer is usually being restarted, which takes seconds.
RETRY_AFTER_S = 5
# Nginx's number for a client that left before the answer; nobody receives it, the access log shows it.
CLIENT_GONE = 499
FIELDS_NAMED = 5
# What HTTP itself has no name for: tus 1.0, "Checksum".
TITLES: Mapping[int, str] = {460: "Checksum Mismatch"}

# The first class that fits decides: subclasses stand before their bases.
_STATUSES: Sequence[tuple[type[UnderstudyError], int]] = (
    (TooLarge, 413),
    (InvalidInput, 422),
    (Unauthorized, 401),
    (Forbidden, 403),
    (NotFound, 404),
    (Conflict, 409),
    (StorageFull, 507),
    (Unavailable, 503),
    (Defect, 500),
)
# What is wrong with the HTTP of a request rather than with what it asks.
_HTTP_CODES: Mapping[int, tuple[str, str]] = {
    400: ("bad_request", "Correct the request; /docs describes what it may hold."),
    404: ("route_not_found", "See /docs for the addresses that exist."),
    405: ("method_not_allowed", "See /docs for the methods of this address."),
    413: ("body_too_large", "Send less at once."),
    415: ("content_type_refused", "Set the Content-Type header to what you send; /docs says what is taken."),
}


class FieldProblem(BaseModel):
    """What is wrong with one field of a request."""

    field: str
    problem: str


class Problem(BaseModel):
    """An error, by RFC 9457. `code` is stable and for programs; `detail` and `next_step` are for people."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    next_step: str
    request_id: str
    errors: list[FieldProblem] | None = None
    checks: dict[str, Any] | None = None


def status_of(error: UnderstudyError) -> int:
    """The HTTP status of an error."""
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)


def problem_response(
    scope: Scope,
    status: int,
    code: str,
    detail: str,
    *,
    next_step: str = "",
    headers: Mapping[str, str] | None = None,
    errors: list[FieldProblem] | None = None,
    checks: dict[str, Any] | None = None,
) -> Response:
    """A problem document as the response to the request of `scope`."""
    problem = Problem(
        type=f"urn:understudy:problem:{code}",
        title=TITLES.get(status) or HTTPStatus(status).phrase,
        status=status,
        code=code,
        detail=detail,
        next_step=next_step,
        request_id=scope.get("request_id", ""),
        errors=errors,
        checks=checks,
    )
    extra = dict(headers or {})
    if status == HTTPStatus.UNAUTHORIZED:
        extra["WWW-Authenticate"] = 'Bearer realm="understudy"'
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        extra["Retry-After"] = str(RETRY_AFTER_S)
    return Response(problem.model_dump_json(exclude_none=True), status, extra, MEDIA_TYPE)


def internal_error(scope: Scope) -> Response:
    """The answer when our own code failed; the log has the reason under the same request id."""
    return problem_response(
        scope,
        500,
        "internal_error",
        "Something went wrong here that should not have.",
        next_step="Try again; if it happens again, tell the operator the request_id.",
    )


def add_handlers(app: FastAPI) -> None:
    """Have every error that a route raises answered with a problem document."""
    app.add_exception_handler(UnderstudyError, _on_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(ClientDisconnect, _on_gone)


async def _on_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, UnderstudyError)  # noqa: S101 - it is registered for these
    if isinstance(error, Defect):
        log.error("defect", code=error.code, exc_info=error)
        return internal_error(request.scope)
    return problem_response(
        request.scope, status_of(error), error.code, error.detail, next_step=error.next_step
    )


async def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - it is registered for these
    # The errors also repeat what was sent, which is not ours to send back or to log.
    found = error.errors()
    if any(item["type"] == "json_invalid" for item in found):
        return problem_response(
            request.scope,
            400,
            "json_invalid",
            f"The body is not valid JSON: {found[0].get('ctx', {}).get('error', 'it cannot be read')}.",
            next_step="Send one JSON object, in UTF-8.",
        )
    errors = [FieldProblem(field=_field(item["loc"]), problem=item["msg"]) for item in found]
    named = "; ".join(f"{item.field}: {item.problem}" for item in errors[:FIELDS_NAMED])
    return problem_response(
        request.scope,
        422,
        "invalid_request",
        f"{named}.",
        next_step="Correct the named fields; /docs describes them.",
        errors=errors,
    )


def _field(place: Sequence[int | str]) -> str:
    """`body.message` as people write it: without the part of the request it stood in."""
    inner = place[1:] if len(place) > 1 else place
    return ".".join(str(part) for part in inner)


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - it is registered for these
    code, next_step = _HTTP_CODES.get(error.status_code, ("http_error", ""))
    detail = {
        404: f"There is nothing at {request.url.path[:200]}.",
        405: f"{request.method[:20]} is not possible at {request.url.path[:200]}.",
    }.get(error.status_code, str(error.detail))
    return problem_response(
        request.scope, error.status_code, code, detail, next_step=next_step, headers=error.headers
    )


async def _on_gone(_request: Request, _error: Exception) -> Response:
    return Response(status_code=CLIENT_GONE)
