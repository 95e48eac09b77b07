"""The files behind citations: shown to whom their item answers, in parts, and to no harm."""

from datetime import timedelta
from typing import Any
from urllib.parse import unquote
from uuid import UUID

import pytest

from runtime.ids import SourceId
from tests.integration.gateway.conftest import House

PAGE = "<!doctype html><html><title>x</title><body><p>Oil it.</p><script>alert(document.domain)</script></body></html>"
NOTES = "# Chains\n\nOil the chain every two hundred kilometres.\n"


@pytest.fixture
async def bev(house: House) -> House:
    await house.add_creator("bev")
    return house


async def _published(house: House, name: str = "bike notes.md", text: str = NOTES) -> str:
    """An uploaded item, as its job leaves it."""
    sent = await house.upload("bev", name, text)
    assert sent.status_code == 202, sent.text
    source_id = sent.json()["source_id"]
    async with house.database.transaction() as tx:
        content_hash = await tx.fetch_value(
            "UPDATE ingestion.uploads SET state = 'done' WHERE source_id = %s AND state = 'waiting'"
            " RETURNING content_hash",
            (source_id,),
        )
        await tx.execute("UPDATE jobs.jobs SET state = 'succeeded'")
        source = await house.library.source(tx, SourceId(UUID(source_id)))
        await house.library.publish(
            tx, source.id, (source.generation or 0) + 1, source.facts, content_hash=content_hash
        )
    return source_id


async def _change(house: House, source_id: str, **changes: Any) -> None:
    changed = await house.admin.patch(f"/api/v1/creators/bev/sources/{source_id}", json=changes)
    assert changed.status_code == 200, changed.text


async def test_a_file_is_shown_under_its_name(bev: House) -> None:
    shown = await bev.http.get(f"/files/{await _published(bev)}")
    assert (shown.status_code, shown.text) == (200, NOTES)
    assert shown.headers["content-type"] == "text/plain; charset=utf-8"
    kind, _, name = shown.headers["content-disposition"].partition("; filename*=UTF-8''")
    assert (kind, unquote(name)) == ("inline", "bike notes.md")
    assert shown.headers["x-content-type-options"] == "nosniff"
    assert shown.headers["content-length"] == str(len(NOTES))
    head = await bev.http.head(shown.request.url.path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(NOTES))


@pytest.mark.parametrize(
    ("asked", "answer", "range_"),
    [
        ("bytes=0-0", NOTES[:1], f"bytes 0-0/{len(NOTES)}"),
        ("bytes=5-9", NOTES[5:10], f"bytes 5-9/{len(NOTES)}"),
        ("bytes=5-", NOTES[5:], f"bytes 5-{len(NOTES) - 1}/{len(NOTES)}"),
        ("bytes=-4", NOTES[-4:], f"bytes {len(NOTES) - 4}-{len(NOTES) - 1}/{len(NOTES)}"),
        ("bytes=-9999", NOTES, f"bytes 0-{len(NOTES) - 1}/{len(NOTES)}"),
        ("bytes=5-9999", NOTES[5:], f"bytes 5-{len(NOTES) - 1}/{len(NOTES)}"),
    ],
)
async def test_a_range_is_answered_with_it(bev: House, asked: str, answer: str, range_: str) -> None:
    shown = await bev.http.get(f"/files/{await _published(bev)}", headers={"Range": asked})
    assert (shown.status_code, shown.text, shown.headers["content-range"]) == (206, answer, range_)
    assert shown.headers["content-length"] == str(len(answer))


@pytest.mark.parametrize("asked", ["bytes=9999-", "bytes=7-5", "bytes=-0"])
async def test_a_range_that_is_not_there_is_refused(bev: House, asked: str) -> None:
    shown = await bev.http.get(f"/files/{await _published(bev)}", headers={"Range": asked})
    assert (shown.status_code, shown.headers["content-range"]) == (416, f"bytes */{len(NOTES)}")


@pytest.mark.parametrize("asked", ["bytes=0-1,4-5", "lines=1-2", "bytes=x-"])
async def test_a_range_of_another_kind_is_answered_with_everything(bev: House, asked: str) -> None:
    shown = await bev.http.get(f"/files/{await _published(bev)}", headers={"Range": asked})
    assert (shown.status_code, shown.text) == (200, NOTES)


async def test_a_file_that_has_not_changed_is_not_sent_again(bev: House) -> None:
    path = f"/files/{await _published(bev)}"
    tag = (await bev.http.get(path)).headers["etag"]
    assert (await bev.http.get(path, headers={"If-None-Match": tag})).status_code == 304
    changed = {"Range": "bytes=0-1", "If-Range": '"other"'}
    assert (await bev.http.get(path, headers=changed)).status_code == 200
    same = {"Range": "bytes=0-1", "If-Range": tag}
    assert (await bev.http.get(path, headers=same)).status_code == 206


async def test_a_page_runs_nothing_in_this_site_s_name(bev: House) -> None:
    shown = await bev.http.get(f"/files/{await _published(bev, 'page.html', PAGE)}")
    assert shown.headers["content-type"].startswith("text/html")
    policy = [part.strip() for part in shown.headers["content-security-policy"].split(";")]
    assert "sandbox" in policy, "neither scripts, nor forms, nor the origin of this site"
    assert "default-src 'none'" in policy
    assert shown.headers["x-content-type-options"] == "nosniff"


async def test_what_no_browser_shows_is_downloaded(bev: House) -> None:
    mail = "From: a@example.org\nSubject: x\n\nOil it.\n"
    shown = await bev.http.get(f"/files/{await _published(bev, 'x.eml', mail)}")
    assert shown.headers["content-type"] == "message/rfc822"
    assert shown.headers["content-disposition"].startswith("attachment")


async def test_it_is_there_for_those_whom_the_item_answers_and_for_the_administrator(bev: House) -> None:
    source_id = await _published(bev)
    path = f"/files/{source_id}"
    later = (bev.rooms.clock.now() + timedelta(days=1)).isoformat()
    for hidden, shown in (
        ({"access": "members"}, {"access": "public"}),
        ({"access": "private"}, {"access": "public"}),
        ({"archived": True}, {"archived": False}),
        ({"visible_from": later}, {"visible_from": None}),
    ):
        await _change(bev, source_id, **hidden)
        refused = await bev.http.get(path)
        assert (refused.status_code, refused.json()["code"]) == (404, "source_not_found"), hidden
        assert (await bev.admin.get(path)).status_code == 200, hidden
        await _change(bev, source_id, **shown)
        assert (await bev.http.get(path)).status_code == 200, shown


async def test_the_file_of_a_hidden_creator_is_not_there(house: House) -> None:
    await house.add_creator("bev", visibility="private")
    source_id = await _published(house)
    assert (await house.http.get(f"/files/{source_id}")).status_code == 404
    assert (await house.admin.get(f"/files/{source_id}")).status_code == 200


async def test_of_two_versions_the_published_one_is_shown(bev: House) -> None:
    source_id = await _published(bev)
    sent = await bev.upload("bev", "bike notes.md", "# Chains\n\nAnother text, not published.\n")
    assert sent.json()["source_id"] == source_id
    assert (await bev.http.get(f"/files/{source_id}")).text == NOTES


async def test_captions_alone_show_nothing(bev: House) -> None:
    text = "WEBVTT\n\n00:01.000 --> 00:02.000\nOil it.\n"
    assert (await bev.http.get(f"/files/{await _published(bev, 'talk.en.vtt', text)}")).status_code == 404


async def test_a_file_that_is_gone_is_told(bev: House) -> None:
    source_id = await _published(bev)
    for path in bev.files.rglob("*"):
        if path.is_file():
            path.unlink()
    gone = await bev.http.get(f"/files/{source_id}")
    assert (gone.status_code, gone.json()["code"]) == (404, "file_not_stored")
    unknown = await bev.http.get("/files/00000000-0000-7000-8000-000000000000")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "source_not_found")
