"""Bad input gets its own error that says what to do; the other files of the folder go on."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.installation import ROOT, Installation, environment, installed

pytestmark = pytest.mark.timeout(300)

CUE = "00:00:{0:02}.000 --> 00:00:{1:02}.000\n{2}\n\n"
GOOD = "WEBVTT\n\n" + "".join(CUE.format(i, i + 1, f"Oil the chain every {i} days.") for i in range(1, 30))


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation with one creator that has published nothing."""
    with installed(tmp_path_factory.mktemp("bad") / "var", "--no-demo") as installation:
        installation.command("creators", "add", "jane", "--name", "Jane")
        yield installation


def _video(folder: Path, name: str, captions: bytes | str | None, **info: object) -> None:
    facts = {"id": name, "title": f"About {name}", "duration": 60, "extractor_key": "Youtube", **info}
    (folder / f"{name}.info.json").write_text(json.dumps(facts), encoding="utf-8")
    if captions is not None:
        data = captions.encode() if isinstance(captions, str) else captions
        (folder / f"{name}.en.vtt").write_bytes(data)


def _run(installation: Installation, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / "understudy", *arguments],
        env=environment(installation.var),
        capture_output=True,
        text=True,
        check=False,
    )


def _ingest(installation: Installation, folder: Path) -> dict[str, dict[str, Any]]:
    ran = _run(installation, "ingest", str(folder), "--creator", "jane", "--json")
    return {item["name"]: item for item in json.loads(ran.stdout)["items"]}


def test_each_broken_item_says_why_and_the_good_one_is_ready(empty: Installation, tmp_path: Path) -> None:
    _video(tmp_path, "goodvideo01", GOOD)
    _video(tmp_path, "emptycapt01", "WEBVTT\n\n")
    _video(tmp_path, "zerobytes01", b"")
    _video(tmp_path, "picture0001", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40)
    _video(tmp_path, "nonsense001", "there is no cue in here\n" * 20)
    _video(tmp_path, "nottext0001", GOOD.encode()[:200] + b"\xff\xfe\x80\x81" * 2000)
    _video(tmp_path, "nocaptions1", None)
    (tmp_path / "brokeninfo1.info.json").write_text("{not json", encoding="utf-8")
    (tmp_path / "brokeninfo1.en.vtt").write_text(GOOD, encoding="utf-8")
    (tmp_path / "noinfofile1.en.vtt").write_text(GOOD, encoding="utf-8")
    (tmp_path / "song.mp3").write_bytes(b"ID3")
    items = _ingest(empty, tmp_path)
    outcomes = {name.split(".")[0]: item["code"] or item["state"] for name, item in items.items()}
    assert outcomes == {
        "goodvideo01": "ready",
        "emptycapt01": "captions_empty",
        "zerobytes01": "captions_empty",
        "picture0001": "content_contradicts_name",
        "nonsense001": "captions_broken",
        "nottext0001": "captions_encoding",
        "nocaptions1": "captions_missing",
        "brokeninfo1": "info_broken",
        "noinfofile1": "info_missing",
        "song": "captions_missing",
    }
    assert all(item["next_step"] for item in items.values() if item["state"] == "failed")


def test_what_failed_leaves_nothing_that_answers(empty: Installation) -> None:
    sources = empty.get("/api/v1/creators/jane/sources")["sources"]
    assert {s["state"] for s in sources if s["external_id"] != "goodvideo01"} <= {"failed"}
    body = {"query": "oil the chain", "k": 50}
    hits = empty.http.post("/api/v1/creators/jane/search", json=body).json()["hits"]
    assert {hit["external_id"] for hit in hits} == {"goodvideo01"}


def test_cues_out_of_order_and_overlapping_are_repaired(empty: Installation, tmp_path: Path) -> None:
    cues = [CUE.format(at, at + 5, f"Sentence at {at}.") for at in (10, 5, 20, 18, 30, 25, 40, 45, 50)]
    _video(tmp_path, "backwards01", "WEBVTT\n\n" + "".join(cues))
    (item,) = _ingest(empty, tmp_path).values()
    assert item["state"] == "ready"
    body = {"query": "Sentence at 5.", "k": 1}
    (hit,) = empty.http.post("/api/v1/creators/jane/search", json=body).json()["hits"]
    assert hit["external_id"] == "backwards01"
    assert hit["text"].index("at 5.") < hit["text"].index("at 10.") < hit["text"].index("at 18.")


def test_a_video_of_twelve_hours(empty: Installation, tmp_path: Path) -> None:
    lines = ["WEBVTT", ""]
    for second in range(0, 12 * 3600, 6):
        at = [f"{s // 3600:02}:{s // 60 % 60:02}:{s % 60:02}.000" for s in (second, second + 6)]
        lines += [f"{at[0]} --> {at[1]}", f"At second {second} we talk about number {second % 97}.", ""]
    _video(tmp_path, "twelvehours", "\n".join(lines), duration=12 * 3600)
    submitted = empty.command("ingest", str(tmp_path), "--creator", "jane", "--no-wait")
    assert submitted["counts"] == {"queued": 1}


@pytest.mark.parametrize(
    ("message", "status", "code"),
    [
        ("", 422, "question_empty"),
        ("  \n\t ", 422, "question_empty"),
        ("🚲🚲 ?!", 422, "question_empty"),
        ("why? " * 20_000, 413, "question_too_long"),
    ],
)
def test_questions_that_cannot_be_read(empty: Installation, message: str, status: int, code: str) -> None:
    answered = empty.http.post("/api/v1/chat", json={"message": message, "creator_id": "jane"})
    problem = answered.json()
    assert (answered.status_code, problem["code"]) == (status, code)
    assert answered.headers["content-type"].startswith("application/problem+json")
    assert problem["next_step"]


@pytest.mark.parametrize("message", ["कितनी बार तेल लगाना चाहिए?", "什么时候上油?", "the"])
def test_a_question_in_any_script_is_answered(empty: Installation, message: str) -> None:
    answered = empty.http.post("/api/v1/chat", json={"message": message, "creator_id": "jane"})
    assert answered.status_code == 200
    assert answered.json()["kind"] in {"covered", "partly_covered", "not_covered"}


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        (("ask", "Why?", "--creator", "nobody"), 3, "creator_not_found"),
        (("ask", "   ", "--creator", "jane"), 2, "question_empty"),
        (("ingest", "/no/such/folder", "--creator", "jane"), 2, "folder_missing"),
        (("creators", "add", "jane", "--name", "Jane"), 1, "creator_exists"),
        (("creators", "add", "No Good", "--name", "Jane"), 2, "handle_invalid"),
        (("jobs", "show", "019a0000-0000-7000-8000-000000000000"), 3, "job_not_found"),
    ],
)
def test_the_command_says_it_in_one_line(
    empty: Installation, arguments: tuple[str, ...], status: int, code: str
) -> None:
    ran = _run(empty, *arguments)
    assert ran.returncode == status
    assert ran.stderr.startswith(f"understudy: {code}: ")
    assert ran.stderr.count("\n") == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read every folder")
def test_an_unreadable_folder_is_named(empty: Installation, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o000)
    ran = _run(empty, "ingest", str(closed), "--creator", "jane")
    assert ran.returncode == 2
    assert ran.stderr.startswith("understudy: folder_unreadable: ")


def test_a_second_up_on_the_same_folder_is_refused(empty: Installation) -> None:
    ran = _run(empty, "up", "--no-demo", "--port", "1")
    assert ran.returncode == 1
    assert "already_running" in ran.stderr


def test_a_taken_port_is_named_and_another_offered(empty: Installation, tmp_path: Path) -> None:
    port = str(empty.http.base_url.port)
    ran = subprocess.run(
        [ROOT / "understudy", "up", "--no-demo", "--port", port],
        env=environment(tmp_path / "var"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    assert f"port_taken: Port {port}" in ran.stderr
    assert "--port" in ran.stderr
