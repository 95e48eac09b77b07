"""Removing for good: out of sight at once, gone with a receipt, and nobody else's things touched."""

import asyncio
import hashlib
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from creators import Segment
from ingestion import Contents
from jobs import NewJob
from jobs import store as job_statements
from retrieval import PassageDraft
from runtime.files import LocalFileStore
from runtime.ids import SourceId, new_id
from tests.integration.gateway.conftest import INDEX
from tests.integration.jobs.workbench import until
from tests.integration.uploads.conftest import AUTHORIZATION, Workshop

ONE, TWO = b"# One\n\nChange the chain at half a percent.\n", b"# Two\n\nBrakes are another matter.\n"


async def _add(workshop: Workshop, handle: str, name: str, content: bytes) -> str:
    files = [("file", (name, content, "application/octet-stream"))]
    sent = await workshop.http.post(f"/api/v1/creators/{handle}/sources", files=files, headers=AUTHORIZATION)
    assert sent.status_code == 202, sent.text
    source_id = sent.json()["source_id"]
    await _publish(workshop, source_id, *content.decode().split("\n\n"))
    return source_id


async def _publish(workshop: Workshop, source_id: str, *texts: str) -> None:
    """What the worker makes of an upload; its job is done."""

    rooms, id = workshop.rooms, SourceId(UUID(source_id))
    async with rooms.database.transaction() as tx:
        source = await rooms.library.source(tx, id)
        await rooms.library.write_segments(tx, id, 1, [Segment(i, text) for i, text in enumerate(texts)])
        drafts = [PassageDraft(text, "H", i, i, 9) for i, text in enumerate(texts)]
        await rooms.writer.store(
            tx, creator_id=source.creator_id, source_id=id, generation=1, chunker="turns", drafts=drafts
        )
    await rooms.writer.embed(id, 1, _unwatched)
    await rooms.writer.index(id, 1, INDEX, source.creator_id)
    async with rooms.database.transaction() as tx:
        await rooms.library.publish(tx, id, 1, source.facts, content_hash="x")
        await tx.execute("UPDATE ingestion.uploads SET state = 'done'")
        await tx.execute("UPDATE jobs.jobs SET state = 'succeeded' WHERE kind = 'ingestion.source'")


async def _correct(workshop: Workshop, source_id: str, original: str, text: str) -> None:
    """Keep a correction, without the job that would make it true."""
    edits = workshop.rooms.library.edits
    async with workshop.rooms.database.transaction() as tx:
        [said] = await edits.said(tx, [(SourceId(UUID(source_id)), original)])
        await edits.make(tx, [said.to(text)])


async def _unwatched(done: int, total: int) -> None:
    """Progress that no test looks at."""


async def _remove(workshop: Workshop, path: str) -> str:
    asked = await workshop.http.delete(f"/api/v1/creators/{path}", headers=AUTHORIZATION)
    assert asked.status_code == 202, asked.text
    return asked.json()["job_id"]


async def _receipt(workshop: Workshop, job_id: str) -> dict[str, Any]:
    await workshop.work()
    job = await workshop.job(job_id)
    assert job.state == "succeeded", job
    assert job.result is not None
    return dict(job.result)


async def _found(workshop: Workshop, handle: str, query: str) -> list[str]:
    answer = await workshop.http.post(f"/api/v1/creators/{handle}/search", json={"query": query})
    return [hit["text"] for hit in answer.json()["hits"]]


async def test_a_source_goes_with_everything_it_had_and_no_more(workshop: Workshop) -> None:
    await workshop.add_creator("odile")
    gone, stays = await _add(workshop, "bev", "one.md", ONE), await _add(workshop, "bev", "two.md", TWO)
    twin = await _add(workshop, "odile", "one.md", ONE)
    for source_id, text in ((gone, "# First"), (stays, "# Second")):
        await _correct(workshop, source_id, "# One", text)
    job_id = await _remove(workshop, f"bev/sources/{gone}")
    assert "Change the chain at half a percent.\n" not in await _found(workshop, "bev", "worn chain")
    receipt = await _receipt(workshop, job_id)
    assert receipt["source_id"] == gone
    assert receipt["finished_at"] >= receipt["requested_at"]
    assert receipt["removed"] == {
        "index_entries": 2,
        "passages": 2,
        "placements": 2,
        "embeddings": 0,  # the other creator's words are the same
        "segments": 2,
        "corrections": 1,
        "uploads": 1,
        "sources": 1,
    }
    assert {UUID(stays), UUID(twin)} == await _sources(workshop)
    assert await workshop.rows("creators.segment_edits") == 1
    for text in (ONE, TWO):
        assert any(hashlib.sha256(text).hexdigest() in name for name in workshop.files())
    assert await _found(workshop, "odile", "worn chain")
    receipt = await _receipt(workshop, await _remove(workshop, f"odile/sources/{twin}"))
    assert receipt["removed"]["files"] == 1
    assert receipt["removed"]["embeddings"] == 2
    assert [hashlib.sha256(TWO).hexdigest() in name for name in workshop.files()] == [True]
    assert await workshop.rows("retrieval.embeddings") == 2


async def test_a_creator_goes_with_the_whole_library(workshop: Workshop) -> None:
    creator_id = await workshop.add_creator("odile")
    for name, text in (("one.md", ONE), ("two.md", TWO)):
        await _correct(workshop, await _add(workshop, "odile", name, text), "# One", "# First")
    begun = await workshop.begin(9, filename="half.md", creator_id="odile")
    await workshop.add(begun.headers["location"], 0, b"half")
    job_id = await _remove(workshop, "odile")
    assert (await workshop.http.get("/api/v1/creators/odile")).status_code == 404
    receipt = await _receipt(workshop, job_id)
    assert (receipt["source_id"], receipt["creator_id"]) == (None, creator_id)
    counts = receipt["removed"]
    assert (counts["sources"], counts["creators"], counts["files"], counts["transfers"]) == (2, 1, 2, 1)
    for table in (
        "creators.segments",
        "creators.segment_edits",
        "creators.sources",
        "retrieval.passages",
        "retrieval.embeddings",
        "ingestion.uploads",
        "ingestion.holds",
        "ingestion.transfers",
    ):
        assert await workshop.rows(table) == 0, table
    assert workshop.files() == []
    assert await workshop.rows("creators.creators") == 1
    await workshop.add_creator("odile")


async def test_what_is_removed_twice_is_removed_once(workshop: Workshop) -> None:
    gone = await _add(workshop, "bev", "one.md", ONE)
    first = await _remove(workshop, f"bev/sources/{gone}")
    assert await _remove(workshop, f"bev/sources/{gone}") == first
    await _receipt(workshop, first)
    again = await workshop.http.delete(f"/api/v1/creators/bev/sources/{gone}", headers=AUTHORIZATION)
    assert (again.status_code, again.json()["code"]) == (404, "source_not_found")


async def test_another_creator_s_source_is_not_found(workshop: Workshop) -> None:
    await workshop.add_creator("odile")
    source = await _add(workshop, "odile", "one.md", ONE)
    path = f"/api/v1/creators/bev/sources/{source}"
    assert (await workshop.http.delete(path, headers=AUTHORIZATION)).status_code == 404
    assert (await workshop.http.delete(path)).status_code == 401
    assert await _found(workshop, "odile", "worn chain")


async def test_while_it_is_removed_nothing_is_taken_in(workshop: Workshop) -> None:
    gone = await _add(workshop, "bev", "one.md", ONE)
    job_id = await _remove(workshop, f"bev/sources/{gone}")
    files = [("file", ("one.md", ONE, "application/octet-stream"))]
    refused = await workshop.http.post("/api/v1/creators/bev/sources", files=files, headers=AUTHORIZATION)
    assert (refused.status_code, refused.json()["code"]) == (409, "source_leaving")
    await _receipt(workshop, job_id)
    assert workshop.files() == []
    assert await _add(workshop, "bev", "one.md", ONE) != gone


@pytest.mark.parametrize("at", range(1, 7))
async def test_a_removal_that_is_killed_goes_on_with_a_right_receipt(at: int, workshop: Workshop) -> None:
    gone = await _add(workshop, "bev", "one.md", ONE)
    job_id = await _remove(workshop, f"bev/sources/{gone}")
    remover, context = workshop.rooms.remover(), Killing(await workshop.job(job_id), at)
    with suppress(Killed):
        await remover.remove(context)
    receipt = await _receipt(workshop, job_id)
    assert receipt["removed"]["sources"] == receipt["removed"]["uploads"] == 1
    assert receipt["removed"]["segments"] == receipt["removed"]["passages"] == 2
    assert receipt["removed"]["files"] == 1
    assert workshop.files() == []


async def test_what_works_on_the_source_is_waited_for(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingestion.removal.removing.LOOK_EVERY_S", 0.01)
    gone = await _add(workshop, "bev", "one.md", ONE)
    rooms = workshop.rooms
    async with rooms.database.transaction() as tx:
        busy = await rooms.queue.enqueue(tx, NewJob("busy", "ingestion.source", "bev", {}, dedupe_key=gone))
        now = rooms.clock.now()
        await job_statements.claim(tx, "busy", token=uuid4(), worker="other", now=now, expires_at=now)
    job_id = await _remove(workshop, f"bev/sources/{gone}")
    context = Killing(await workshop.job(job_id), 10**9)
    removing = asyncio.create_task(rooms.remover().remove(context))

    async def waits() -> bool:
        return context.stages.count("wait") >= 3

    await until(waits)
    assert await workshop.rows("retrieval.passages") == 2
    async with rooms.database.transaction() as tx:
        await tx.execute(
            "UPDATE jobs.jobs SET state = 'cancelled', lease_token = NULL, lease_expires_at = NULL WHERE id = %s",
            (busy,),
        )
    await removing
    assert await workshop.rows("retrieval.passages") == 0


class Waiting(LocalFileStore):
    """Removes only when the same content has come in meanwhile, or cannot come in before."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.removing, self.kept = asyncio.Event(), asyncio.Event()

    async def remove(self, sha256: str) -> None:
        self.removing.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(0.5):
                await self.kept.wait()
        await super().remove(sha256)


async def test_the_same_content_coming_in_while_it_is_removed_is_never_lost(workshop: Workshop) -> None:
    rooms = workshop.rooms
    files = Waiting(rooms.files)
    contents = Contents(database=rooms.database, files=files, clock=rooms.clock)
    leaving, coming = new_id(), new_id()
    stored = await contents.keep(leaving, ONE)

    async def come() -> None:
        await files.removing.wait()
        await contents.keep(coming, ONE)
        files.kept.set()

    await asyncio.gather(contents.let_go(leaving), come())
    assert await files.read(stored.sha256) == ONE
    await rooms.contents.let_go(coming)
    assert workshop.files() == []


async def test_conversations_keep_their_words_and_say_what_was_withdrawn(workshop: Workshop) -> None:
    gone = await _add(workshop, "bev", "one.md", ONE)
    asked = await workshop.http.post(
        "/api/v1/chat", json={"creator_id": "bev", "message": "When do I change the chain?"}
    )
    answer = asked.json()
    assert answer["citations"], answer
    path = f"/api/v1/conversations/{answer['conversation_id']}/messages"
    before = (await workshop.http.get(path)).json()["messages"][1]
    assert [citation["withdrawn"] for citation in before["citations"]] == [False] * len(before["citations"])
    await _receipt(workshop, await _remove(workshop, f"bev/sources/{gone}"))
    after = (await workshop.http.get(path)).json()["messages"][1]
    assert after["text"] == before["text"]
    assert all(citation["withdrawn"] for citation in after["citations"])


async def _sources(workshop: Workshop) -> set[UUID]:
    async with workshop.rooms.database.transaction() as tx:
        return set(await tx.fetch_values("SELECT id FROM creators.sources"))


class Killed(BaseException):
    """The process is gone."""


class Killing:
    """A job's context that kills at the n-th sign of progress or fence."""

    def __init__(self, job: Any, at: int) -> None:
        self.job = job
        self._left = at
        self.stages: list[str] = []

    async def progress(self, stage: str, done: int, total: int) -> None:
        self.stages.append(stage)
        self._count()

    async def fence(self, tx: Any) -> None:
        self._count()

    def _count(self) -> None:
        self._left -= 1
        if self._left == 0:
            raise Killed
