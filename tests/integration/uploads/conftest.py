"""A gateway that listens on a port, as clients of their own make need it, and a worker beside it."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from jobs import Job, Runner
from runtime.database import Database
from runtime.ids import JobId
from runtime.settings import ClamdSettings, JobSettings
from tests.installation import free_port
from tests.integration.gateway.conftest import KEY, Rooms

AUTHORIZATION = {"Authorization": f"Bearer {KEY}"}
TUS = {**AUTHORIZATION, "Tus-Resumable": "1.0.0"}
PIECE = {**TUS, "Content-Type": "application/offset+octet-stream"}


@asynccontextmanager
async def listening(app: FastAPI) -> AsyncIterator[str]:
    """The address at which the application answers."""
    port = free_port()
    config = uvicorn.Config(
        app, host="127.0.0.1", port=port, lifespan="off", log_config=None, timeout_graceful_shutdown=5
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - the server has no event for it
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    await serving


@dataclass
class Workshop:
    """All rooms, a client of the gateway above them, and a worker."""

    rooms: Rooms
    url: str
    http: httpx.AsyncClient

    async def add_creator(self, handle: str) -> str:
        made = await self.http.post(
            "/api/v1/creators", json={"handle": handle, "name": handle.title()}, headers=AUTHORIZATION
        )
        assert made.status_code == 201, made.text
        return made.json()["id"]

    async def begin(self, length: int, **metadata: str) -> httpx.Response:
        return await self.http.post("/uploads", headers={**TUS, **described(length, **metadata)})

    async def add(self, location: str, offset: int, content: bytes, **headers: str) -> httpx.Response:
        return await self.http.patch(
            location, headers={**PIECE, "Upload-Offset": str(offset), **headers}, content=content
        )

    async def offset(self, location: str) -> int:
        told = await self.http.head(location, headers=TUS)
        assert told.status_code == 200
        return int(told.headers["upload-offset"])

    async def show(self, location: str) -> dict[str, Any]:
        return (await self.http.get(location, headers=AUTHORIZATION)).raise_for_status().json()

    def runner(self) -> Runner:
        """A worker that knows files and removals; what brings a source up to date it has nobody for."""
        rooms = self.rooms
        return Runner(
            database=rooms.database,
            queue=rooms.queue,
            handlers={**rooms.assembly().registrations(), **rooms.remover().registrations()},
            clock=rooms.clock,
            jobs=JobSettings(max_attempts=3),
            worker="one",
        )

    async def work(self) -> None:
        """Do all that waits."""
        await self.runner().drain("parse", "embed")

    async def job(self, job_id: str) -> Job:
        async with self.rooms.database.transaction() as tx:
            return await self.rooms.queue.get(tx, JobId(UUID(job_id)))

    async def rows(self, table: str, where: str = "true") -> int:
        async with self.rooms.database.transaction() as tx:
            return await tx.fetch_value(f"SELECT count(*) FROM {table} WHERE {where}")

    def files(self) -> list[str]:
        """Everything that is kept, by name."""
        root = self.rooms.files
        return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def described(length: int, **metadata: str) -> dict[str, str]:
    """The headers that describe a file."""

    pairs = ",".join(f"{key} {b64encode(value.encode()).decode()}" for key, value in metadata.items())
    return {"Upload-Length": str(length), "Upload-Metadata": pairs}


MakeWorkshop = Callable[..., Awaitable[Workshop]]


@pytest.fixture
async def make_workshop(database: Database, tmp_path: Path) -> AsyncIterator[MakeWorkshop]:

    async with AsyncExitStack() as stack:

        async def make(clamd: ClamdSettings | None = None, stall_s: float = 30) -> Workshop:
            rooms = Rooms(database, tmp_path / "files", clamd=clamd or ClamdSettings(), stall_s=stall_s)
            url = await stack.enter_async_context(listening(rooms.gateway()))
            http = await stack.enter_async_context(
                httpx.AsyncClient(base_url=url, trust_env=False, timeout=60)
            )
            return Workshop(rooms, url, http)

        yield make


@pytest.fixture
async def workshop(make_workshop: MakeWorkshop) -> Workshop:
    made = await make_workshop()
    await made.add_creator("bev")
    return made
