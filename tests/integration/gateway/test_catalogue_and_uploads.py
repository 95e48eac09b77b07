"""Creators and uploads over HTTP, down to the rows and files they leave."""

import asyncio
from pathlib import Path

import pytest

from runtime.database import Database
from tests.integration.gateway.conftest import House

NOTES = "# Chains\n\nChange the chain at half a percent.\n"


def kept(files: Path) -> list[Path]:
    """The files in the store; unfinished ones too."""
    return [path for path in files.rglob("*") if path.is_file()]


async def test_a_creator_is_added_found_and_not_added_twice(house: House) -> None:
    made = await house.add_creator(
        "bev", persona={"greeting": "Hi.", "voices": ["Bev"]}, languages=["en", "de"]
    )
    for reference in ("bev", made["id"]):
        shown = (await house.http.get(f"/api/v1/creators/{reference}")).json()
        assert {k: v for k, v in shown.items() if k != "coverage"} == {
            k: v for k, v in made.items() if k != "coverage"
        }
        assert shown["coverage"] == {"sources": 0, "hours": 0.0, "latest": None}
    again = await house.admin.post("/api/v1/creators", json={"handle": "bev", "name": "Other"})
    assert (again.status_code, again.json()["code"]) == (409, "creator_exists")


@pytest.mark.parametrize("handle", ["B", "bev arkenshaw", "-bev", "x" * 64, "Bev", "bév", ""])
async def test_a_handle_that_cannot_be_is_refused(handle: str, house: House) -> None:
    response = await house.admin.post("/api/v1/creators", json={"handle": handle, "name": "X"})
    assert (response.status_code, response.json()["code"]) == (422, "handle_invalid")
    assert await house.count("creators.creators") == 0


@pytest.mark.parametrize(
    "reference", ["nobody", "%00", "%FF", "a" * 3000, "01890000-0000-7000-8000-000000000000"]
)
async def test_a_creator_that_is_not_there_is_told(reference: str, house: House) -> None:
    response = await house.http.get(f"/api/v1/creators/{reference}")
    assert (response.status_code, response.json()["code"]) == (404, "creator_not_found")


async def test_an_upload_is_kept_registered_and_queued(house: House) -> None:
    await house.add_creator("bev")
    sent = await house.upload("bev", "chains.md", NOTES)
    assert sent.status_code == 202
    job = (await house.admin.get(f"/api/v1/jobs/{sent.json()['job_id']}")).json()
    assert (job["state"], job["kind"], job["position"]) == ("queued", "ingestion.source", 1)
    [source] = (await house.admin.get("/api/v1/creators/bev/sources")).json()["sources"]
    assert (source["id"], source["state"], source["title"]) == (sent.json()["source_id"], "pending", "Chains")
    assert (await house.http.get("/api/v1/creators/bev/sources")).json()["sources"] == []
    assert [path.read_text() for path in kept(house.files)] == [NOTES]


async def test_the_same_upload_at_once_is_one_source_and_one_job(house: House) -> None:
    await house.add_creator("bev")
    sent = await asyncio.gather(*(house.upload("bev", "chains.md", NOTES) for _ in range(8)))
    assert {response.status_code for response in sent} == {202}
    assert len({response.json()["source_id"] for response in sent}) == 1
    assert len({response.json()["job_id"] for response in sent}) == 1
    assert await house.count("creators.sources") == await house.count("jobs.jobs") == 1
    assert len(kept(house.files)) == 1


@pytest.mark.parametrize(
    ("name", "text"),
    [("film.mp4", "x"), ("talk.en.vtt", "WEBVTT\n"), ("talk.info.json", "{}"), ("empty.md", "")],
)
async def test_an_upload_that_cannot_be_used_leaves_nothing(name: str, text: str, house: House) -> None:
    await house.add_creator("bev")
    response = await house.upload("bev", name, text)
    assert response.status_code in {413, 422}, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["next_step"]
    for table in ("creators.sources", "jobs.jobs", "ingestion.uploads"):
        assert await house.count(table) == 0
    assert kept(house.files) == []


async def test_a_published_source_is_found_by_everybody(house: House) -> None:
    await house.add_creator("bev")
    await house.add_creator("odile")
    sent = (await house.upload("bev", "chains.md", NOTES)).json()
    await house.publish(
        sent["source_id"], "Change the chain at half a percent.", "Brakes are another matter."
    )
    [source] = (await house.http.get("/api/v1/creators/bev/sources")).json()["sources"]
    assert source["state"] == "ready"
    found = (
        await house.http.post("/api/v1/creators/bev/search", json={"query": "worn chain", "k": 1})
    ).json()
    assert [hit["text"] for hit in found["hits"]] == ["Change the chain at half a percent."]
    assert found["timings_ms"]["total"] >= 0
    elsewhere = await house.http.post("/api/v1/creators/odile/search", json={"query": "worn chain"})
    assert elsewhere.json()["hits"] == []


@pytest.mark.parametrize(
    "query", ["?!", "的", "a\u0000b", "'; DROP TABLE creators.creators; --", "x " * 3000]
)
async def test_any_query_is_answered_or_refused(query: str, house: House) -> None:
    await house.add_creator("bev")
    sent = (await house.upload("bev", "chains.md", NOTES)).json()
    await house.publish(sent["source_id"], "Change the chain at half a percent.")
    response = await house.http.post("/api/v1/creators/bev/search", json={"query": query})
    assert response.status_code in {200, 413, 422}, response.text
    assert await house.count("creators.creators") == 1


async def test_without_a_database_the_gateway_says_so(house: House, database: Database) -> None:
    await database.close()
    ready = await house.http.get("/ready")
    assert (ready.status_code, ready.json()["code"]) == (503, "not_ready")
    response = await house.http.get("/api/v1/creators")
    assert response.status_code == 503, response.text
    assert response.headers["retry-after"]
