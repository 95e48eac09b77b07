"""Corrections over HTTP: what is listed, what is refused and how."""

from typing import Any

import httpx
import pytest

from tests.integration.gateway.conftest import House

SAID = ("Ask la loo before you cold set the frame.", "Thank you.", "Mind the dropouts.", "Thank you.")


class Source:
    """A published source, and the ways to its segments and corrections."""

    def __init__(self, house: House, id: str) -> None:
        self.house, self.id = house, id
        self.path = f"/api/v1/creators/bev/sources/{id}"

    async def segments(self, **query: Any) -> dict[str, Any]:
        answer = await self.house.admin.get(f"{self.path}/segments", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def put(self, key: str, text: str) -> httpx.Response:
        return await self.house.admin.put(f"{self.path}/corrections/{key}", json={"text": text})

    async def listed(self, **query: Any) -> dict[str, Any]:
        return (await self.house.admin.get("/api/v1/creators/bev/corrections", params=query)).json()


@pytest.fixture
async def source(house: House) -> Source:
    await house.add_creator("bev")
    sent = (await house.upload("bev", "frames.md", "# Frames\n\nText.\n")).json()
    await house.publish(sent["source_id"], *SAID)
    return Source(house, sent["source_id"])


def _code(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


async def test_segments_are_listed_by_pages(source: Source) -> None:
    first = await source.segments(limit=3)
    rest = await source.segments(limit=3, after=first["next_after"])
    assert rest["next_after"] is None
    found = first["segments"] + rest["segments"]
    assert [(one["ordinal"], one["text"]) for one in found] == list(enumerate(SAID))
    assert found[1]["key"] == found[3]["key"] != found[0]["key"]
    assert {(one["original"] == one["text"], one["correction"], one["state"]) for one in found} == {
        (True, None, None)
    }
    assert (await source.segments(corrected=True))["segments"] == []


async def test_a_correction_is_kept_and_listed(source: Source) -> None:
    key = (await source.segments())["segments"][0]["key"]
    made = await source.put(key, " Ask  Lalou before you cold set the frame. ")
    assert made.status_code == 202
    outcome = made.json()
    assert (outcome["changed"], outcome["segments"], outcome["not_applied"]) == (1, 1, 0)
    assert [job["source_id"] for job in outcome["jobs"]] == [source.id]
    job = (await source.house.admin.get(f"/api/v1/jobs/{outcome['jobs'][0]['job_id']}")).json()
    assert job["state"] == "queued"
    [one] = (await source.listed())["corrections"]
    assert (one["key"], one["original"], one["text"], one["state"]) == (
        key,
        SAID[0],
        "Ask Lalou before you cold set the frame.",
        "pending",
    )
    [shown] = (await source.segments(corrected=True))["segments"]
    assert (shown["text"], shown["correction"], shown["state"]) == (SAID[0], one["text"], "pending")
    removed = await source.house.admin.delete(f"{source.path}/corrections/{key}")
    assert (removed.status_code, removed.json()["jobs"]) == (202, []), "nothing had been applied"
    assert (await source.listed())["corrections"] == []


async def test_corrections_are_listed_by_pages(source: Source) -> None:
    for segment in (await source.segments())["segments"][:3]:
        assert (await source.put(segment["key"], f"{segment['text']} Indeed.")).status_code == 202
    pages: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = await source.listed(limit=2, source=source.id, **cursor)
        pages += [one["key"] for one in page["corrections"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert pages == sorted(pages)
    assert len(set(pages)) == 3


async def test_a_dry_run_changes_nothing(source: Source) -> None:
    body = {"find": "LA LOO", "put": "Lalou", "dry_run": True}
    shown = (await source.house.admin.post("/api/v1/creators/bev/corrections/replace", json=body)).json()
    assert [(one["original"], one["after"]) for one in shown["changes"]] == [
        (SAID[0], "Ask Lalou before you cold set the frame.")
    ]
    assert (shown["dry_run"], shown["jobs"]) == (True, [])
    wanted = {"source": "frames.md", "original": SAID[2], "text": "Mind the drop-outs."}
    listed = {"corrections": [wanted, {**wanted, "source": "other.md"}], "dry_run": True}
    shown = (await source.house.admin.post("/api/v1/creators/bev/corrections", json=listed)).json()
    assert (shown["changed"], shown["refused"][0]["place"], shown["refused"][0]["code"]) == (
        1,
        1,
        "source_not_found",
    )
    assert (await source.listed())["corrections"] == []


async def test_what_cannot_be_done_is_told(source: Source) -> None:
    key = (await source.segments())["segments"][0]["key"]
    assert _code(await source.put(key, "   ")) == (422, "correction_empty")
    assert _code(await source.put(key, SAID[0])) == (422, "correction_changes_nothing")
    assert _code(await source.put(key, "a\u0007b")) == (422, "correction_unreadable")
    assert _code(await source.put(key, "a" * 20_001)) == (413, "correction_too_long")
    assert _code(await source.put("0" * 64, "Never said.")) == (404, "segment_not_found")
    assert _code(await source.put("zz", "No key.")) == (422, "invalid_request")
    replace = "/api/v1/creators/bev/corrections/replace"
    empty = await source.house.admin.post(replace, json={"find": " ", "put": "x"})
    assert _code(empty) == (422, "replacement_empty")
    await source.house.add_creator("odile")
    foreign = source.path.replace("/bev/", "/odile/")
    for answer in (
        await source.house.admin.get(f"{foreign}/segments"),
        await source.house.admin.put(f"{foreign}/corrections/{key}", json={"text": "x"}),
        await source.house.admin.get("/api/v1/creators/odile/corrections", params={"source": source.id}),
    ):
        assert _code(answer) == (404, "source_not_found")


async def test_corrections_are_the_administrators(source: Source) -> None:
    key = (await source.segments())["segments"][0]["key"]
    house = source.house
    for answer in (
        await house.http.get(f"{source.path}/segments"),
        await house.http.get("/api/v1/creators/bev/corrections"),
        await house.http.put(f"{source.path}/corrections/{key}", json={"text": "x"}),
        await house.http.delete(f"{source.path}/corrections/{key}"),
        await house.http.post("/api/v1/creators/bev/corrections", json={"corrections": []}),
        await house.http.post("/api/v1/creators/bev/corrections/apply", json={"source_ids": []}),
        await house.http.post("/api/v1/creators/bev/corrections/replace", json={"find": "a", "put": "b"}),
    ):
        assert _code(answer) == (401, "admin_key_required")
    assert await house.count("creators.segment_edits") == 0


async def test_what_is_being_removed_is_not_corrected(source: Source) -> None:
    key = (await source.segments())["segments"][0]["key"]
    await source.put(key, "Ask Lalou.")
    pending = {"source_ids": [source.id]}
    apply = "/api/v1/creators/bev/corrections/apply"
    assert len((await source.house.admin.post(apply, json=pending)).json()["jobs"]) == 1
    assert (await source.house.admin.delete(source.path)).status_code == 202
    assert _code(await source.put(key, "Ask her.")) == (409, "source_leaving")
    assert (await source.house.admin.post(apply, json=pending)).json()["jobs"] == []
