"""A conversation over HTTP belongs to the guest whose cookie began it."""

import httpx
import pytest

from runtime.ids import new_id
from tests.unit.gateway.fakes import ADMIN, World, message


@pytest.fixture
def cookie(world: World) -> dict[str, str]:
    guest, value = world.guests.issue()
    world.conversations.guest = guest
    world.conversations.known = [message(i) for i in range(1, 6)]
    return {"Cookie": f"understudy_guest={value}"}


async def test_the_guest_reads_it(world: World, client: httpx.AsyncClient, cookie: dict[str, str]) -> None:
    path = f"/api/v1/conversations/{world.conversations.id}/messages"
    read = (await client.get(path, headers=cookie)).json()
    assert read["conversation_id"] == str(world.conversations.id)
    assert [m["text"] for m in read["messages"]] == [f"text {i}" for i in range(1, 6)]
    assert set(read["messages"][1]) == {
        "id",
        "ordinal",
        "role",
        "text",
        "kind",
        "citations",
        "model",
        "usage",
        "searched",
        "timings_ms",
        "created_at",
    }
    assert read["next_cursor"] is None


async def test_it_comes_in_pages(world: World, client: httpx.AsyncClient, cookie: dict[str, str]) -> None:
    path = f"/api/v1/conversations/{world.conversations.id}/messages"
    texts: list[str] = []
    cursor = 0
    for _ in range(3):
        page = (await client.get(path, headers=cookie, params={"limit": 2, "cursor": cursor})).json()
        texts += [m["text"] for m in page["messages"]]
        cursor = page["next_cursor"]
    assert texts == [f"text {i}" for i in range(1, 6)]
    assert cursor is None


async def test_nobody_else_reads_it(world: World, client: httpx.AsyncClient, cookie: dict[str, str]) -> None:
    path = f"/api/v1/conversations/{world.conversations.id}/messages"
    _, other = world.guests.issue()
    for headers in ({}, ADMIN, {"Cookie": f"understudy_guest={other}"}, {"Cookie": "understudy_guest=x"}):
        response = await client.get(path, headers=headers)
        assert (response.status_code, response.json()["code"]) == (404, "conversation_not_found")


async def test_one_that_never_was_looks_the_same(client: httpx.AsyncClient, cookie: dict[str, str]) -> None:
    response = await client.get(f"/api/v1/conversations/{new_id()}/messages", headers=cookie)
    assert (response.status_code, response.json()["code"]) == (404, "conversation_not_found")


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "cursor=-1", "cursor=x"])
async def test_pages_that_cannot_be_are_refused(
    query: str, world: World, client: httpx.AsyncClient, cookie: dict[str, str]
) -> None:
    path = f"/api/v1/conversations/{world.conversations.id}/messages?{query}"
    assert (await client.get(path, headers=cookie)).status_code == 422
