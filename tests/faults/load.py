"""The load of the harness, and the judgement: what was accepted, and what has become of it."""

import asyncio
import json
import random
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx
import lancedb

from runtime.database import Database
from runtime.errors import UnderstudyError
from tests.faults.house import House

CREATORS = 3
# What a worker may take to come up on a machine that has other things to do.
START_S = 120
CUES = 24
WORDS = ("oil", "chain", "wheel", "brake", "gear", "pedal", "frame", "tyre", "pump", "valve", "lamp", "bell")


@dataclass
class Load:
    """Items sent to a house. `accepted` by source, `took_s` for each that was accepted."""

    house: House
    random: random.Random
    accepted: set[UUID] = field(default_factory=set)
    took_s: list[float] = field(default_factory=list)
    refused: int = 0
    sent: int = 0

    async def open(self) -> None:
        for number in range(CREATORS):
            body = {"handle": f"creator-{number}", "name": f"Creator {number}"}
            (await self.house.http.post("/api/v1/creators", json=body)).raise_for_status()

    async def send(self, count: int) -> None:
        for _ in range(count):
            self.sent += 1
            files = [("file", file) for file in _video(self.sent, self.random)]
            began = time.perf_counter()
            path = f"/api/v1/creators/creator-{self.sent % CREATORS}/sources"
            try:
                answer = await self.house.http.post(path, files=files)
            except httpx.TransportError:
                self.refused += 1
                continue
            if answer.status_code != httpx.codes.ACCEPTED:
                self.refused += 1
                continue
            self.took_s.append(time.perf_counter() - began)
            self.accepted.add(UUID(answer.json()["source_id"]))


@dataclass(frozen=True)
class Verdict:
    """What became of what was accepted; all four are 0 when all is well."""

    lost: int
    published_twice: int
    doubled_passages: int
    index_differs: int

    @property
    def well(self) -> bool:
        return not (self.lost or self.published_twice or self.doubled_passages or self.index_differs)


def _video(number: int, chance: random.Random) -> list[tuple[str, bytes]]:
    name = f"faults{number:05}"
    facts = {"id": name, "title": f"Item {number}", "duration": CUES * 5, "extractor_key": "Youtube"}
    cues = [
        f"00:{at // 60:02}:{at % 60:02}.000 --> 00:{(at + 4) // 60:02}:{(at + 4) % 60:02}.000\n"
        f"In item {number} the {' '.join(chance.choices(WORDS, k=12))} comes at {at}.\n"
        for at in range(0, CUES * 5, 5)
    ]
    captions = "WEBVTT\n\n" + "\n".join(cues)
    return [(f"{name}.info.json", json.dumps(facts).encode()), (f"{name}.en.vtt", captions.encode())]


async def settle(database: Database, *, patience_s: float) -> bool:
    """Wait until nothing waits or runs; False when nothing has changed for `patience_s`.

    While jobs wait that could be taken, `START_S` longer: workers may be coming up.
    """
    before, since = None, time.monotonic()
    while time.monotonic() - since < patience_s + (START_S if before and "queued" in str(before) else 0):
        try:
            async with database.transaction() as tx:
                now = await tx.fetch_value(
                    "SELECT array_agg((id, state, attempts, stage, progress_done)::text ORDER BY id)"
                    " FROM jobs.jobs WHERE state IN ('queued', 'running')"
                )
        except UnderstudyError:
            now = before
        if now is None:
            return True
        if now != before:
            before, since = now, time.monotonic()
        await asyncio.sleep(0.25)
    return False


async def pending(database: Database) -> bool:
    """Whether anything waits or runs."""
    async with database.transaction() as tx:
        return await tx.fetch_value(
            "SELECT EXISTS (SELECT 1 FROM jobs.jobs WHERE state IN ('queued', 'running'))"
        )


async def judge(load: Load) -> Verdict:
    """Look at everything that was accepted."""
    async with load.house.database.transaction() as tx:
        ready = await tx.fetch_values("SELECT id FROM creators.readable_sources")
        twice = await tx.fetch_value(
            "SELECT count(*) FROM (SELECT payload->>'source_id' FROM runtime.outbox"
            " WHERE event = 'source_published' GROUP BY 1 HAVING count(*) > 1) AS twice"
        )
        doubled = await tx.fetch_value(
            "SELECT count(*) FROM (SELECT l.source_id, p.text, p.header, l.start_ms FROM retrieval.placements l"
            " JOIN retrieval.passages p ON p.id = l.passage_id"
            " GROUP BY 1, 2, 3, 4 HAVING count(*) > 1) AS doubled"
        )
        passages = await tx.fetch_values("SELECT DISTINCT passage_id FROM retrieval.placements")
    indexed = await asyncio.to_thread(_indexed, load.house)
    differs = len(indexed) - len(set(indexed)) + len(set(indexed) ^ set(passages))
    return Verdict(len(load.accepted - set(ready)), twice, doubled, differs)


def _indexed(house: House) -> list[UUID]:
    """The id of every row of the index, as its files have it."""
    folder = house.var / "index"
    connection = lancedb.connect(folder)
    return [
        UUID(bytes=row)
        for path in folder.glob("*.lance")
        for row in connection.open_table(path.stem).to_arrow().column("id").to_pylist()
    ]


@dataclass(frozen=True)
class Held:
    """A job that a killed process had."""

    id: UUID
    attempts: int
    killed_at: datetime


async def held_by(database: Database, pids: set[int], at: datetime) -> list[Held]:
    async with database.transaction() as tx:
        rows = await tx.fetch_all(
            _Running, "SELECT id, attempts, worker FROM jobs.jobs WHERE state = 'running'"
        )
    return [Held(row.id, row.attempts, at) for row in rows if int(row.worker.rpartition(":")[2]) in pids]


@dataclass(frozen=True)
class _Running:
    id: UUID
    attempts: int
    worker: str


async def running_pids(database: Database) -> list[int]:
    """The processes that work on an item now."""
    async with database.transaction() as tx:
        workers = await tx.fetch_values(
            "SELECT DISTINCT worker FROM jobs.jobs WHERE state = 'running' AND kind = 'ingestion.source'"
        )
    return [int(worker.rpartition(":")[2]) for worker in workers]


async def open_pids(database: Database) -> list[int]:
    """The processes that have worked on something, now or before."""
    async with database.transaction() as tx:
        workers = await tx.fetch_values("SELECT DISTINCT worker FROM jobs.jobs WHERE worker IS NOT NULL")
    return [int(worker.rpartition(":")[2]) for worker in workers]


async def retaken_after_s(database: Database, held: Held) -> float | None:
    """How long the job waited for another worker; None when none has taken it yet."""
    async with database.transaction() as tx:
        row: Any = await tx.fetch_value(
            "SELECT extract(epoch FROM started_at - %s)::float8 FROM jobs.jobs WHERE id = %s AND attempts > %s",
            (held.killed_at, held.id, held.attempts),
        )
    return row
