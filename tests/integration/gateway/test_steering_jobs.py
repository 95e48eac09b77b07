"""Cancelling, retrying and pausing over HTTP, and what becomes of the item whose job it was."""

from typing import Any

from tests.integration.gateway.conftest import House

TEXT = "# Chains\n\nOil the chain every week.\n"


async def _submit(house: House) -> dict[str, Any]:
    await house.add_creator("bev")
    return (await house.upload("bev", "chains.md", TEXT)).json()


async def _post(house: House, path: str) -> dict[str, Any]:
    return (await house.admin.post(f"/api/v1{path}")).raise_for_status().json()


async def _source(house: House) -> dict[str, Any]:
    (found,) = (await house.admin.get("/api/v1/creators/bev/sources")).json()["sources"]
    return found


async def test_a_cancelled_item_says_so_and_a_retry_takes_it_up_again(house: House) -> None:
    sent = await _submit(house)
    job = await _post(house, f"/jobs/{sent['job_id']}/cancel")
    assert (job["state"], job["error_code"]) == ("cancelled", "cancelled")
    source = await _source(house)
    assert (source["state"], source["error_code"]) == ("failed", "cancelled")
    assert await house.count("ingestion.uploads WHERE state = 'failed'") == 1
    job = await _post(house, f"/jobs/{sent['job_id']}/retry")
    assert (job["id"], job["state"], job["position"]) == (sent["job_id"], "queued", 1)
    assert await house.count("ingestion.uploads WHERE state = 'waiting'") == 1


async def test_sending_a_cancelled_item_again_queues_it_again(house: House) -> None:
    sent = await _submit(house)
    await _post(house, f"/jobs/{sent['job_id']}/cancel")
    again = (await house.upload("bev", "chains.md", TEXT)).json()
    assert again["state"] == "queued"
    assert again["job_id"] != sent["job_id"]


async def test_a_paused_creator_s_jobs_wait_until_it_is_resumed(house: House) -> None:
    sent = await _submit(house)
    assert await _post(house, "/creators/bev/ingestion/pause") == {"paused": True}
    job = (await house.admin.get(f"/api/v1/jobs/{sent['job_id']}")).json()
    assert (job["paused"], job["position"]) == (True, None)
    assert await _post(house, "/creators/bev/ingestion/resume") == {"paused": False}
    (job,) = (await house.admin.get("/api/v1/jobs?creator=bev&state=queued")).json()["jobs"]
    assert (job["paused"], job["position"]) == (False, 1)


async def test_a_job_is_put_before_others_and_queues_are_told(house: House) -> None:
    sent = await _submit(house)
    changed = await house.admin.patch(f"/api/v1/jobs/{sent['job_id']}", json={"priority": 7})
    assert changed.json()["priority"] == 7
    await _post(house, "/queues/speech/pause")
    found = (await house.admin.get("/api/v1/queues")).json()["queues"]
    assert found == [
        {"name": "parse", "queued": 1, "running": 0, "paused": False},
        {"name": "speech", "queued": 0, "running": 0, "paused": True},
    ]


async def test_events_of_a_job_end_with_its_end(house: House) -> None:
    sent = await _submit(house)
    await _post(house, f"/jobs/{sent['job_id']}/cancel")
    response = await house.admin.get(f"/api/v1/jobs/{sent['job_id']}/events")
    assert response.text.startswith("event: end\nid: 1\n")
    assert '"state":"cancelled"' in response.text
