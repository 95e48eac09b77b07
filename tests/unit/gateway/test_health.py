"""Alive, ready, and what is wrong if not."""

import asyncio

import httpx
import pytest
import structlog

from gateway.routes import health
from runtime.errors import Unavailable
from tests.unit.gateway.fakes import World, well


async def down() -> None:
    raise Unavailable("redis_unreachable", "Redis does not answer.")


async def broken() -> None:
    raise ZeroDivisionError("secret")


async def hanging() -> None:
    await asyncio.Event().wait()


async def test_everything_is_well(client: httpx.AsyncClient) -> None:
    assert (await client.get("/health")).json()["status"] == "ok"
    ready = await client.get("/ready")
    assert (ready.status_code, ready.json()["status"]) == (200, "ok")
    deep = (await client.get("/health/deep")).json()
    assert deep["status"] == "ok"
    assert deep["checks"]["database"]["state"] == "ok"
    assert deep["checks"]["database"]["duration_ms"] >= 0


@pytest.mark.parametrize("path", ["/ready", "/health/deep"])
async def test_a_part_that_is_down_is_named(path: str) -> None:
    world = World(probes={"database": well, "redis": down})
    async with world.client() as client:
        response = await client.get(path)
        assert (response.status_code, response.json()["code"]) == (503, "not_ready")
        assert "redis" in response.json()["detail"]
        assert "database" not in response.json()["detail"]
        assert response.headers["retry-after"]
        checks = response.json()["checks"]
        assert (checks["database"]["state"], checks["redis"]["state"]) == ("ok", "redis_unreachable")
        assert (await client.get("/health")).status_code == 200


async def test_what_only_deep_health_tries_keeps_no_request_away() -> None:
    async with World(deep_probes={"retrieval": down}).client() as client:
        assert (await client.get("/ready")).status_code == 200
        deep = await client.get("/health/deep")
    assert (deep.status_code, "retrieval" in deep.json()["detail"]) == (503, True)


async def test_a_check_that_breaks_is_a_part_that_is_down() -> None:
    async with World(probes={"database": broken, "redis": well}).client() as client:
        with structlog.testing.capture_logs() as logs:
            response = await client.get("/health/deep")
    assert response.status_code == 503
    assert response.json()["checks"]["database"]["state"] == "internal_error"
    assert response.json()["checks"]["redis"]["state"] == "ok"
    assert "secret" not in response.text
    assert logs[0]["event"] == "probe_failed"


async def test_a_part_that_hangs_does_not_hang_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "PROBE_TIMEOUT_S", 0.01)
    async with World(probes={"database": hanging, "redis": well}).client() as client:
        response = await asyncio.wait_for(client.get("/ready"), 5)
    assert response.status_code == 503
    assert response.json()["checks"]["database"]["state"] == "timeout"


async def test_metrics_are_there_to_scrape(client: httpx.AsyncClient) -> None:
    response = await client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=")
    assert "# TYPE understudy_http_request_seconds histogram" in response.text
