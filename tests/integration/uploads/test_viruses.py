"""The scanner is asked about every file, by whichever way it comes."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ingestion import Scanner
from runtime.errors import InvalidInput, TooLarge, Unavailable
from runtime.settings import ClamdSettings
from tests.clamd_server import EICAR, ClamdServer
from tests.installation import free_port
from tests.integration.uploads.conftest import AUTHORIZATION, MakeWorkshop, Workshop

CLEAN = b"# Chains\n\nChange the chain at half a percent.\n"
INFECTED = CLEAN + EICAR + b"\n"
TRANSFERRED = {"filename": "chains.md", "creator_id": "bev"}


@pytest.fixture
async def clamd() -> AsyncIterator[str]:
    async with ClamdServer().on_tcp() as address:
        yield address


async def _parts(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def _sent(workshop: Workshop, content: bytes):
    files = [("file", ("chains.md", content, "application/octet-stream"))]
    return await workshop.http.post("/api/v1/creators/bev/sources", files=files, headers=AUTHORIZATION)


async def test_verdicts_over_both_kinds_of_socket(tmp_path: Path) -> None:
    server = ClamdServer()
    async with server.on_tcp() as tcp, server.on_socket(tmp_path / "clamd.ctl") as unix:
        for address in (tcp, unix):
            scanner = Scanner(ClamdSettings(url=address))
            await scanner.check("a", _parts(CLEAN, b"x" * 700_000, CLEAN))
            with pytest.raises(InvalidInput) as caught:
                await scanner.check("chains.md", _parts(INFECTED[:60], INFECTED[60:]))
            assert caught.value.code == "file_infected"
            assert "Eicar-Test-Signature in chains.md" in caught.value.detail
    assert server.seen[0] == 700_000 + 2 * len(CLEAN)


async def test_what_is_too_large_to_scan_is_refused_unless_that_is_allowed() -> None:
    async with ClamdServer(limit=1000).on_tcp() as address:
        with pytest.raises(TooLarge) as caught:
            await Scanner(ClamdSettings(url=address)).check("a", _parts(*[b"x" * 300_000] * 20))
        assert caught.value.code == "file_not_scannable"
        await Scanner(ClamdSettings(url=address, required=False)).check("a", _parts(b"x" * 3000))


async def test_an_infected_file_leaves_nothing(clamd: str, make_workshop: MakeWorkshop) -> None:
    workshop = await make_workshop(clamd=ClamdSettings(url=clamd))
    await workshop.add_creator("bev")
    refused = await _sent(workshop, INFECTED)
    assert (refused.status_code, refused.json()["code"]) == (422, "file_infected")
    begun = await workshop.begin(len(INFECTED), **TRANSFERRED)
    added = await workshop.add(begun.headers["location"], 0, INFECTED)
    await workshop.work()
    job = await workshop.job(added.headers["understudy-job-id"])
    assert (job.state, job.error_code, job.attempts) == ("failed", "file_infected", 1)
    assert (await workshop.show(begun.headers["location"]))["state"] == "refused"
    for table in ("creators.sources", "ingestion.uploads", "ingestion.holds"):
        assert await workshop.rows(table) == 0
    assert workshop.files() == []
    assert (await _sent(workshop, CLEAN)).status_code == 202


async def test_a_scanner_that_is_down_is_a_passing_trouble(make_workshop: MakeWorkshop) -> None:
    nobody = f"tcp://127.0.0.1:{free_port()}"
    workshop = await make_workshop(clamd=ClamdSettings(url=nobody))
    await workshop.add_creator("bev")
    refused = await _sent(workshop, CLEAN)
    assert (refused.status_code, refused.json()["code"]) == (503, "scanner_unavailable")
    assert workshop.files() == []
    begun = await workshop.begin(len(CLEAN), **TRANSFERRED)
    added = await workshop.add(begun.headers["location"], 0, CLEAN)
    await workshop.work()
    job = await workshop.job(added.headers["understudy-job-id"])
    assert (job.state, job.error_code) == ("queued", "scanner_unavailable")
    assert len(workshop.files()) == 1
    lenient = await make_workshop(clamd=ClamdSettings(url=nobody, required=False))
    assert (await _sent(lenient, CLEAN)).status_code == 202


async def test_silence_is_no_verdict() -> None:
    class Silent(ClamdServer):
        async def serve(self, reader, writer) -> None:
            await reader.read(10)
            writer.close()

    async with Silent().on_tcp() as address:
        with pytest.raises(Unavailable):
            await Scanner(ClamdSettings(url=address)).check("a", _parts(CLEAN))
