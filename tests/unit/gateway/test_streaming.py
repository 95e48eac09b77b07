"""Answers as server-sent events: each event at once, errors as events, an end in every case."""

import asyncio
from uuid import UUID

import httpx
import pytest
import structlog
from inline_snapshot import snapshot
from starlette.requests import ClientDisconnect
from starlette.types import Message

from chat.types import Delta, Done, Meta, ModelChosen, Usage
from gateway.streaming import EventStream, while_connected
from runtime.errors import Conflict, Defect, NotFound, Unavailable
from runtime.ids import ConversationId, MessageId
from tests.unit.gateway.fakes import FakeResponder, World, whole_answer
from tests.unit.gateway.wire import Exchange, frames

ASK = b'{"message": "Why?", "creator_id": "bev", "stream": true}'
JSON = {"content_type": "application/json"}
EVENTS = {"content_type": "application/json", "accept": "text/event-stream"}


async def test_the_frames_on_the_wire(world: World, client: httpx.AsyncClient) -> None:
    world.responder.events = [
        Meta(1, ConversationId(UUID(int=1)), MessageId(UUID(int=2))),
        ModelChosen(2, "extractive"),
        Delta(3, "Zwei\nZeilen „ü“\u2028 [1]"),
        Done(4, "covered", Usage(), {"total": 3.5}),
    ]
    response = await client.post("/api/v1/chat", content=ASK, headers={"Content-Type": "application/json"})
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-accel-buffering"] == "no"
    assert "content-length" not in response.headers
    assert response.headers["set-cookie"].startswith("understudy_guest=")
    assert response.text == snapshot("""\
event: meta
id: 1
data: {"seq":1,"conversation_id":"00000000-0000-0000-0000-000000000001","message_id":"00000000-0000-0000-0000-000000000002"}

event: model
id: 2
data: {"seq":2,"name":"extractive","fallback_from":[]}

event: delta
id: 3
data: {"seq":3,"text":"Zwei\\nZeilen „ü“\u2028 [1]"}

event: done
id: 4
data: {"seq":4,"kind":"covered","usage":{"input_tokens":0,"output_tokens":0,"cost_usd":0.0},"timings_ms":{"total":3.5}}

""")


@pytest.mark.parametrize(
    ("stream", "accept", "streamed"),
    [
        ("true", "*/*", True),
        ("true", "application/json", True),
        ("false", "text/event-stream", True),
        ("false", "application/json, text/event-stream;q=0.5", True),
        ("false", "application/json", False),
    ],
)
async def test_events_are_sent_to_those_who_ask_for_them(
    stream: str, accept: str, streamed: bool, client: httpx.AsyncClient
) -> None:
    body = f'{{"message": "Why?", "creator_id": "bev", "stream": {stream}}}'
    headers = {"Content-Type": "application/json", "Accept": accept}
    response = await client.post("/api/v1/chat", content=body, headers=headers)
    kind = "text/event-stream" if streamed else "application/json"
    assert response.headers["content-type"].startswith(kind)


async def test_each_event_is_sent_when_it_happens(world: World) -> None:
    world.responder.gate = asyncio.Event()
    exchange = Exchange("/api/v1/chat", [ASK], **JSON)
    async with exchange.on(world.app):
        assert (await exchange.start())[0] == 200
        assert (await exchange.piece()).startswith(b"event: meta\nid: 1\n")
        assert not world.responder.closed.is_set()
        world.responder.gate.set()
        names = [name for name, _, _ in frames((await exchange.rest()).decode())]
    assert names == ["sources", "model", "delta", "citation", "delta", "done"]
    assert world.responder.closed.is_set()


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotFound("conversation_not_found", "It is gone.", next_step="Begin a new one."), 404),
        (Conflict("conversation_busy", "It is being answered.", next_step="Wait."), 409),
        (Unavailable("database_unreachable", "PostgreSQL does not answer."), 503),
    ],
)
async def test_what_fails_before_the_first_event_has_a_status(
    error: Exception, status: int, world: World, client: httpx.AsyncClient
) -> None:
    world.responder.events = [error]
    response = await client.post("/api/v1/chat", content=ASK, headers={"Content-Type": "application/json"})
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert world.responder.closed.is_set()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Unavailable("index_unavailable", "The index does not answer."), "index_unavailable"),
        (RuntimeError("secret"), "internal_error"),
        (Defect("impossible", "secret"), "internal_error"),
    ],
)
async def test_what_fails_later_ends_the_stream_with_an_error_event(
    error: Exception, code: str, world: World, client: httpx.AsyncClient
) -> None:
    world.responder.events = [*whole_answer()[:4], error]
    with structlog.testing.capture_logs() as logs:
        response = await client.post(
            "/api/v1/chat", content=ASK, headers={"Content-Type": "application/json"}
        )
    sent = frames(response.text)
    name, number, data = sent[-1]
    assert (len(sent), name, number, data["code"], data["incomplete"]) == (5, "error", 5, code, True)
    assert "secret" not in response.text
    assert any(line["log_level"] == "error" for line in logs) == (code == "internal_error")


async def test_a_client_that_leaves_stops_the_answer(world: World) -> None:
    world.responder.gate = asyncio.Event()
    exchange = Exchange("/api/v1/chat", [ASK], **EVENTS)
    async with exchange.on(world.app) as request:
        await exchange.start()
        await exchange.piece()
        exchange.leave()
        await asyncio.wait_for(world.responder.closed.wait(), 5)
        await asyncio.wait_for(request, 5)
    assert exchange.silent


async def test_a_client_that_leaves_before_the_first_event_stops_it_too(world: World) -> None:
    class Slow(FakeResponder):
        async def answer(self, question):
            self.begun.set()
            try:
                await asyncio.Event().wait()
                yield whole_answer()[0]
            finally:
                self.closed.set()

    slow = World(responder=Slow(), catalogue=world.catalogue)
    exchange = Exchange("/api/v1/chat", [ASK], **EVENTS)
    async with exchange.on(slow.app) as request:
        await slow.responder.begun.wait()
        exchange.leave()
        await asyncio.wait_for(slow.responder.closed.wait(), 5)
        await asyncio.wait_for(request, 5)


async def test_a_client_that_reads_no_more_and_leaves_stops_it_too() -> None:
    """The answer waits at an event that cannot be sent."""
    responder = FakeResponder(whole_answer())
    exchange = Exchange("/")
    blocked = asyncio.Event()

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            blocked.set()
            await asyncio.Event().wait()

    response = EventStream(responder.answer(None))
    request = asyncio.create_task(response(exchange.scope, exchange.receive, send))
    await blocked.wait()
    assert not responder.closed.is_set()
    exchange.leave()
    await asyncio.wait_for(request, 5)
    assert responder.closed.is_set()


async def test_silence_is_filled_with_comments(world: World) -> None:
    responder = FakeResponder(whole_answer(), gate=asyncio.Event())
    response = EventStream(responder.answer(None), heartbeat_s=0.01)
    exchange = Exchange("/")
    async with exchange.on(response):
        await exchange.start()
        assert (await exchange.piece()).startswith(b"event: meta")
        for _ in range(3):
            assert await exchange.piece() == b": still here\n\n"
        assert responder.gate is not None
        responder.gate.set()
        names = [name for name, _, _ in frames((await exchange.rest()).decode())]
    assert names[-1] == "done"


@pytest.mark.parametrize("error", [None, RuntimeError("x")])
async def test_an_answer_without_a_pause_ends_at_once(error: Exception | None) -> None:
    """The comments end with the events, also when an event and the end come in the same moment."""
    events = [*whole_answer()[:2], *([error] if error else [])]
    response = EventStream(FakeResponder(events).answer(None), heartbeat_s=0.01)
    exchange = Exchange("/")
    async with exchange.on(response) as request:
        await asyncio.wait_for(request, 5)
        await exchange.start()
        assert len(frames((await exchange.rest()).decode())) == len(events)


async def test_work_that_is_done_is_given_and_its_error_raised() -> None:
    async def fails() -> None:
        raise Unavailable("x", "y.")

    async def gives() -> int:
        return 7

    exchange = Exchange("/")
    assert await while_connected(exchange.receive, gives()) == 7
    with pytest.raises(Unavailable):
        await while_connected(exchange.receive, fails())
    exchange.leave()
    with pytest.raises(ClientDisconnect):
        await while_connected(exchange.receive, asyncio.Event().wait())
