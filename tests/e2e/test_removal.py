"""`understudy sources remove` and `creators remove`: the receipt is right, and nowhere is anything left."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from redis import Redis

from retrieval import IndexName
from retrieval.indexes.lance import LanceIndex
from runtime.ids import CreatorId
from tests.e2e.test_large_ingest import NOTES as ARCHIVED
from tests.installation import Installation, installed

NOTES = "# Chains\n\nThe zanzibar chain is changed at half a percent of wear.\n\nThe kilimanjaro brake is another matter.\n"
OTHER = "# Saddles\n\nThe mauritius saddle is set level before anything else.\n"
WORDS = ("zanzibar", "kilimanjaro")
# What was answered stays in a fan's conversation, and says that its source was withdrawn. Jobs name what they did.
KEPT = {"chat.messages", "jobs.jobs"}
# The identifier alone also stands in the receipt and in what outsiders were told.
NAMED = KEPT | {"ingestion.removals", "runtime.outbox"}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installed(tmp_path_factory.mktemp("removal") / "var", "--no-demo") as installation:
        yield installation


@pytest.fixture
def bev(library: Installation, tmp_path: Path) -> str:
    """A creator with two documents; the id of the first."""
    library.command("creators", "add", "bev", "--name", "Bev")
    for name, text in (("notes.md", NOTES), ("other.md", OTHER), ("archived.md", ARCHIVED)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    taken = library.command("ingest", str(tmp_path), "--creator", "bev")
    assert taken["counts"] == {"ready": 3}
    return next(item["source_id"] for item in taken["items"] if item["name"] == "notes.md")


def _rows_with(library: Installation, *words: str) -> dict[str, int]:
    """In how many rows of which tables one of the words stands, in whatever column."""
    found: dict[str, int] = {}
    with psycopg.connect(library.database_url()) as connection:
        tables = connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE'"
            " AND table_schema NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        for schema, table in tables:
            statement = psycopg.sql.SQL("SELECT count(*) FROM {} AS row WHERE row::text ~ %s").format(
                psycopg.sql.Identifier(schema, table)
            )
            row = connection.execute(statement, ("|".join(words),)).fetchone()
            if row is not None and row[0]:
                found[f"{schema}.{table}"] = row[0]
    return found


async def _index_entries(library: Installation, creator: dict[str, Any]) -> int:
    index = LanceIndex(library.var / "index", dimension=384)
    try:
        return len(await index.ids(IndexName(creator["active_index"]), CreatorId(UUID(creator["id"]))))
    finally:
        await index.close()


def _creator(library: Installation) -> dict[str, Any]:
    with psycopg.connect(library.database_url(), row_factory=psycopg.rows.dict_row) as connection:
        row = connection.execute(
            "SELECT id::text, active_index FROM creators.creators WHERE handle = 'bev'"
        ).fetchone()
    assert row is not None
    return row


def _files(library: Installation) -> list[bytes]:
    return [path.read_bytes() for path in (library.var / "files").rglob("*") if path.is_file()]


def _cached(library: Installation, words: tuple[str, ...]) -> list[str]:
    """The keys in Redis of which the value, or the name, holds one of the words."""
    settings = (library.var / "run" / "state.json").read_text(encoding="utf-8")
    redis = Redis.from_url(json.loads(settings)["redis_url"])
    found: list[str] = []
    for key in redis.scan_iter("*"):
        held = key + (redis.dump(key) or b"")
        if any(word.encode() in held for word in words):
            found.append(key.decode("utf-8", "replace"))
    return found


def _hits(library: Installation, query: str) -> list[str]:
    answer = library.http.post("/api/v1/creators/bev/search", json={"query": query})
    return [hit["text"] for hit in answer.json().get("hits", [])]


async def test_what_is_removed_is_nowhere(library: Installation, bev: str) -> None:
    question = {"message": "When is the zanzibar chain changed?", "creator_id": "bev"}
    answer = library.http.post("/api/v1/chat", json=question).json()
    assert any("zanzibar" in citation["quote"] for citation in answer["citations"])
    [opened] = {citation["url"].partition("#")[0] for citation in answer["citations"] if citation["url"]} & {
        f"/files/{bev}"
    }
    assert library.http.get(opened).text == NOTES
    before = await _index_entries(library, _creator(library))
    assert {"creators.segments", "retrieval.passages"} <= _rows_with(library, *WORDS).keys()

    receipt = library.command("sources", "remove", bev, "--creator", "bev", "--yes")["receipt"]
    removed = receipt["removed"]
    after = await _index_entries(library, _creator(library))
    assert before - after == removed["index_entries"] == removed["passages"] > 0
    assert (removed["sources"], removed["uploads"], removed["files"]) == (1, 1, 1)
    assert removed["segments"] >= 2
    assert _rows_with(library, *WORDS).keys() <= KEPT
    assert _rows_with(library, bev).keys() <= NAMED
    assert _cached(library, WORDS) == []
    assert not any(word.encode() in content for content in _files(library) for word in WORDS)
    assert library.http.get(opened).status_code == 404
    assert not any("zanzibar" in text for text in _hits(library, "zanzibar chain"))
    again = library.http.post("/api/v1/chat", json=question).json()
    assert not any("zanzibar" in citation["quote"] for citation in again["citations"])
    assert any("mauritius" in text for text in _hits(library, "mauritius saddle")), (
        "the others are as they were"
    )

    creator = _creator(library)
    receipt = library.command("creators", "remove", "bev", "--yes")["receipt"]
    removed = receipt["removed"]
    assert (removed["creators"], removed["sources"], removed["uploads"], removed["files"]) == (1, 2, 2, 2)
    assert receipt["finished_at"] >= receipt["requested_at"]
    assert _rows_with(library, "mauritius", "kilometres").keys() <= KEPT
    assert await _index_entries(library, creator) == 0
    assert _files(library) == []
    assert library.http.get("/api/v1/creators/bev").status_code == 404
