"""A library over HTTP, page by page: who sees which items, and that none is missed or shown twice."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from runtime.database import Reader
from tests.integration.gateway.conftest import House

SOURCES = "/api/v1/creators/bev/sources"
# One in five has no date yet and is not published; of the others, two and two share theirs.
FILL = """
INSERT INTO creators.sources (id, creator_id, origin, external_id, kind, title, published_at, generation, content_hash,
                              chapters, speakers, access, created_at, updated_at)
SELECT uuidv7(), %(creator)s, 'file', n::text, 'document', n::text,
       CASE WHEN n %% 5 > 0 THEN '2026-01-01'::timestamptz - n / 2 * interval '1 day 0.000001 s' END,
       CASE WHEN n %% 5 > 0 THEN 1 END, CASE WHEN n %% 5 > 0 THEN 'x' END, '[]', '{}', 'public', now(), now()
FROM generate_series(%(first)s::int, %(last)s::int) n
"""


async def fill(house: House, creator: dict[str, Any], first: int, last: int) -> None:
    async with house.database.transaction() as tx:
        await tx.execute(FILL, {"creator": creator["id"], "first": first, "last": last})


async def pages(client: httpx.AsyncClient, **params: Any) -> AsyncIterator[list[str]]:
    """The titles of each page, asked for one after the other."""
    cursor: dict[str, str] = {}
    while True:
        page = (await client.get(SOURCES, params={**params, **cursor})).raise_for_status().json()
        yield [source["title"] for source in page["sources"]]
        if page["next_cursor"] is None:
            return
        cursor = {"cursor": page["next_cursor"]}


async def titles(client: httpx.AsyncClient, **params: Any) -> list[str]:
    return [title async for page in pages(client, **params) for title in page]


async def test_a_long_library_comes_whole_and_in_order(house: House) -> None:
    bev, odile = await house.add_creator("bev"), await house.add_creator("odile")
    await fill(house, bev, 1, 1200)
    await fill(house, odile, 2000, 2010)
    listed = [int(title) for title in await titles(house.admin, limit=97)]
    dated, undated = listed[:960], listed[960:]
    assert sorted(dated) == [n for n in range(1, 1201) if n % 5]
    assert [n // 2 for n in dated] == sorted(n // 2 for n in dated)
    assert sorted(undated) == list(range(5, 1201, 5))
    assert [int(title) for title in await titles(house.http, limit=97)] == dated


async def test_a_page_reads_no_more_than_it_shows(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    await fill(house, await house.add_creator("bev"), 1, 300)
    fetch_all, read = Reader.fetch_all, list[int]()

    async def counting(self: Reader, *args: Any) -> list[Any]:
        rows = await fetch_all(self, *args)
        read.append(len(rows))
        return rows

    monkeypatch.setattr(Reader, "fetch_all", counting)
    for client in (house.http, house.admin):
        assert len(await anext(pages(client, limit=20))) == 20
    assert max(read) == 21  # the one more tells that there is another page


async def test_what_comes_and_goes_meanwhile_moves_nothing_else(house: House) -> None:
    bev = await house.add_creator("bev")
    await fill(house, bev, 11, 60)
    seen, newer = list[str](), iter([1, 2, 3, 4, 6, 7, 8])  # than all that are there
    async for page in pages(house.admin, limit=9):
        seen += page
        new = next(newer)
        await fill(house, bev, new, new)
        async with house.database.transaction() as tx:  # the one that the next page goes on from
            await tx.execute("DELETE FROM creators.sources WHERE title = %s", (page[-1],))
    assert sorted(seen) == [str(n) for n in range(11, 61)]


async def test_everybody_sees_what_answers_everybody(house: House) -> None:
    await fill(house, await house.add_creator("bev"), 1, 9)
    now = house.rooms.clock.now()
    async with house.database.transaction() as tx:
        for title, change in (
            ("2", "visible_from = %(now)s"),
            ("3", "visible_from = %(later)s"),
            ("4", "access = 'members'"),
            ("6", "access = 'private'"),
            ("7", "withdrawn_at = %(now)s"),
            ("8", "archived_at = %(now)s"),
        ):
            values = {"now": now, "later": now + timedelta(seconds=1), "title": title}
            await tx.execute(f"UPDATE creators.sources SET {change} WHERE title = %(title)s", values)
    assert set(await titles(house.http)) == {"1", "2", "9"}
    assert set(await titles(house.admin)) == {str(n) for n in range(1, 10)}
    house.rooms.clock.advance(1)
    assert set(await titles(house.http)) == {"1", "2", "3", "9"}


async def test_a_feed_s_items_come_in_pages_too(house: House) -> None:
    bev = await house.add_creator("bev")
    await fill(house, bev, 1, 40)
    async with house.database.transaction() as tx:
        await tx.execute(
            "INSERT INTO ingestion.feeds (id, creator_id, origin, external_id, url, title, access, watch, created_at)"
            " VALUES (%(creator)s, %(creator)s, 'youtube', 'a', '', 'A', 'public', false, now())",
            {"creator": bev["id"]},
        )
        await tx.execute(
            "INSERT INTO ingestion.feed_items (feed_id, source_id, job_id, change) SELECT %s, id, id, 'new'"
            " FROM creators.sources WHERE title::int %% 2 = 0",
            (bev["id"],),
        )
    listed = await titles(house.admin, limit=7, feed=bev["id"])
    assert sorted(map(int, listed)) == list(range(2, 41, 2))
