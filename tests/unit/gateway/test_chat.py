"""Asking: what arrives at the responder, and what comes back as one document."""

import asyncio

import httpx
import pytest
from inline_snapshot import snapshot

from chat.types import Failed
from runtime.errors import Unavailable
from tests.unit.gateway.fakes import ADMIN, World, whole_answer
from tests.unit.gateway.wire import Exchange

ASK = {"message": "When is a chain worn out?", "creator_id": "bev"}
COOKIE = "understudy_guest"


async def test_the_answer_is_one_document(world: World, client: httpx.AsyncClient) -> None:
    response = await client.post("/api/v1/chat", json=ASK)
    assert response.status_code == 200
    answer = response.json()
    assert set(answer) == {
        "conversation_id",
        "message_id",
        "answer",
        "kind",
        "citations",
        "model",
        "usage",
        "timings_ms",
        "searched",
    }
    assert answer["answer"] == "“Change the chain.” [1]"
    assert (answer["kind"], answer["model"]) == ("covered", "extractive")
    assert answer["searched"] == snapshot({"sources": 8, "hours": 1.5, "latest": "2026-01-01T00:00:00+00:00"})
    assert set(answer["citations"][0]) == {
        "marker",
        "source_id",
        "external_id",
        "title",
        "url",
        "open_url",
        "start_ms",
        "end_ms",
        "page",
        "heading",
        "speaker",
        "speaker_role",
        "sponsor",
        "published_at",
        "quote",
        "translation",
        "verified",
    }


@pytest.mark.parametrize("by_id", [True, False])
async def test_the_creator_is_named_by_id_or_handle(
    by_id: bool, world: World, client: httpx.AsyncClient
) -> None:
    bev = world.catalogue.creators[0]
    await client.post("/api/v1/chat", json={**ASK, "creator_id": str(bev.id) if by_id else "bev"})
    [question] = world.responder.questions
    assert (question.creator_id, question.text) == (bev.id, ASK["message"])
    assert question.conversation_id is None
    assert question.access == {"public"}


async def test_a_conversation_is_gone_on_with(world: World, client: httpx.AsyncClient) -> None:
    conversation = str(world.conversations.id)
    await client.post(
        "/api/v1/chat", json={**ASK, "conversation_id": conversation, "user_id": "u-1", "stream": False}
    )
    await client.post("/api/v1/chat", json={**ASK, "conversation_id": None, "user_id": None})
    assert [question.conversation_id for question in world.responder.questions] == [
        world.conversations.id,
        None,
    ]


async def test_a_guest_is_made_once_and_recognised(world: World, client: httpx.AsyncClient) -> None:
    first = await client.post("/api/v1/chat", json=ASK)
    second = await client.post("/api/v1/chat", json=ASK)
    cookie = first.headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    for attribute in ("HttpOnly", "SameSite=lax", "Path=/", "Max-Age=34560000"):
        assert attribute in cookie
    assert "Secure" not in cookie
    assert "set-cookie" not in second.headers
    guests = [question.guest for question in world.responder.questions]
    assert guests[0] == guests[1] == world.guests.read(first.cookies[COOKIE])


async def test_a_cookie_that_is_not_ours_makes_a_new_guest(world: World, client: httpx.AsyncClient) -> None:
    guest, cookie = world.guests.issue()
    response = await client.post("/api/v1/chat", json=ASK, headers={"Cookie": f"{COOKIE}={cookie}x"})
    assert "set-cookie" in response.headers
    assert world.responder.questions[0].guest != guest


async def test_over_https_the_cookie_stays_on_https(world: World) -> None:
    transport = httpx.ASGITransport(world.app)
    async with httpx.AsyncClient(transport=transport, base_url="https://test") as client:
        assert "Secure" in (await client.post("/api/v1/chat", json=ASK)).headers["set-cookie"]


@pytest.mark.parametrize("message", ["", "   ", "\n\t ", "\u3000\u2003"])
async def test_an_empty_question_is_refused(message: str, world: World, client: httpx.AsyncClient) -> None:
    response = await client.post("/api/v1/chat", json={**ASK, "message": message})
    assert (response.status_code, response.json()["code"]) == (422, "question_empty")
    assert world.responder.questions == []


async def test_a_question_of_100_kb_is_refused_with_its_length(
    world: World, client: httpx.AsyncClient
) -> None:
    response = await client.post("/api/v1/chat", json={**ASK, "message": "x" * 100_000})
    assert (response.status_code, response.json()["code"]) == (413, "question_too_long")
    assert "100,000" in response.json()["detail"]
    assert "8,000" in response.json()["detail"]
    assert world.responder.questions == []


@pytest.mark.parametrize(
    "message", ["自転車のチェーンはいつ替える？", "متى أغير السلسلة؟", "🚲" * 2000, "e\u0301" * 4000]
)
async def test_every_script_is_taken_as_it_is(message: str, world: World, client: httpx.AsyncClient) -> None:
    assert (await client.post("/api/v1/chat", json={**ASK, "message": message})).status_code == 200
    assert world.responder.questions[0].text == message


async def test_a_private_creator_answers_the_administrator_only(
    world: World, client: httpx.AsyncClient
) -> None:
    ask = {**ASK, "creator_id": "hidden"}
    refused = await client.post("/api/v1/chat", json=ask)
    unknown = await client.post("/api/v1/chat", json={**ASK, "creator_id": "nobody"})
    assert refused.status_code == unknown.status_code == 404
    # Nothing but the name tells the one that exists from the one that does not.
    same = {k: v.replace("nobody", "hidden") if isinstance(v, str) else v for k, v in unknown.json().items()}
    assert {**refused.json(), "request_id": ""} == {**same, "request_id": ""}
    assert (await client.post("/api/v1/chat", json=ask, headers=ADMIN)).status_code == 200
    assert world.responder.questions[0].access == {"public", "members", "private"}


@pytest.mark.parametrize("header", ["Bearer wrong", "Bearer ", "Basic YWJj", "Bearer " + "a" * 42, "a" * 43])
async def test_a_wrong_key_is_not_overlooked(header: str, world: World, client: httpx.AsyncClient) -> None:
    response = await client.post("/api/v1/chat", json=ASK, headers={"Authorization": header})
    assert (response.status_code, response.json()["code"]) == (401, "admin_key_wrong")
    assert world.responder.questions == []


async def test_an_answer_that_fails_is_a_problem(world: World, client: httpx.AsyncClient) -> None:
    cause = Unavailable("index_unavailable", "The index does not answer.", next_step="Wait.")
    failed = Failed(3, cause.code, cause.detail, incomplete=True, cause=cause)
    world.responder.events = [*whole_answer()[:2], failed]
    response = await client.post("/api/v1/chat", json=ASK)
    assert (response.status_code, response.json()["code"]) == (503, "index_unavailable")
    assert world.responder.closed.is_set()


async def test_a_client_that_leaves_stops_the_answer(world: World) -> None:
    world.responder.gate = asyncio.Event()
    body = b'{"message": "Why?", "creator_id": "bev"}'
    exchange = Exchange("/api/v1/chat", [body], content_type="application/json")
    async with exchange.on(world.app) as request:
        await world.responder.begun.wait()
        assert not world.responder.closed.is_set()
        exchange.leave()
        await asyncio.wait_for(world.responder.closed.wait(), 5)
        await asyncio.wait_for(request, 5)
