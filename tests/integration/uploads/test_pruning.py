"""What nothing refers to any more goes, after a day, and nothing else does."""

import asyncio
import hashlib
import os
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import pytest

from ingestion import Contents
from ingestion.contents import store
from runtime.database import Transaction
from runtime.ids import SourceId, new_id
from tests.integration.uploads.conftest import AUTHORIZATION, Workshop
from tests.integration.uploads.test_removal import Waiting

HOUR = 3600


def sha(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


async def _send(workshop: Workshop, content: bytes) -> SourceId:
    files = [("file", ("notes.md", content, "application/octet-stream"))]
    sent = await workshop.http.post("/api/v1/creators/bev/sources", files=files, headers=AUTHORIZATION)
    assert sent.status_code == 202, sent.text
    return SourceId(UUID(sent.json()["source_id"]))


async def _end(workshop: Workshop, source_id: SourceId, state: str) -> None:
    """What becomes of the newest upload by its job: published, failed, or superseded before it was worked on."""
    rooms = workshop.rooms
    async with rooms.database.transaction() as tx:
        hash_ = await tx.fetch_value(
            "UPDATE ingestion.uploads SET state = %s WHERE source_id = %s AND state = 'waiting'"
            " RETURNING content_hash",
            ("failed" if state == "failed" else "done", source_id),
        )
        await tx.execute("UPDATE jobs.jobs SET state = 'succeeded' WHERE kind = 'ingestion.source'")
        if state == "published":
            source = await rooms.library.source(tx, source_id)
            generation = (source.generation or 0) + 1
            await rooms.library.publish(tx, source_id, generation, source.facts, content_hash=hash_)


async def _prune(workshop: Workshop) -> dict[str, object]:
    """Have the worker do what comes round each day; the result."""
    rooms = workshop.rooms
    async with rooms.database.transaction() as tx:
        await rooms.queue.ensure_schedules(tx, rooms.assembly().schedules())
        await tx.execute("UPDATE jobs.schedules SET next_run_at = %s", (rooms.clock.now(),))
    runner = workshop.runner()
    await runner.sweep()
    await runner.drain("parse")
    async with rooms.database.transaction() as tx:
        return await tx.fetch_value(
            "SELECT result FROM jobs.jobs WHERE kind = 'ingestion.prune' AND state = 'succeeded' ORDER BY id DESC LIMIT 1"
        )


def _age(workshop: Workshop, hours: float) -> None:
    """Have all bytes be so old."""
    at = (workshop.rooms.clock.now() - timedelta(hours=hours)).timestamp()
    for path in workshop.rooms.files.rglob("*"):
        os.utime(path, (at, at))


def _names(workshop: Workshop) -> set[str]:
    return {name.rpartition("/")[2] for name in workshop.files()}


async def test_files_of_versions_that_were_replaced_go_after_a_day(workshop: Workshop) -> None:
    texts = [f"# Notes\n\nVersion {i} of it.\n".encode() for i in range(5)]
    for text, state in zip(texts, ("published", "failed", "published", "skipped", "failed"), strict=True):
        source_id = await _send(workshop, text)
        await _end(workshop, source_id, state)
    workshop.rooms.clock.advance(23 * HOUR)
    assert (await _prune(workshop))["versions"] == 0
    assert _names(workshop) == {sha(text) for text in texts}
    workshop.rooms.clock.advance(2 * HOUR)
    assert (await _prune(workshop))["versions"] == 3
    assert _names(workshop) == {sha(texts[2]), sha(texts[4])}, "the published one, and the newest"
    assert await workshop.rows("ingestion.uploads") == 5, "that they came stays known"
    assert await workshop.rows("ingestion.holds") == 0


async def test_what_nothing_refers_to_goes_after_a_day(workshop: Workshop) -> None:
    used, begun, left, held, young = (f"# {i}\n\nText number {i}.\n".encode() for i in range(5))
    await _send(workshop, used)
    await workshop.begin(len(begun), filename="half.md", creator_id="bev")
    rooms = workshop.rooms
    location = (await workshop.begin(len(begun) + 1, filename="two.md", creator_id="bev")).headers["location"]
    await workshop.add(location, 0, begun)
    await rooms.store.put(left)
    _age(workshop, 23)
    assert (await _prune(workshop))["contents"] == 0
    _age(workshop, 25)
    holder = new_id()
    await rooms.contents.keep(holder, held)
    await rooms.store.put(young)
    for path in rooms.files.rglob(sha(held)):
        os.utime(path, (0, 0))
    for path in rooms.files.rglob(sha(young)):
        os.utime(path, (rooms.clock.now().timestamp(),) * 2)
    assert (await _prune(workshop))["contents"] == 1
    names = _names(workshop)
    assert {sha(used), sha(held), sha(young)} <= names
    assert sha(left) not in names
    assert await workshop.offset(location) == len(begun)
    assert any(name.startswith("pieces/") for name in workshop.files())


async def test_content_that_comes_in_while_it_is_pruned_is_never_lost(workshop: Workshop) -> None:
    rooms = workshop.rooms
    files = Waiting(rooms.files)
    contents = Contents(database=rooms.database, files=files, clock=rooms.clock)
    stored = await files.put(b"text")
    _age(workshop, 25)
    coming = new_id()

    async def come() -> None:
        await files.removing.wait()
        await contents.keep(coming, b"text")
        files.kept.set()

    await asyncio.gather(contents.prune(rooms.clock.now() - timedelta(days=1)), come())
    assert await files.read(stored.sha256) == b"text"


async def test_a_hold_that_comes_between_the_look_and_the_removal_counts(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    rooms = workshop.rooms
    stored = await rooms.store.put(b"text")
    _age(workshop, 25)
    look = store.unused

    async def look_and_keep(tx: Transaction, found: Sequence[str]) -> list[str]:
        unused = await look(tx, found)
        await rooms.contents.keep(new_id(), b"text")
        return unused

    monkeypatch.setattr(store, "unused", look_and_keep)
    assert await rooms.contents.prune(rooms.clock.now() - timedelta(days=1)) == 0
    assert await rooms.store.read(stored.sha256) == b"text"
