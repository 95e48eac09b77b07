"""A library over HTTP: who sees which items, and uploads that arrive whole or not at all."""

import httpx
import pytest

from runtime.errors import InvalidInput
from tests.unit.gateway.fakes import ADMIN, World
from tests.unit.gateway.wire import Exchange

SOURCES = "/api/v1/creators/bev/sources"
NOTES = ("file", ("notes.md", b"# Notes", "text/markdown"))


@pytest.mark.parametrize(
    "cursor", ["x", "é", "fA", "MjAyNi0wMS0wMXww", "MjAyNi0wMS0wMVQwMDowMDowMHww", "=", "-" * 200]
)
async def test_a_cursor_that_is_none_is_told(cursor: str, client: httpx.AsyncClient) -> None:
    answer = await client.get(SOURCES, params={"cursor": cursor})
    assert (answer.status_code, answer.json()["code"]) == (422, "cursor_invalid")


async def test_the_files_of_one_item_arrive_together(world: World, client: httpx.AsyncClient) -> None:
    files = [
        ("file", ("talk.info.json", b'{"id": "talk"}', "application/octet-stream")),
        ("file", ("sub/talk.en.vtt", b"WEBVTT\n\x00\xff", "application/octet-stream")),
    ]
    response = await client.post(SOURCES, files=files, headers=ADMIN)
    assert response.status_code == 202
    answer = response.json()
    assert set(answer) == {"source_id", "job_id", "feed_id", "state"}
    assert answer["state"] == "queued"
    assert answer["job_id"]
    [item] = world.ingestion.items
    assert {name: world.contents.kept[file.sha256] for name, file in item.items()} == {
        "talk.info.json": b'{"id": "talk"}',
        "sub/talk.en.vtt": b"WEBVTT\n\x00\xff",
    }
    assert world.contents.limits == [4096, 4096]
    assert len(world.contents.let_go_of) == 1


async def test_an_archive_has_a_job_and_no_source(world: World, client: httpx.AsyncClient) -> None:
    world.ingestion.archive = True
    files = [("file", ("talks.zip", b"PK", "application/zip"))]
    response = await client.post(SOURCES, files=files, headers=ADMIN)
    assert response.status_code == 202
    assert response.json()["source_id"] is None
    assert response.json()["job_id"]


async def test_an_unchanged_item_is_no_work(world: World, client: httpx.AsyncClient) -> None:
    world.ingestion.unchanged = True
    response = await client.post(SOURCES, files=[NOTES], headers=ADMIN)
    assert response.status_code == 200
    assert response.json() == {
        "source_id": response.json()["source_id"],
        "job_id": None,
        "feed_id": None,
        "state": "unchanged",
    }


async def test_the_key_is_asked_for_before_anything_is_read(world: World) -> None:
    for headers in ({}, {"authorization": "Bearer wrong"}):
        exchange = Exchange(SOURCES, [b"x"] * 9, content_type="multipart/form-data; boundary=x", **headers)
        async with exchange.on(world.app):
            assert (await exchange.start())[0] == 401
        assert exchange.pieces_read == 0
    assert world.ingestion.items == []


async def test_an_unknown_creator_takes_nothing(client: httpx.AsyncClient) -> None:
    response = await client.post("/api/v1/creators/nobody/sources", files=[NOTES], headers=ADMIN)
    assert (response.status_code, response.json()["code"]) == (404, "creator_not_found")


@pytest.mark.parametrize(
    ("files", "data", "code"),
    [
        ([("document", ("a.md", b"x", "text/plain"))], {}, "file_missing"),
        ([NOTES], {"title": "x"}, "file_missing"),
        ([NOTES, NOTES], {}, "file_name_repeated"),
        ([("file", ("../../etc/passwd.md", b"x", "text/plain"))], {}, "file_name_invalid"),
        ([("file", ("/etc/passwd.md", b"x", "text/plain"))], {}, "file_name_invalid"),
        ([("file", ("..\\..\\x.md", b"x", "text/plain"))], {}, "file_name_invalid"),
        ([("file", ("x" * 256, b"x", "text/plain"))], {}, "file_name_invalid"),
        ([("file", ("a\u202etxt.md", b"x", "text/plain"))], {}, "file_name_invalid"),
    ],
)
async def test_an_upload_that_is_none_is_refused_by_name(
    files: list[tuple[str, tuple[str, bytes, str]]],
    data: dict[str, str],
    code: str,
    world: World,
    client: httpx.AsyncClient,
) -> None:
    response = await client.post(SOURCES, files=files, data=data, headers=ADMIN)
    assert (response.status_code, response.json()["code"]) == (422, code)
    assert world.ingestion.items == []


@pytest.mark.parametrize(
    "body", [b"", b"--x\r\n", b"rubbish", b"--x\r\nContent-Disposition: form-data\r\n\r\nx\r\n--x--\r\n"]
)
async def test_a_broken_form_is_refused(body: bytes, world: World, client: httpx.AsyncClient) -> None:
    headers = {**ADMIN, "Content-Type": "multipart/form-data; boundary=x"}
    response = await client.post(SOURCES, content=body, headers=headers)
    assert response.status_code in {400, 422}
    assert response.headers["content-type"] == "application/problem+json"
    assert world.ingestion.items == []


async def test_a_field_named_file_without_a_file_is_refused(client: httpx.AsyncClient) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\ntext\r\n--x--\r\n'
    headers = {**ADMIN, "Content-Type": "multipart/form-data; boundary=x"}
    response = await client.post(SOURCES, content=body, headers=headers)
    assert (response.status_code, response.json()["code"]) == (422, "file_missing")


async def test_too_many_files_are_refused(client: httpx.AsyncClient) -> None:
    files = [("file", (f"{i}.md", b"x", "text/plain")) for i in range(17)]
    response = await client.post(SOURCES, files=files, headers=ADMIN)
    assert response.status_code == 400
    assert "16" in response.json()["detail"]


async def test_too_large_an_upload_is_refused(world: World, client: httpx.AsyncClient) -> None:
    files = [("file", ("a.md", b"x" * 100_000, "text/plain"))]
    response = await client.post(SOURCES, files=files, headers=ADMIN)
    assert (response.status_code, response.json()["code"]) == (413, "body_too_large")
    assert world.ingestion.items == []


@pytest.mark.parametrize("type_", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_what_is_neither_files_nor_json_is_refused(type_: str, client: httpx.AsyncClient) -> None:
    response = await client.post(
        SOURCES, content=b'{"url": "https://x.org"}', headers={**ADMIN, "Content-Type": type_}
    )
    assert (response.status_code, response.json()["code"]) == (415, "content_type_refused")


async def test_an_address_is_taken_in(world: World, client: httpx.AsyncClient) -> None:
    item = await client.post(SOURCES, json={"url": "https://x.org/a"}, headers=ADMIN)
    assert item.status_code == 202
    assert item.json()["source_id"]
    assert item.json()["feed_id"] is None
    body = {"url": "https://x.org/list", "watch": False, "access": "members"}
    collection = (await client.post(SOURCES, json=body, headers=ADMIN)).json()
    assert collection["source_id"] is None
    assert collection["feed_id"]
    assert collection["job_id"]
    assert world.addresses.submitted == [
        ("https://x.org/a", None, None),
        ("https://x.org/list", False, "members"),
    ]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "json_invalid"),
        (b"[]", 422, "invalid_request"),
        (b"{}", 422, "invalid_request"),
        (b'{"url": ""}', 422, "invalid_request"),
        (b'{"url": 5}', 422, "invalid_request"),
        (b'{"url": "a\\u0000b"}', 422, "invalid_request"),
        (b'{"url": "https://x.org", "whatch": true}', 422, "invalid_request"),
        (b'{"url": "https://x.org", "access": "some"}', 422, "invalid_request"),
    ],
)
async def test_an_address_that_is_none_is_refused(
    body: bytes, status: int, code: str, world: World, client: httpx.AsyncClient
) -> None:
    headers = {**ADMIN, "Content-Type": "application/json; charset=utf-8"}
    response = await client.post(SOURCES, content=body, headers=headers)
    assert (response.status_code, response.json()["code"]) == (status, code), response.text
    assert world.addresses.submitted == []


async def test_a_refused_address_says_why(world: World, client: httpx.AsyncClient) -> None:
    world.addresses.refusal = InvalidInput("address_unknown", "No.", next_step="Give a web page.")
    response = await client.post(SOURCES, json={"url": "x"}, headers=ADMIN)
    assert (response.status_code, response.json()["next_step"]) == (422, "Give a web page.")


async def test_addresses_and_feeds_need_the_key(world: World, client: httpx.AsyncClient) -> None:
    some = "018f0000-0000-7000-8000-000000000000"
    for method, path in [
        ("POST", SOURCES),
        ("GET", "/api/v1/creators/bev/feeds"),
        ("DELETE", f"/api/v1/creators/bev/feeds/{some}"),
        ("POST", f"/api/v1/feeds/{some}/check"),
        ("GET", f"{SOURCES}?feed={some}"),
    ]:
        response = await client.request(method, path, json={"url": "x"} if method == "POST" else None)
        assert (response.status_code, response.json()["code"]) == (401, "admin_key_required"), path
    assert world.addresses.submitted == []


async def test_a_full_disk_is_told(world: World, client: httpx.AsyncClient) -> None:
    world.contents.full = True
    response = await client.post(SOURCES, files=[NOTES], headers=ADMIN)
    assert (response.status_code, response.json()["code"]) == (507, "disk_full")
    assert len(world.contents.let_go_of) == 1


async def test_a_client_that_leaves_in_mid_upload_leaves_nothing(world: World) -> None:
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.md"\r\n\r\nhalf'
    exchange = Exchange(
        SOURCES, [head], content_type="multipart/form-data; boundary=x", authorization=ADMIN["Authorization"]
    )
    exchange.more_to_come = True
    exchange.leave()
    async with exchange.on(world.app) as request:
        await request
    assert world.ingestion.items == []
    assert len(world.contents.let_go_of) == 1


async def test_a_body_cut_anywhere_is_refused(world: World, client: httpx.AsyncClient) -> None:
    body = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.md"\r\n\r\nhalf\r\n'
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="b.md"\r\n\r\nhalf\r\n--x--'
    )
    headers = {**ADMIN, "Content-Type": "multipart/form-data; boundary=x"}
    for end in range(len(body)):
        response = await client.post(SOURCES, content=body[:end], headers=headers)
        assert response.status_code == 400, body[:end]
    assert world.ingestion.items == []
    assert (await client.post(SOURCES, content=body, headers=headers)).status_code == 202
