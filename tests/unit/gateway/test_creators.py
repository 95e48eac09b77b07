"""The catalogue over HTTP: what everybody sees, what the administrator may, what a search gives."""

import httpx
import pytest

from creators import Persona
from runtime.errors import InvalidInput
from tests.unit.gateway.fakes import ADMIN, World, creator, hit

NEW = {
    "handle": "odile",
    "name": "Odile Ferrand",
    "persona": {
        "voice": "brisk",
        "greeting": "Bonjour.",
        "suggested_questions": ["Cable or hydraulic?"],
        "voices": ["Odile"],
    },
    "languages": ["fr", "pt-BR"],
    "visibility": "public",
}


async def test_everybody_sees_public_creators(world: World, client: httpx.AsyncClient) -> None:
    [bev] = (await client.get("/api/v1/creators")).json()["creators"]
    assert bev == {
        "id": str(world.catalogue.creators[0].id),
        "handle": "bev",
        "name": "Bev",
        "greeting": "Hi, bev here.",
        "suggested_questions": ["Why?"],
        "languages": ["en"],
        "visibility": "public",
        "created_at": "2026-01-01T00:00:00Z",
        "coverage": None,
    }


async def test_the_administrator_sees_all(client: httpx.AsyncClient) -> None:
    found = (await client.get("/api/v1/creators", headers=ADMIN)).json()["creators"]
    assert [c["handle"] for c in found] == ["bev", "hidden"]


async def test_a_creator_is_shown_with_what_answers_draw_on(world: World, client: httpx.AsyncClient) -> None:
    shown = (await client.get("/api/v1/creators/bev")).json()
    assert shown["coverage"] == {"sources": 0, "hours": 1.5, "latest": "2026-01-01T00:00:00Z"}
    await client.get("/api/v1/creators/bev", headers=ADMIN)
    assert world.library.asked == [{"public"}, {"public", "members", "private"}]


@pytest.mark.parametrize("visibility", ["private", "members"])
@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("GET", "/sources"), ("POST", "/search")])
async def test_a_creator_that_is_not_public_does_not_exist_for_others(
    method: str, path: str, visibility: str, world: World, client: httpx.AsyncClient
) -> None:
    world.catalogue.creators = [creator("hidden", visibility=visibility)]
    options = {"json": {"query": "x"}} if method == "POST" else {}
    address = f"/api/v1/creators/hidden{path}"
    refused = await client.request(method, address, **options)
    assert (refused.status_code, refused.json()["code"]) == (404, "creator_not_found")
    assert world.retriever.queries == []
    assert (await client.request(method, address, headers=ADMIN, **options)).status_code == 200


async def test_the_administrator_adds_a_creator(world: World, client: httpx.AsyncClient) -> None:
    response = await client.post("/api/v1/creators", json=NEW, headers=ADMIN)
    assert response.status_code == 201
    made = world.catalogue.creators[-1]
    assert response.json()["id"] == str(made.id)
    assert (made.handle, made.name, made.languages) == ("odile", "Odile Ferrand", ("fr", "pt-BR"))
    assert made.persona == Persona("brisk", "Bonjour.", ("Cable or hydraulic?",), ("Odile",))
    assert made.active_index == "chunker.embedder.1"


async def test_a_handle_and_a_name_are_enough(world: World, client: httpx.AsyncClient) -> None:
    response = await client.post("/api/v1/creators", json={"handle": "x1", "name": " X "}, headers=ADMIN)
    assert response.status_code == 201
    made = world.catalogue.creators[-1]
    assert (made.name, made.visibility, made.languages) == ("X", "public", ("en",))


async def test_nobody_else_adds_one(world: World, client: httpx.AsyncClient) -> None:
    before = len(world.catalogue.creators)
    missing = await client.post("/api/v1/creators", json=NEW)
    wrong = await client.post("/api/v1/creators", json=NEW, headers={"Authorization": "Bearer x"})
    assert (missing.status_code, missing.json()["code"]) == (401, "admin_key_required")
    assert (wrong.status_code, wrong.json()["code"]) == (401, "admin_key_wrong")
    assert missing.headers["www-authenticate"].startswith("Bearer")
    assert len(world.catalogue.creators) == before


async def test_what_the_catalogue_refuses_is_told(client: httpx.AsyncClient) -> None:
    response = await client.post("/api/v1/creators", json={**NEW, "handle": "bev"}, headers=ADMIN)
    assert (response.status_code, response.json()["code"]) == (409, "creator_exists")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "  "}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"visibility": "secret"}, "visibility"),
        ({"languages": []}, "languages"),
        ({"languages": ["English"]}, "languages.0"),
        ({"persona": {"voices": [""]}}, "persona.voices.0"),
        ({"persona": {"greetings": "x"}}, "persona.greetings"),
        ({"persona": {"suggested_questions": ["x"] * 13}}, "persona.suggested_questions"),
    ],
)
async def test_a_field_that_is_wrong_is_named(
    change: dict[str, object], field: str, client: httpx.AsyncClient
) -> None:
    response = await client.post("/api/v1/creators", json={**NEW, **change}, headers=ADMIN)
    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")
    assert response.json()["errors"][0]["field"] == field


async def test_a_search_gives_hits_and_times(world: World, client: httpx.AsyncClient) -> None:
    world.retriever.hits = [hit("Change the chain.")]
    response = await client.post("/api/v1/creators/bev/search", json={"query": "chain", "k": 3})
    found = response.json()
    assert set(found) == {"hits", "timings_ms"}
    assert found["timings_ms"] == {"search": 1.5}
    [first] = found["hits"]
    one = world.retriever.hits[0]
    assert first == {
        "passage_id": str(one.passage_id),
        "source_id": str(one.source_id),
        "external_id": "abc",
        "title": "A talk",
        "url": "https://www.youtube.com/watch?v=abc&t=12s",
        "text": "Change the chain.",
        "start_ms": 12_000,
        "end_ms": 15_500,
        "page": None,
        "speaker": "Bev",
        "speaker_role": "creator",
        "score": 0.75,
    }
    [query] = world.retriever.queries
    assert (query.creator_id, query.text, query.k) == (world.catalogue.creators[0].id, "chain", 3)
    assert query.access == {"public"}


async def test_the_administrator_searches_everything(world: World, client: httpx.AsyncClient) -> None:
    await client.post("/api/v1/creators/hidden/search", json={"query": "chain"}, headers=ADMIN)
    assert world.retriever.queries[0].access == {"public", "members", "private"}
    assert world.retriever.queries[0].k == 10


@pytest.mark.parametrize(
    "body", [{"query": "x", "k": 0}, {"query": "x", "k": 51}, {"query": "x", "k": "many"}, {}]
)
async def test_a_search_that_cannot_be_is_refused(
    body: dict[str, object], world: World, client: httpx.AsyncClient
) -> None:
    response = await client.post("/api/v1/creators/bev/search", json=body)
    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")
    assert world.retriever.queries == []


async def test_a_search_for_nothing_is_refused(client: httpx.AsyncClient) -> None:
    response = await client.post("/api/v1/creators/bev/search", json={"query": " "})
    assert (response.status_code, response.json()["code"]) == (422, "question_empty")


async def test_what_the_retriever_refuses_is_told(world: World, client: httpx.AsyncClient) -> None:
    async def refuse(query: object) -> object:
        raise InvalidInput("query_empty", "There is no word to search for.")

    world.retriever.search = refuse
    response = await client.post("/api/v1/creators/bev/search", json={"query": "?!"})
    assert (response.status_code, response.json()["code"]) == (422, "query_empty")
