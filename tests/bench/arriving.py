"""How long it takes until something that is sent has been accepted, and until a video can be asked about."""

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from tests.bench.figures import Figure, at_most, plain, quantile
from tests.bench.marks import CUE
from tests.installation import Installation

ACCEPT_MS = 200
ANSWERABLE_S = 10
MINUTES = 20
ACCEPTED, VIDEOS = 100, 20


@dataclass(frozen=True)
class Video:
    """The beginning of a real video, as files of an item."""

    facts: dict[str, Any]
    captions: str

    def files(self, name: str | None = None) -> list[tuple[str, bytes]]:
        """Info file and captions; another `name` makes it another video with the same words."""
        name = name or self.facts["id"]
        facts = {**self.facts, "id": name}
        return [(f"{name}.info.json", json.dumps(facts).encode()), (f"{name}.en.vtt", self.captions.encode())]


def videos(data: Path) -> list[Video]:
    """The first 20 minutes of each video that is as long."""
    found: list[Video] = []
    for info in sorted((data / "creators").glob("*/*.info.json")):
        facts = json.loads(info.read_text(encoding="utf-8"))
        if facts["duration"] < MINUTES * 60:
            continue
        text = info.with_name(f"{facts['id']}.en.vtt").read_text(encoding="utf-8")
        end = next((cue.start() for cue in CUE.finditer(text) if _minute(cue) >= MINUTES), len(text))
        cut = {**facts, "duration": MINUTES * 60, "chapters": None, "turn_starts": None}
        found.append(Video(cut, text[:end]))
    return found


def _minute(cue: re.Match[str]) -> int:
    return int(cue[1] or 0) * 60 + int(cue[2])


def measure_videos(installation: Installation, data: Path, folder: Path, count: int) -> Iterator[Figure]:
    """From the command being typed to a search that finds the video, one after the other; no text is known before."""
    installation.command("creators", "add", "video", "--name", "Video")
    took: list[float] = []
    for video in videos(data)[:count]:
        place = folder / video.facts["id"]
        place.mkdir()
        for name, content in video.files():
            (place / name).write_bytes(content)
        began = time.perf_counter()
        ended = installation.command("ingest", str(place), "--creator", "video")
        took.append(time.perf_counter() - began)
        assert ended["counts"] == {"ready": 1}, ended
        words = " ".join(re.findall(r"^<v [^>]*>(.+)$", video.captions, re.MULTILINE)[:6])
        body = {"query": words, "k": 50}
        hits = installation.http.post("/api/v1/creators/video/search", json=body).json()["hits"]
        assert video.facts["id"] in {hit["external_id"] for hit in hits}
    what = f"a video of {MINUTES} minutes, captions on disk to answerable"
    yield plain(f"{what}, p50 of {len(took)}", f"{quantile(took, 0.5):.2f} s")
    yield at_most(f"{what}, p95 of {len(took)}", quantile(took, 0.95), ANSWERABLE_S, "s")


def measure_accepting(installation: Installation, data: Path, count: int) -> Iterator[Figure]:
    """Uploads and addresses, accepted with nothing else to do, and while one video after the other is ingested.

    Their creator is paused, so that what is accepted waits and only the accepting is measured.
    """
    found = videos(data)
    with _client(installation) as http:
        for handle in ("accept", "beside"):
            http.post("/api/v1/creators", json={"handle": handle, "name": handle}).raise_for_status()
        http.post("/api/v1/creators/accept/ingestion/pause").raise_for_status()
        yield from _accepted(http, found[0], count, "quiet")
        # From the end, where the other section has not been: what is known would not be embedded.
        with _ingesting(installation, found[::-1]):
            yield from _accepted(http, found[0], count, "beside an ingest")


def _accepted(http: httpx.Client, video: Video, count: int, when: str) -> Iterator[Figure]:
    path = "/api/v1/creators/accept/sources"
    uploads: list[float] = []
    addresses: list[float] = []
    for _ in range(count):
        name = uuid4().hex[:11]
        files = [("file", file) for file in video.files(name)]
        began = time.perf_counter()
        answer = http.post(path, files=files)
        uploads.append((time.perf_counter() - began) * 1000)
        assert answer.status_code == httpx.codes.ACCEPTED, answer.text
        began = time.perf_counter()
        answer = http.post(path, json={"url": f"https://www.youtube.com/watch?v={name[::-1]}"})
        addresses.append((time.perf_counter() - began) * 1000)
        assert answer.status_code == httpx.codes.ACCEPTED, answer.text
    for what, took in (("an upload", uploads), ("an address", addresses)):
        yield at_most(f"accept {what}, {when}, p95 of {count}", quantile(took, 0.95), ACCEPT_MS, "ms")


@contextmanager
def _ingesting(installation: Installation, found: list[Video]) -> Iterator[None]:
    """Another creator's videos come in one after the other, in the block and from its beginning on."""
    begun, enough = threading.Event(), threading.Event()
    broken: list[str] = []

    def send() -> None:
        number = 0
        with _client(installation) as http:
            while not enough.is_set():
                files = [("file", file) for file in found[number % len(found)].files(uuid4().hex[:11])]
                job = http.post("/api/v1/creators/beside/sources", files=files).json()["job_id"]
                number += 1
                state = ""
                for state in _states(http, job):
                    if state != "queued":
                        begun.set()
                if state != "succeeded":
                    broken.append(state)

    sending = threading.Thread(target=send)
    sending.start()
    try:
        begun.wait()
        yield
    finally:
        enough.set()
        sending.join()
    assert not broken, broken


def _states(http: httpx.Client, job: str) -> Iterator[str]:
    """The states of a job, as the gateway tells of them, until it has ended."""
    with http.stream("GET", f"/api/v1/jobs/{job}/events") as events:
        for line in events.raise_for_status().iter_lines():
            if line.startswith("data:"):
                yield json.loads(line.removeprefix("data:"))["state"]


@contextmanager
def _client(installation: Installation) -> Iterator[httpx.Client]:
    key = (installation.var / "secrets" / "admin.key").read_text(encoding="utf-8").strip()
    with httpx.Client(
        base_url=installation.http.base_url,
        headers={"Authorization": f"Bearer {key}"},
        timeout=120,
        trust_env=False,
    ) as http:
        yield http
