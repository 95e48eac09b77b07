"""What a creator decides about an item, whatever its origin says."""

from typing import Any

import httpx
import pytest

from tests.integration.gateway.conftest import House

NOTES = "# Chains\n\nChange the chain at half a percent of wear.\n"


async def _added(house: House) -> str:
    await house.add_creator("bev")
    sent = (await house.upload("bev", "chains.md", NOTES)).json()
    await house.publish(sent["source_id"], "Change the chain at half a percent of wear.")
    return sent["source_id"]


async def _change(house: House, source: str, **changes: Any) -> httpx.Response:
    return await house.admin.patch(f"/api/v1/creators/bev/sources/{source}", json=changes)


async def _answers(house: House) -> tuple[int, int]:
    """How many sources everybody sees, and how many passages are found."""
    listed = (await house.http.get("/api/v1/creators/bev/sources")).json()["sources"]
    found = await house.http.post("/api/v1/creators/bev/search", json={"query": "chain wear"})
    return len(listed), len(found.json()["hits"])


async def test_tags_are_kept_as_they_were_given(house: House) -> None:
    source = await _added(house)
    changed = await _change(house, source, tags=["repair", "chains", "repair"])
    assert (changed.status_code, changed.json()["tags"]) == (200, ["repair", "chains"])
    assert (await _change(house, source, archived=False)).json()["tags"] == ["repair", "chains"]
    assert (await _change(house, source, tags=[])).json()["tags"] == []


async def test_an_archived_item_answers_nobody_until_it_is_brought_back(house: House) -> None:
    source = await _added(house)
    assert await _answers(house) == (1, 1)
    assert (await _change(house, source, archived=True)).json()["archived"]
    assert await _answers(house) == (0, 0)
    assert len((await house.admin.get("/api/v1/creators/bev/sources")).json()["sources"]) == 1
    await _change(house, source, archived=False)
    assert await _answers(house) == (1, 1)


async def test_access_and_embargo(house: House) -> None:
    source = await _added(house)
    await _change(house, source, access="private")
    assert await _answers(house) == (0, 0)
    await _change(house, source, access="public", visible_from="2026-06-01T00:00:00Z")
    assert await _answers(house) == (0, 0)
    await _change(house, source, visible_from=None)
    assert await _answers(house) == (1, 1)


@pytest.mark.parametrize(
    "changes", [{"tags": [""]}, {"tag": ["x"]}, {"access": "open"}, {"visible_from": "2026-06-01T00:00:00"}]
)
async def test_a_wrong_change_is_named(changes: dict[str, Any], house: House) -> None:
    source = await _added(house)
    refused = await _change(house, source, **changes)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")


async def test_another_creator_s_item_is_not_changed(house: House) -> None:
    source = await _added(house)
    await house.add_creator("odile")
    path = f"/api/v1/creators/odile/sources/{source}"
    assert (await house.admin.patch(path, json={"archived": True})).status_code == 404
    assert (await house.http.patch(path, json={"archived": True})).status_code == 401
    assert await _answers(house) == (1, 1)
