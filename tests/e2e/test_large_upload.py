"""A large file over a line that breaks, to a gateway that dies: it goes on where it was, and memory stays flat.

`UNDERSTUDY_TEST_UPLOAD_MB` makes the file larger; 64 is the short form.
"""

import hashlib
import os
import socket
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.installation import Installation, installed
from tests.waiting import until

MEGABYTES = int(os.environ.get("UNDERSTUDY_TEST_UPLOAD_MB", "64"))
CHUNK = os.urandom(2**20)
SIZE = MEGABYTES * 2**20
# What a request may take: three pieces of 8 MiB (one filling, one being written, one of the server's own buffers), and slack.
MOST_GROWTH = 48 * 2**20


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installed(tmp_path_factory.mktemp("large") / "var", "--no-demo") as installation:
        installation.command("creators", "add", "bev", "--name", "Bev")
        yield installation


def test_a_large_upload_is_cut_goes_on_and_takes_no_memory(fresh: Installation) -> None:
    key = (fresh.var / "secrets" / "admin.key").read_text(encoding="utf-8").strip()
    tus = {"Authorization": f"Bearer {key}", "Tus-Resumable": "1.0.0"}
    metadata = ",".join(
        f"{name} {b64encode(value.encode()).decode()}"
        for name, value in (("filename", "talk.bin.md"), ("creator_id", "bev"))
    )
    small = fresh.http.post("/uploads", headers={**tus, "Upload-Length": "9", "Upload-Metadata": metadata})
    assert small.status_code == 201, small.text
    metadata = metadata.replace(b64encode(b"talk.bin.md").decode(), b64encode(b"talk.mkv").decode())
    begun = fresh.http.post(
        "/uploads", headers={**tus, "Upload-Length": str(SIZE), "Upload-Metadata": metadata}
    )
    place, peaks = begun.headers["location"], Peak(fresh)
    _cut_half_way(fresh, place, tus)
    peaks.look()
    at = _offset(fresh.http, place, tus)
    assert SIZE // 4 < at < SIZE, "what came before the cut is there"
    fresh.processes()["gateway"][0].kill()
    _until_ready(fresh.http)
    assert _offset(fresh.http, place, tus) == at
    again = Peak(fresh)
    done = fresh.http.patch(
        place,
        headers={**tus, "Upload-Offset": str(at), "Content-Type": "application/offset+octet-stream"},
        content=_from(at, again),
    )
    assert done.status_code == 204, done.text
    assert int(done.headers["upload-offset"]) == SIZE
    assert max(peaks.growth, again.growth) < MOST_GROWTH
    assert _kept(fresh.var / "files" / "pieces" / place.rpartition("/")[2]) in {None, _whole()}


class Peak:
    """How much more memory the gateway takes than at the beginning."""

    def __init__(self, installation: Installation) -> None:
        self._process = installation.processes()["gateway"][0]
        self._at_first = self._process.memory_info().rss
        self.growth = 0

    def look(self) -> None:
        self.growth = max(self.growth, self._process.memory_info().rss - self._at_first)


def _from(at: int, peak: Peak) -> Iterator[bytes]:
    assert at % 2**20 + SIZE > at
    yield CHUNK[at % 2**20 :]
    for number in range(at // 2**20 + 1, MEGABYTES):
        if number % 8 == 0:
            peak.look()
        yield CHUNK


def _cut_half_way(installation: Installation, place: str, tus: dict[str, str]) -> None:
    url = installation.http.base_url
    headers = {**tus, "Content-Type": "application/offset+octet-stream", "Upload-Offset": "0"}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with socket.create_connection((url.host, url.port or 80)) as line:
        line.sendall(f"PATCH {place} HTTP/1.1\r\nHost: x\r\n{lines}Content-Length: {SIZE}\r\n\r\n".encode())
        for _ in range(MEGABYTES // 2):
            line.sendall(CHUNK)


def _offset(http: httpx.Client, place: str, tus: dict[str, str]) -> int:
    """Where the upload goes on. While the request that was cut has not ended, another one, of no bytes, is refused."""
    offset = ""

    def taken() -> bool:
        nonlocal offset
        offset = http.head(place, headers=tus).headers["upload-offset"]
        headers = {**tus, "Content-Type": "application/offset+octet-stream", "Upload-Offset": offset}
        status = http.patch(place, headers=headers).status_code
        assert status in {204, 409, 423}, "it was taken, has gone on meanwhile, or is busy"
        return status == 204

    until(taken)
    return int(offset)


def _until_ready(http: httpx.Client) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if http.get("/ready").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    pytest.fail("the gateway did not come back")


def _kept(folder: Path) -> str | None:
    """The hash of all pieces in order; None when the worker has cleared them away already."""
    digest = hashlib.sha256()
    try:
        for path in sorted(folder.iterdir()):
            digest.update(path.read_bytes())
    except FileNotFoundError:
        return None
    return digest.hexdigest()


def _whole() -> str:
    digest = hashlib.sha256()
    for _ in range(MEGABYTES):
        digest.update(CHUNK)
    return digest.hexdigest()
