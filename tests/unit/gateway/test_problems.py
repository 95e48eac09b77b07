"""Whatever goes wrong is answered with a problem document that says what, and what to do."""

import httpx
import pytest
import structlog

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
from tests.unit.gateway.fakes import World

ASK = {"message": "Why?", "creator_id": "bev"}


def check(response: httpx.Response, status: int, code: str) -> dict[str, object]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["code"] == code
    assert problem["status"] == status
    assert problem["type"] == f"urn:understudy:problem:{code}"
    assert problem["title"]
    assert problem["detail"].endswith((".", "?"))
    assert problem["request_id"] == response.headers["x-request-id"]
    assert response.headers["x-content-type-options"] == "nosniff"
    return problem


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (InvalidInput, 422),
        (TooLarge, 413),
        (Unauthorized, 401),
        (Forbidden, 403),
        (NotFound, 404),
        (Conflict, 409),
        (Unavailable, 503),
        (StorageFull, 507),
    ],
)
async def test_each_class_of_error_has_its_status(
    kind: type[UnderstudyError], status: int, world: World, client: httpx.AsyncClient
) -> None:
    world.responder.events = [kind("some_code", "It did not work.", next_step="Do this.")]
    response = await client.post("/api/v1/chat", json=ASK)
    problem = check(response, status, "some_code")
    assert (problem["detail"], problem["next_step"]) == ("It did not work.", "Do this.")
    assert ("retry-after" in response.headers) == (status == 503)
    assert ("www-authenticate" in response.headers) == (status == 401)


@pytest.mark.parametrize(
    "error", [RuntimeError("secret"), Defect("impossible", "secret"), UnderstudyError("x", "y.")]
)
async def test_our_own_mistakes_are_logged_and_not_told(
    error: Exception, world: World, client: httpx.AsyncClient
) -> None:
    world.responder.events = [error]
    with structlog.testing.capture_logs() as logs:
        response = await client.post("/api/v1/chat", json=ASK)
    assert response.status_code == 500
    assert "secret" not in response.text
    if not isinstance(error, UnderstudyError) or isinstance(error, Defect):
        check(response, 500, "internal_error")
        assert any(line["log_level"] == "error" for line in logs)


@pytest.mark.parametrize(
    ("body", "field", "word"),
    [
        ({"creator_id": "bev"}, "message", "required"),
        ({"message": "Why?"}, "creator_id", "required"),
        ({"message": 7, "creator_id": "bev"}, "message", "string"),
        ({"message": None, "creator_id": "bev"}, "message", "string"),
        ({"message": "a\x00b", "creator_id": "bev"}, "message", "U+0000"),
        ({"message": "Why?", "creator_id": "x" * 101}, "creator_id", "100"),
        ({**ASK, "conversation_id": "not-a-uuid"}, "conversation_id", "UUID"),
        ({**ASK, "strem": True}, "strem", "not permitted"),
        ([], "body", "object"),
    ],
)
async def test_a_field_that_is_wrong_is_named(
    body: object, field: str, word: str, client: httpx.AsyncClient
) -> None:
    problem = check(await client.post("/api/v1/chat", json=body), 422, "invalid_request")
    assert field in str(problem["detail"])
    assert word in str(problem["detail"])
    assert problem["errors"][0]["field"] == field


async def test_half_a_character_in_json_is_invalid(client: httpx.AsyncClient) -> None:
    body = b'{"message": "\\ud800", "creator_id": "bev"}'
    response = await client.post("/api/v1/chat", content=body, headers={"Content-Type": "application/json"})
    check(response, 422, "invalid_request")


@pytest.mark.parametrize("body", [b"", b"{", b"{'message': 'x'}", b"\xff\xfe", b'{"a": NaN', b"[" * 100_000])
async def test_broken_json_is_told_from_wrong_fields(body: bytes, client: httpx.AsyncClient) -> None:
    response = await client.post("/api/v1/chat", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code in {400, 422}
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["code"] in {"json_invalid", "invalid_request", "bad_request"}


async def test_what_was_sent_is_not_sent_back(client: httpx.AsyncClient) -> None:
    response = await client.post("/api/v1/chat", json={**ASK, "conversation_id": "hunter2"})
    assert "hunter2" not in response.text


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonp",
    ],
)
@pytest.mark.parametrize("path", ["/api/v1/chat", "/api/v1/creators/bev/search"])
async def test_only_json_is_taken_where_json_is_due(
    content_type: str | None, path: str, client: httpx.AsyncClient
) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    response = await client.post(path, content=b'{"message": "Why?", "creator_id": "bev"}', headers=headers)
    check(response, 415, "content_type_refused")


async def test_json_with_a_charset_is_json(client: httpx.AsyncClient) -> None:
    response = await client.post(
        "/api/v1/creators/bev/search",
        content=b'{"query": "x"}',
        headers={"Content-Type": "Application/JSON; charset=utf-8"},
    )
    assert response.status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/nothing", "/api/v1/nothing", "/api/v1/creators/bev/nothing", "/api/v1/chat/", "/assets/nothing.js"],
)
async def test_an_unknown_address_is_a_problem_too(path: str, client: httpx.AsyncClient) -> None:
    problem = check(await client.get(path), 404, "route_not_found")
    assert path in str(problem["detail"])


async def test_a_wrong_method_names_the_right_ones(client: httpx.AsyncClient) -> None:
    response = await client.delete("/api/v1/chat")
    check(response, 405, "method_not_allowed")
    assert response.headers["allow"] == "POST"


async def test_an_unknown_creator_is_named(client: httpx.AsyncClient) -> None:
    problem = check(
        await client.post("/api/v1/chat", json={**ASK, "creator_id": "nobody"}), 404, "creator_not_found"
    )
    assert "nobody" in str(problem["detail"])
