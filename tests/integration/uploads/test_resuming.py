"""The tus protocol, word for word, and what becomes of uploads whatever happens to them."""

import asyncio
import base64
import hashlib
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from tests.integration.jobs.workbench import until
from tests.integration.uploads.conftest import AUTHORIZATION, PIECE, TUS, MakeWorkshop, Workshop, described

TEXT = b"# Chains\n\n" + b"Change the chain at half a percent of wear.\n\n" * 2000
NAMES = {"filename": "chains.md", "creator_id": "bev"}


async def _begun(workshop: Workshop, content: bytes = TEXT, **more: str) -> str:
    answer = await workshop.begin(len(content), **{**NAMES, **more})
    assert answer.status_code == 201, answer.text
    return answer.headers["location"]


async def test_a_server_says_what_it_understands(workshop: Workshop) -> None:
    told = await workshop.http.options("/uploads")
    assert told.status_code == 204
    assert told.headers["tus-version"] == told.headers["tus-resumable"] == "1.0.0"
    assert set(told.headers["tus-extension"].split(",")) == {
        "creation",
        "creation-with-upload",
        "expiration",
        "checksum",
        "termination",
    }
    assert told.headers["tus-checksum-algorithm"] == "sha1,sha256"
    assert int(told.headers["tus-max-size"]) == workshop.rooms.uploads.max_media_bytes


async def test_a_file_comes_in_by_parts_and_becomes_a_source(workshop: Workshop) -> None:
    location = await _begun(workshop)
    for start in range(0, len(TEXT), 30_000):
        added = await workshop.add(location, start, TEXT[start : start + 30_000])
        assert added.status_code == 204, added.text
        assert added.headers["tus-resumable"] == "1.0.0"
        assert int(added.headers["upload-offset"]) == min(start + 30_000, len(TEXT))
        assert added.headers["upload-expires"].endswith("GMT")
    job_id = added.headers["understudy-job-id"]
    assert await workshop.offset(location) == len(TEXT)
    assert (await workshop.show(location))["state"] == "whole"
    await workshop.work()
    shown, job = await workshop.show(location), await workshop.job(job_id)
    assert (shown["state"], shown["job_id"], job.state) == ("accepted", job_id, "succeeded")
    assert job.result is not None
    assert shown["source_id"] == job.result["source_id"]
    sha256 = hashlib.sha256(TEXT).hexdigest()
    assert workshop.files() == [f"{sha256[:2]}/{sha256}"]
    assert await workshop.rows("ingestion.uploads", f"strpos(files::text, '{sha256}') > 0") == 1
    assert await workshop.rows("ingestion.holds") == 0


async def test_the_first_bytes_may_come_with_the_announcement(workshop: Workshop) -> None:
    headers = {**PIECE, **described(len(TEXT), **NAMES)}
    begun = await workshop.http.post("/uploads", headers=headers, content=TEXT[:100])
    assert (begun.status_code, begun.headers["upload-offset"]) == (201, "100")
    added = await workshop.add(begun.headers["location"], 100, TEXT[100:])
    assert added.headers["understudy-job-id"]


async def test_the_files_of_one_item_become_one_source(workshop: Workshop) -> None:
    info = b'{"id": "abcdefghijk", "title": "Chains", "extractor": "youtube", "_type": "video"}'
    captions = b"WEBVTT\n\n00:00:01.000 --> 00:00:04.000\nChange the chain at half a percent.\n"
    item = {"item": "chains", "files": "2"}
    places = [
        await _begun(workshop, info, filename="chains.info.json", **item),
        await _begun(workshop, captions, filename="chains.en.vtt", **item),
    ]
    first, second = await asyncio.gather(
        workshop.add(places[0], 0, info), workshop.add(places[1], 0, captions)
    )
    assert first.status_code == second.status_code == 204
    assert await workshop.rows("jobs.jobs") == 1
    await workshop.work()
    shown = [await workshop.show(place) for place in places]
    assert {one["state"] for one in shown} == {"accepted"}, shown
    assert len({one["source_id"] for one in shown}) == 1
    assert await workshop.rows("creators.sources", "external_id = 'abcdefghijk'") == 1


async def test_an_empty_file_is_told_so_by_its_job(workshop: Workshop) -> None:
    location = await _begun(workshop, b"")
    await workshop.work()
    shown = await workshop.show(location)
    assert (shown["state"], shown["error_code"]) == ("refused", "document_empty")
    assert workshop.files() == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Tus-Resumable": "0.2.0"}, 412),
        ({"Tus-Resumable": ""}, 412),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Upload-Metadata": ""}, 422),
        ({"Upload-Metadata": "filename !!!,creator_id YmV2"}, 422),
        (described(5, filename="../x.md", creator_id="bev"), 422),
        (described(5, filename="x.md", creator_id="nobody"), 404),
        (described(5, filename="x.md", creator_id="bev", files="2"), 422),
        (described(5, filename="x.md", creator_id="bev", item="i", files="17"), 422),
        (described(2**40, filename="x.mp4", creator_id="bev"), 413),
        ({"Upload-Length": "five"}, 400),
        ({"Upload-Length": "-5"}, 400),
    ],
)
async def test_what_cannot_be_begun_is_refused(
    headers: dict[str, str], status: int, workshop: Workshop
) -> None:
    sent = {**TUS, **described(5, **NAMES), **headers}
    answer = await workshop.http.post("/uploads", headers=sent)
    assert answer.status_code == status, answer.text
    assert answer.json()["detail"]
    assert await workshop.rows("ingestion.transfers") == 0


async def test_wrong_offsets_leave_things_as_they_are(workshop: Workshop) -> None:
    location = await _begun(workshop)
    await workshop.add(location, 0, TEXT[:500])
    for offset in (0, 499, 501, len(TEXT)):
        refused = await workshop.add(location, offset, b"x")
        assert (refused.status_code, refused.json()["code"]) == (409, "upload_offset_wrong")
    assert (await workshop.http.patch(location, headers=PIECE, content=b"x")).status_code == 400
    plain = await workshop.http.patch(
        location, headers={**TUS, "Upload-Offset": "500", "Content-Type": "text/plain"}, content=b"x"
    )
    assert plain.status_code == 415
    assert await workshop.offset(location) == 500


async def test_more_than_was_announced_is_refused(workshop: Workshop) -> None:
    location = await _begun(workshop)
    refused = await workshop.add(location, 0, TEXT + b"!")
    assert (refused.status_code, refused.json()["code"]) == (413, "upload_too_long")
    assert await workshop.offset(location) == 0
    assert (await workshop.add(location, 0, TEXT)).status_code == 204


async def test_a_wrong_checksum_keeps_nothing_of_the_request(workshop: Workshop) -> None:
    location = await _begun(workshop)
    await workshop.add(location, 0, TEXT[:10])
    right = {
        name: base64.b64encode(hashlib.new(name, TEXT[10:]).digest()).decode() for name in ("sha1", "sha256")
    }
    wrong = base64.b64encode(hashlib.sha1(b"else", usedforsecurity=False).digest()).decode()
    refused = await workshop.add(location, 10, TEXT[10:], **{"Upload-Checksum": f"sha1 {wrong}"})
    assert (refused.status_code, refused.json()["code"]) == (460, "checksum_wrong")
    assert await workshop.offset(location) == 10
    assert len(workshop.files()) == 1
    for bad in ("md5 AAAA", "sha1", "sha1 AAAA", f"sha256 {wrong}"):
        assert (await workshop.add(location, 10, b"x", **{"Upload-Checksum": bad})).status_code == 400
    half = len(TEXT) // 2
    part = base64.b64encode(hashlib.sha1(TEXT[10:half], usedforsecurity=False).digest()).decode()
    taken = await workshop.add(location, 10, TEXT[10:half], **{"Upload-Checksum": f"sha1 {part}"})
    assert taken.status_code == 204
    rest = base64.b64encode(hashlib.sha256(TEXT[half:]).digest()).decode()
    done = await workshop.add(location, half, TEXT[half:], **{"Upload-Checksum": f"sha256 {rest}"})
    assert done.status_code == 204
    assert right
    await workshop.work()
    assert (await workshop.show(location))["state"] == "accepted"


async def test_content_that_contradicts_the_name_is_told_with_the_first_bytes(workshop: Workshop) -> None:
    location = await _begun(workshop, filename="talk.mp3")
    refused = await workshop.add(location, 0, b"%PDF-1.7\n" + bytes(100))
    assert (refused.status_code, refused.json()["code"]) == (422, "content_contradicts_name")
    assert "talk.mp3" in refused.json()["detail"]
    assert "PDF" in refused.json()["detail"]
    assert workshop.files() == []
    assert (await workshop.http.head(location, headers=TUS)).status_code == 422
    assert (await workshop.show(location))["error_code"] == "content_contradicts_name"


async def test_a_client_that_goes_in_the_middle_loses_nothing_that_came(workshop: Workshop) -> None:
    location = await _begun(workshop)
    await _send_and_go(workshop, location, TEXT[:50_000])
    await _settled(workshop)
    assert await workshop.offset(location) == 50_000
    assert (await workshop.add(location, 50_000, TEXT[50_000:])).status_code == 204
    await workshop.work()
    assert (await workshop.show(location))["state"] == "accepted"
    assert hashlib.sha256(TEXT).hexdigest() in workshop.files()[0]


async def test_a_cut_request_with_a_checksum_does_not_count(workshop: Workshop) -> None:
    location = await _begun(workshop)
    digest = base64.b64encode(hashlib.sha1(TEXT, usedforsecurity=False).digest()).decode()
    await _send_and_go(workshop, location, TEXT[:50_000], f"Upload-Checksum: sha1 {digest}\r\n")
    await _settled(workshop)
    assert await workshop.offset(location) == 0
    assert workshop.files() == []


async def test_a_client_that_falls_silent_is_let_go(make_workshop: MakeWorkshop) -> None:
    workshop = await make_workshop(stall_s=0.2)
    await workshop.add_creator("bev")
    location = await _begun(workshop)
    reader, writer = await _connected(workshop, location, len(TEXT))
    writer.write(TEXT[:1000])
    await writer.drain()
    assert b" 204 " in await reader.readline()
    writer.close()
    assert await workshop.offset(location) == 1000


async def test_of_two_requests_at_once_the_second_is_refused(workshop: Workshop) -> None:
    location = await _begun(workshop)
    _, writer = await _connected(workshop, location, len(TEXT))
    writer.write(TEXT[:1000])
    await writer.drain()
    await _claimed(workshop)
    refused = await workshop.add(location, 0, TEXT)
    assert (refused.status_code, refused.json()["code"]) == (423, "upload_busy")
    assert await workshop.offset(location) == 0
    writer.write(TEXT[1000:])
    await writer.drain()
    await _settled(workshop)
    assert await workshop.offset(location) == len(TEXT)
    writer.close()
    assert len([name for name in workshop.files() if name.startswith("pieces")]) == 1


async def test_many_requests_at_once_never_mix_their_bytes(workshop: Workshop) -> None:
    location = await _begun(workshop)
    answers = await asyncio.gather(*(workshop.add(location, 0, TEXT[: 1000 * n]) for n in range(1, 9)))
    assert sorted(answer.status_code for answer in answers)[0] == 204
    assert {answer.status_code for answer in answers} <= {204, 409, 423}
    at = await workshop.offset(location)
    assert (await workshop.add(location, at, TEXT[at:])).status_code == 204
    await workshop.work()
    assert (await workshop.show(location))["state"] == "accepted"
    assert hashlib.sha256(TEXT).hexdigest() in workshop.files()[0]


async def test_an_upload_goes_on_with_another_gateway(
    workshop: Workshop, make_workshop: MakeWorkshop
) -> None:
    location = await _begun(workshop)
    await workshop.add(location, 0, TEXT[:777])
    other = await make_workshop()
    assert await other.offset(location) == 777
    assert (await other.add(location, 777, TEXT[777:])).status_code == 204
    await other.work()
    assert (await workshop.show(location))["state"] == "accepted"


async def test_who_was_killed_is_waited_for_no_longer_than_needed(workshop: Workshop) -> None:
    """A gateway that dies in a request leaves the claim behind, and pieces that do not count."""
    location = await _begun(workshop)
    await workshop.add(location, 0, TEXT[:500])
    async with workshop.rooms.database.transaction() as tx:
        await tx.execute(
            "UPDATE ingestion.transfers SET holder = %s, busy_until = %s",
            (uuid4(), workshop.rooms.clock.now()),
        )
    await workshop.rooms.store.put_piece(location.rpartition("/")[2], "left", b"never counted")
    assert (await workshop.add(location, 500, TEXT[500:])).status_code == 204
    await workshop.work()
    assert (await workshop.show(location))["state"] == "accepted"
    assert len(workshop.files()) == 1


async def test_a_terminated_upload_is_gone(workshop: Workshop) -> None:
    location = await _begun(workshop)
    await workshop.add(location, 0, TEXT[:500])
    assert (await workshop.http.delete(location, headers=TUS)).status_code == 204
    assert (await workshop.http.head(location, headers=TUS)).status_code == 404
    assert (await workshop.add(location, 500, b"x")).status_code == 404
    assert (await workshop.http.delete(location, headers=TUS)).status_code == 404
    assert workshop.files() == []


async def test_an_accepted_upload_is_not_terminated(workshop: Workshop) -> None:
    location = await _begun(workshop)
    await workshop.add(location, 0, TEXT)
    refused = await workshop.http.delete(location, headers=TUS)
    assert (refused.status_code, refused.json()["code"]) == (409, "upload_accepted")
    await workshop.work()
    assert (await workshop.show(location))["state"] == "accepted"


async def test_an_upload_that_nobody_goes_on_with_expires(workshop: Workshop) -> None:
    location, other = await _begun(workshop), await _begun(workshop, filename="other.md")
    await workshop.add(location, 0, TEXT[:500])
    workshop.rooms.clock.advance(workshop.rooms.uploads.expire_s - 1)
    await workshop.add(other, 0, TEXT[:500])
    workshop.rooms.clock.advance(1)
    assert (await workshop.add(location, 500, b"x")).status_code == 410
    async with workshop.rooms.database.transaction() as tx:
        await workshop.rooms.queue.ensure_schedules(tx, workshop.rooms.assembly().schedules())
    await _sweep(workshop)
    gone = await workshop.http.head(location, headers=TUS)
    assert gone.status_code == 410
    assert await workshop.offset(other) == 500
    assert len(workshop.files()) == 1
    workshop.rooms.clock.advance(8 * 24 * 3600)
    await _sweep(workshop)
    assert (await workshop.http.head(location, headers=TUS)).status_code == 404
    assert workshop.files() == []


async def test_the_same_name_in_the_same_item_takes_the_place_of_the_one_before(workshop: Workshop) -> None:
    item = {"item": "chains", "files": "2"}
    first = await _begun(workshop, filename="a.info.json", **item)
    second = await _begun(workshop, filename="a.info.json", **item)
    assert (await workshop.http.head(first, headers=TUS)).status_code == 404
    assert await workshop.offset(second) == 0


async def test_methods_may_be_sent_as_post(workshop: Workshop) -> None:
    location = await _begun(workshop)
    added = await workshop.http.post(
        location, headers={**PIECE, "Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}, content=TEXT[:9]
    )
    assert (added.status_code, added.headers["upload-offset"]) == (204, "9")
    assert (await workshop.http.post(location, headers=TUS)).status_code == 405
    gone = await workshop.http.post(location, headers={**TUS, "X-HTTP-Method-Override": "DELETE"})
    assert gone.status_code == 204


async def test_the_key_is_needed_for_everything(workshop: Workshop) -> None:
    location = await _begun(workshop)
    none = {"Tus-Resumable": "1.0.0"}
    answers = [
        await workshop.http.head(location, headers=none),
        await workshop.http.get(location),
        await workshop.http.patch(location, headers={**none, "Upload-Offset": "0"}, content=b"x"),
        await workshop.http.delete(location, headers=none),
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert (await workshop.http.get(location, headers=AUTHORIZATION)).status_code == 200


async def _sweep(workshop: Workshop) -> None:
    """What the beat and the worker do every few seconds."""
    runner = workshop.runner()
    await runner.sweep()
    await runner.drain("parse", "embed")


async def _connected(
    workshop: Workshop, location: str, length: int, more: str = ""
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A PATCH of which only the head has been sent."""
    address = urlsplit(workshop.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    headers = "".join(f"{name}: {value}\r\n" for name, value in PIECE.items())
    writer.write(
        f"PATCH {location} HTTP/1.1\r\nHost: test\r\n{headers}{more}Upload-Offset: 0\r\n"
        f"Content-Length: {length}\r\n\r\n".encode()
    )
    return reader, writer


async def _send_and_go(workshop: Workshop, location: str, content: bytes, more: str = "") -> None:
    _, writer = await _connected(workshop, location, len(TEXT), more)
    writer.write(content)
    await writer.drain()
    await _claimed(workshop)
    writer.close()
    await writer.wait_closed()


async def _claimed(workshop: Workshop) -> None:
    """Until a request is adding to an upload."""

    async def claimed() -> bool:
        return await workshop.rows("ingestion.transfers", "holder IS NOT NULL") > 0

    await until(claimed)


async def _settled(workshop: Workshop) -> None:
    """Until no request is adding to an upload."""

    async def settled() -> bool:
        return await workshop.rows("ingestion.transfers", "holder IS NOT NULL") == 0

    await until(settled)
