"""Around every request: an id, a log line, a measurement, headers for browsers, a limit for bodies."""

import httpx
import pytest
import structlog
from prometheus_client import REGISTRY

from gateway.application import MAX_JSON_BYTES
from tests.unit.gateway.fakes import ADMIN, World
from tests.unit.gateway.wire import Exchange

JSON = {"content_type": "application/json"}
FORM_HEAD = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.md"\r\n\r\n'


async def test_every_response_has_an_id_of_its_own(client: httpx.AsyncClient) -> None:
    ids = {(await client.get("/health")).headers["x-request-id"] for _ in range(5)}
    assert len(ids) == 5


async def test_a_sane_id_of_the_caller_is_kept(client: httpx.AsyncClient) -> None:
    response = await client.get("/health", headers={"X-Request-ID": "trace-01.abc_DEF"})
    assert response.headers["x-request-id"] == "trace-01.abc_DEF"


@pytest.mark.parametrize(
    "given", ["short", "x" * 65, "with space", "a" * 10 + "\t", "{{7*7}}{{7*7}}", "-leading-dash", "é" * 9]
)
async def test_other_ids_are_replaced(given: str, client: httpx.AsyncClient) -> None:
    response = await client.get("/health", headers=[(b"X-Request-ID", given.encode())])
    assert response.headers["x-request-id"] != given
    assert len(response.headers["x-request-id"]) == 36


async def test_the_log_line_says_what_and_not_with_what(client: httpx.AsyncClient) -> None:
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logs:
        response = await client.get("/api/v1/creators/bev?token=hunter2", headers=ADMIN)
    [line] = [entry for entry in logs if entry["event"] == "request"]
    assert line["route"] == "/api/v1/creators/{creator_id}"
    assert line["path"] == "/api/v1/creators/bev"
    assert (line["method"], line["status"]) == ("GET", 200)
    assert line["duration_ms"] >= 0
    assert line["request_id"] == response.headers["x-request-id"]
    assert "hunter2" not in str(logs)
    assert ADMIN["Authorization"] not in str(logs)


async def test_questions_are_not_logged(client: httpx.AsyncClient) -> None:
    with structlog.testing.capture_logs() as logs:
        await client.post("/api/v1/chat", json={"message": "my secret worry", "creator_id": "bev"})
    assert "secret worry" not in str(logs)


async def test_healthy_probes_are_not_logged(client: httpx.AsyncClient) -> None:
    with structlog.testing.capture_logs() as logs:
        await client.get("/ready")
    assert logs == []


async def test_durations_are_counted_by_template_and_not_by_address(client: httpx.AsyncClient) -> None:
    def count(route: str, status: str) -> float:
        labels = {"method": "GET", "route": route, "status": status}
        return REGISTRY.get_sample_value("understudy_http_request_seconds_count", labels) or 0

    before = count("/api/v1/creators/{creator_id}", "200"), count("unmatched", "404")
    for address in ("/api/v1/creators/bev", "/x1", "/x2"):
        await client.get(address)
    assert count("/api/v1/creators/{creator_id}", "200") == before[0] + 1
    assert count("unmatched", "404") == before[1] + 2
    exported = (await client.get("/metrics")).text
    assert "understudy_http_request_seconds_bucket" in exported
    assert "creators/bev" not in exported


@pytest.mark.parametrize("path", ["/", "/health", "/api/v1/creators", "/nothing", "/docs", "/assets/app.js"])
async def test_browsers_are_told_to_be_careful(path: str, client: httpx.AsyncClient) -> None:
    headers = (await client.get(path)).headers
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "access-control-allow-origin" not in headers


async def test_answers_are_not_kept_by_caches(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/v1/creators")).headers["cache-control"] == "no-store"


async def test_a_body_that_declares_too_much_is_not_read(world: World) -> None:
    exchange = Exchange("/api/v1/chat", [b"{}"], content_length=str(MAX_JSON_BYTES + 1), **JSON)
    async with exchange.on(world.app):
        status, headers = await exchange.start()
        assert (status, headers["content-type"]) == (413, "application/problem+json")
        assert b'"code":"body_too_large"' in await exchange.rest()
    assert exchange.pieces_read == 0


async def test_a_body_that_grows_too_large_is_cut_off(world: World) -> None:
    exchange = Exchange("/api/v1/chat", [b" " * 100_000] * 50, **JSON)
    async with exchange.on(world.app):
        status, headers = await exchange.start()
        assert (status, headers["content-type"]) == (413, "application/problem+json")
        assert b'"code":"body_too_large"' in await exchange.rest()
    assert exchange.pieces_read == 3


async def test_a_body_at_the_limit_is_read(client: httpx.AsyncClient) -> None:
    body = b'{"query": "x", "k": 5}'.ljust(MAX_JSON_BYTES)
    response = await client.post(
        "/api/v1/creators/bev/search", content=body, headers={"Content-Type": "application/json"}
    )
    assert response.status_code == 200


async def test_a_form_may_be_as_large_as_uploads(world: World) -> None:
    form = {"content_type": "multipart/form-data; boundary=x", "authorization": ADMIN["Authorization"]}
    exchange = Exchange("/api/v1/creators/bev/sources", [FORM_HEAD, *[b"x" * 50_000] * 50], **form)
    async with exchange.on(world.app):
        assert (await exchange.start())[0] == 413
    assert exchange.pieces_read == 3
