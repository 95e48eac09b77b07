"""Background work over HTTP, for the administrator."""

import httpx

from runtime.ids import new_id
from tests.unit.gateway.fakes import ADMIN, World, job


async def test_the_administrator_sees_how_far_a_job_is(world: World, client: httpx.AsyncClient) -> None:
    running = job()
    world.jobs.known = [running]
    shown = (await client.get(f"/api/v1/jobs/{running.id}", headers=ADMIN)).json()
    assert (shown["id"], shown["state"], shown["stage"]) == (str(running.id), "running", "embed")
    assert (shown["progress_done"], shown["progress_total"]) == (3, 9)
    assert "payload" not in shown
    [listed] = (await client.get("/api/v1/jobs?limit=7&state=running", headers=ADMIN)).json()["jobs"]
    assert listed == shown
    assert world.jobs.asked == [(7, "running", None, None)]


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
