"""Answers on the wire: server-sent events, or one JSON document; both stop their work when the client leaves."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import TypeVar

import structlog
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from chat import AnswerEvent, Failed, event_json
from runtime.database import JsonValue
from runtime.errors import Defect, UnderstudyError

log = structlog.get_logger(__name__)

HEARTBEAT_S = 15.0
HEARTBEAT = b": still here\n\n"
INTERNAL = UnderstudyError("internal_error", "Something went wrong here that should not have.")

Outcome = TypeVar("Outcome")


@dataclass(frozen=True, slots=True)
class Update:
    """An event of something else than an answer."""

    seq: int
    name: str
    data: JsonValue


class EventStream(Response):
    """Server-sent events, one for each event given, with a comment whenever it is silent for `heartbeat_s`.

    The first event is awaited before the response begins, so that what fails until then has a status of its
    own. What fails later becomes an `error` event. The events' generator is closed in every case.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        events: AsyncGenerator[AnswerEvent] | AsyncGenerator[Update],
        *,
        heartbeat_s: float = HEARTBEAT_S,
    ) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._events = events
        self._heartbeat_s = heartbeat_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        # Nobody is left to be told: not started, the access log shows it as such.
        with suppress(ClientDisconnect):
            await while_connected(receive, self._run(send))

    async def _run(self, send: Send) -> None:
        async with aclosing(self._events) as events:
            first = await anext(events)
            await send(
                {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
            )
            wire = _Wire(send)
            beat = asyncio.create_task(wire.beat(self._heartbeat_s))
            try:
                await _relay(first, events, wire)
            finally:
                beat.cancel()
                await asyncio.gather(beat, return_exceptions=True)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class _Wire:
    """Sends frames one after the other, whoever they come from."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._lock = asyncio.Lock()
        self._busy = asyncio.Event()

    async def frame(self, data: bytes) -> None:
        self._busy.set()
        async with self._lock:
            await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def beat(self, every_s: float) -> None:
        """Send a comment after each `every_s` seconds without a frame."""
        while True:
            self._busy.clear()
            try:
                # Not `wait_for`: on Python 3.11 it can swallow a cancellation that comes with the event.
                async with asyncio.timeout(every_s):
                    await self._busy.wait()
            except TimeoutError:
                await self.frame(HEARTBEAT)


async def _relay(
    first: AnswerEvent | Update,
    events: AsyncGenerator[AnswerEvent] | AsyncGenerator[Update],
    wire: _Wire,
) -> None:
    """Send all events. An error that the generator raises becomes the last one: the status is sent already."""
    event: AnswerEvent | Update | None = first
    seq = 0
    while event is not None:
        seq = event.seq
        await wire.frame(_frame(event))
        try:
            event = await anext(events, None)
        except UnderstudyError as error:
            await wire.frame(_frame(_failed(seq + 1, error)))
            return
        except Exception:  # the outermost loop of a stream
            log.exception("stream_failed")
            await wire.frame(_frame(_failed(seq + 1, INTERNAL)))
            return


def _failed(seq: int, error: UnderstudyError) -> Failed:
    if isinstance(error, Defect):
        log.error("defect", code=error.code, exc_info=error)
        error = INTERNAL
    return Failed(seq, error.code, error.detail, incomplete=True)


def _frame(event: AnswerEvent | Update) -> bytes:
    name, data = (event.name, event.data) if isinstance(event, Update) else event_json(event)
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return f"event: {name}\nid: {event.seq}\ndata: {text}\n\n".encode()


async def while_connected(receive: Receive, work: Awaitable[Outcome]) -> Outcome:
    """What `work` gives; it is cancelled, and ClientDisconnect raised, when the client goes before."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_disconnect(receive))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        for task in (working, leaving):
            task.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
