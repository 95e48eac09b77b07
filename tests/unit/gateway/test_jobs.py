"""Background work over HTTP, for the administrator."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace

import httpx
import pytest

from gateway.streaming import EventStream, Update
from runtime.ids import new_id
from tests.unit.gateway.fakes import ADMIN, World, job
from tests.unit.gateway.wire import Exchange, frames


async def test_the_administrator_sees_how_far_a_job_is(world: World, client: httpx.AsyncClient) -> None:
    running = job()
    world.jobs.known = [running]
    shown = (await client.get(f"/api/v1/jobs/{running.id}", headers=ADMIN)).json()
    assert (shown["id"], shown["state"], shown["stage"]) == (str(running.id), "running", "embed")
    assert (shown["progress_done"], shown["progress_total"]) == (3, 9)
    assert "payload" not in shown
    [listed] = (await client.get("/api/v1/jobs?limit=7&state=running", headers=ADMIN)).json()["jobs"]
    assert {**listed, "result": None} == shown
    assert world.jobs.asked == [(7, "running", None, None, None)]


async def test_lists_carry_no_results(world: World, client: httpx.AsyncClient) -> None:
    world.jobs.known = [job(state="succeeded", result={"items": [{"name": "a.vtt"}] * 1000})]
    whole = (await client.get(f"/api/v1/jobs/{world.jobs.known[0].id}", headers=ADMIN)).json()
    assert len(whole["result"]["items"]) == 1000
    [listed] = (await client.get("/api/v1/jobs", headers=ADMIN)).json()["jobs"]
    assert "result" not in listed


@pytest.mark.parametrize("ending", ["abc", "xyz0", "%25%25%25%25"])
async def test_the_end_of_an_id_that_is_none_is_refused(client: httpx.AsyncClient, ending: str) -> None:
    response = await client.get(f"/api/v1/jobs?ending={ending}", headers=ADMIN)
    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")


async def test_a_failed_job_says_why_and_what_to_do(world: World, client: httpx.AsyncClient) -> None:
    failed = job(
        state="failed", error_code="captions_broken", error_detail="They are.", next_step="Mend them."
    )
    world.jobs.known = [failed]
    shown = (await client.get(f"/api/v1/jobs/{failed.id}", headers=ADMIN)).json()
    told = (shown["error_code"], shown["error_detail"], shown["next_step"])
    assert told == ("captions_broken", "They are.", "Mend them.")


async def test_nobody_else_sees_jobs(world: World, client: httpx.AsyncClient) -> None:
    world.jobs.known = [job()]
    for path in ("/api/v1/jobs", f"/api/v1/jobs/{world.jobs.known[0].id}", "/api/v1/jobs/not-an-id"):
        assert (await client.get(path)).status_code == 401
    assert world.jobs.asked == []


async def test_an_unknown_job_is_told(client: httpx.AsyncClient) -> None:
    response = await client.get(f"/api/v1/jobs/{new_id()}", headers=ADMIN)
    assert (response.status_code, response.json()["code"]) == (404, "job_not_found")


async def test_a_state_that_is_none_is_refused(client: httpx.AsyncClient) -> None:
    response = await client.get("/api/v1/jobs?state=sleeping", headers=ADMIN)
    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")


async def test_changes_are_sent_as_they_come_and_the_end_ends_the_stream(
    world: World, client: httpx.AsyncClient
) -> None:
    waiting = job(state="queued", stage=None, position=3)
    world.watch.states = [
        waiting,
        replace(waiting, state="running", position=None, percent=40),
        replace(waiting, state="succeeded", position=None, finished_at=waiting.created_at),
    ]
    response = await client.get(f"/api/v1/jobs/{waiting.id}/events", headers=ADMIN)
    assert response.headers["content-type"].startswith("text/event-stream")
    found = [(name, seq, data["state"], data["position"]) for name, seq, data in frames(response.text)]
    assert found == [("job", 1, "queued", 3), ("job", 2, "running", None), ("end", 3, "succeeded", None)]


async def test_watching_what_is_not_there_is_an_error_and_no_stream(client: httpx.AsyncClient) -> None:
    response = await client.get(f"/api/v1/jobs/{new_id()}/events", headers=ADMIN)
    assert (response.status_code, response.json()["code"]) == (404, "job_not_found")


async def test_a_silent_stream_says_that_it_is_still_there() -> None:
    async def nothing_new() -> AsyncGenerator[Update]:
        yield Update(1, "job", {})
        await asyncio.Event().wait()

    exchange = Exchange("/", method="GET")
    async with exchange.on(EventStream(nothing_new(), heartbeat_s=0.01)):
        await exchange.start()
        assert (await exchange.piece()).startswith(b"event: job")
        assert (await exchange.piece()).startswith(b":")


async def test_a_priority_out_of_bounds_is_refused(client: httpx.AsyncClient) -> None:
    response = await client.patch(f"/api/v1/jobs/{new_id()}", json={"priority": 1000}, headers=ADMIN)
    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v1/jobs/{id}/cancel"),
        ("POST", "/api/v1/jobs/{id}/retry"),
        ("PATCH", "/api/v1/jobs/{id}"),
        ("GET", "/api/v1/jobs/{id}/events"),
        ("GET", "/api/v1/queues"),
        ("POST", "/api/v1/queues/parse/pause"),
        ("POST", "/api/v1/creators/bev/ingestion/pause"),
    ],
)
async def test_only_the_administrator_steers(client: httpx.AsyncClient, method: str, path: str) -> None:
    response = await client.request(method, path.format(id=new_id()), json={"priority": 1})
    assert response.status_code == 401
