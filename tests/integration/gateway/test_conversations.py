"""Asking over HTTP, answered by the extractive responder, kept in PostgreSQL, read again by the same guest only."""

import asyncio

import pytest

from tests.integration.gateway.conftest import House
from tests.unit.gateway.wire import Exchange, frames

CHAIN = "Change the chain when the gauge shows half a percent of wear."
BRAKES = "Hydraulic brakes need fresh fluid every second winter."
QUESTION = {"message": "Change the chain when the gauge shows wear?", "creator_id": "bev"}


@pytest.fixture
async def asked(house: House) -> House:
    """A house with one creator, who said two things."""
    await house.add_creator("bev")
    sent = (await house.upload("bev", "chains.md", "# Chains\n\nNotes.\n")).json()
    await house.publish(sent["source_id"], CHAIN, BRAKES)
    return house


async def test_a_question_is_answered_kept_and_read_again(asked: House) -> None:
    answered = await asked.http.post("/api/v1/chat", json=QUESTION)
    assert answered.status_code == 200, answered.text
    answer = answered.json()
    assert CHAIN in [citation["quote"] for citation in answer["citations"]]
    assert answer["searched"]["sources"] == 1
    read = (await asked.http.get(f"/api/v1/conversations/{answer['conversation_id']}/messages")).json()
    question, kept = read["messages"]
    assert (question["role"], question["text"]) == ("user", QUESTION["message"])
    assert (kept["id"], kept["text"], kept["kind"]) == (
        answer["message_id"],
        answer["answer"],
        answer["kind"],
    )
    assert kept["citations"] == [{**citation, "withdrawn": False} for citation in answer["citations"]]
    assert kept["searched"] == answer["searched"]


async def test_the_stream_says_what_the_document_says(asked: House) -> None:
    answer = (await asked.http.post("/api/v1/chat", json=QUESTION)).json()
    streamed = frames((await asked.http.post("/api/v1/chat", json={**QUESTION, "stream": True})).text)
    names = [name for name, _, _ in streamed]
    assert [number for _, number, _ in streamed] == list(range(1, len(streamed) + 1))
    assert (names[0], names[-1]) == ("meta", "done")
    assert "".join(data["text"] for name, _, data in streamed if name == "delta") == answer["answer"]
    cited = [data["quote"] for name, _, data in streamed if name == "citation"]
    assert cited == [citation["quote"] for citation in answer["citations"]]
    assert streamed[-1][2]["kind"] == answer["kind"]


async def test_a_conversation_goes_on_for_its_guest_only(asked: House) -> None:
    first = (await asked.http.post("/api/v1/chat", json=QUESTION)).json()
    more = {**QUESTION, "message": "And brakes?", "conversation_id": first["conversation_id"]}
    second = (await asked.http.post("/api/v1/chat", json=more)).json()
    assert second["conversation_id"] == first["conversation_id"]
    path = f"/api/v1/conversations/{first['conversation_id']}/messages"
    assert len((await asked.http.get(path)).json()["messages"]) == 4
    # The administrator has no cookie: another guest.
    assert (await asked.admin.get(path)).status_code == 404
    refused = await asked.admin.post("/api/v1/chat", json=more)
    assert (refused.status_code, refused.json()["code"]) == (404, "conversation_not_found")
    streamed = await asked.admin.post("/api/v1/chat", json={**more, "stream": True})
    assert (streamed.status_code, streamed.json()["code"]) == (404, "conversation_not_found")
    assert len((await asked.http.get(path)).json()["messages"]) == 4


async def test_what_was_never_said_is_not_covered(asked: House) -> None:
    answer = (
        await asked.http.post("/api/v1/chat", json={**QUESTION, "message": "What is a parsnip?"})
    ).json()
    assert answer["kind"] == "not_covered"
    assert answer["searched"]["sources"] == 1


async def test_a_creator_answers_nothing_from_another(asked: House) -> None:
    await asked.add_creator("odile")
    answer = (await asked.http.post("/api/v1/chat", json={**QUESTION, "creator_id": "odile"})).json()
    assert answer["kind"] == "not_covered"
    assert answer["citations"] == []


async def test_a_client_that_leaves_leaves_a_conversation_that_can_go_on(asked: House) -> None:
    first = (await asked.http.post("/api/v1/chat", json=QUESTION)).json()
    cookie = f"understudy_guest={asked.http.cookies['understudy_guest']}"
    conversation = first["conversation_id"]
    body = f'{{"message": "And brakes?", "creator_id": "bev", "conversation_id": "{conversation}", "stream": true}}'
    exchange = Exchange("/api/v1/chat", [body.encode()], content_type="application/json", cookie=cookie)
    async with exchange.on(asked.app) as request:
        await exchange.start()
        await exchange.piece()
        exchange.leave()
        await asyncio.wait_for(request, 10)
    again = await asked.http.post("/api/v1/chat", json={**QUESTION, "conversation_id": conversation})
    assert again.status_code == 200, again.text
