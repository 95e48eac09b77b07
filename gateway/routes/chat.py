"""Asking: one question, one cited answer, as a stream of events or as one document."""

from contextlib import aclosing

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response

from accounts import GUEST_MAX_AGE_S
from chat import Question, collect
from gateway.bodies import AnswerBody, ChatRequest
from gateway.parts import EVERYTHING, PUBLIC, FromParts, IsAdmin, Parts, find_creator
from gateway.questions import checked_length, require_json
from gateway.streaming import EventStream, while_connected
from runtime.ids import ConversationId, GuestId

GUEST_COOKIE = "understudy_guest"
STREAM_TYPE = "text/event-stream"

router = APIRouter(prefix="/api/v1", tags=["chat"])


@router.post(
    "/chat",
    response_class=Response,
    responses={200: {"model": AnswerBody, "content": {STREAM_TYPE: {}, "application/json": {}}}},
    dependencies=[Depends(require_json)],
)
async def chat(body: ChatRequest, request: Request, parts: FromParts, is_admin: IsAdmin) -> Response:
    """Ask a creator. With `stream: true`, or `Accept: text/event-stream`, the answer comes as events."""
    checked_length(body.message, parts.settings.max_question_chars)
    async with parts.database.reading() as db:
        creator = await find_creator(parts, db, body.creator_id, is_admin=is_admin)
    guest = guest_of(parts, request)
    cookie = None
    if guest is None:
        guest, cookie = parts.guests.issue()
    conversation = None if body.conversation_id is None else ConversationId(body.conversation_id)
    access = EVERYTHING if is_admin else PUBLIC
    events = parts.responder.answer(Question(creator.id, body.message, conversation, guest, access))
    if body.stream or STREAM_TYPE in request.headers.get("accept", ""):
        response: Response = EventStream(events)
    else:
        async with aclosing(events):
            response = JSONResponse(await while_connected(request.receive, collect(events)))
    if cookie is not None:
        _remember(response, parts, request, cookie)
    return response


def guest_of(parts: Parts, request: Request) -> GuestId | None:
    """The guest whose cookie came with the request."""
    cookie = request.cookies.get(GUEST_COOKIE)
    return None if cookie is None else parts.guests.read(cookie)


def _remember(response: Response, parts: Parts, request: Request, cookie: str) -> None:
    response.set_cookie(
        GUEST_COOKIE,
        cookie,
        max_age=GUEST_MAX_AGE_S,
        httponly=True,
        samesite="lax",
        secure=parts.settings.secure_cookies or request.url.scheme == "https",
    )
