"""From `understudy ingest recording` to an answer that opens at the right second."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.extras.speech.sounds import clip, silence, write_wav
from tests.installation import COMMAND, ROOT, Installation, environment, installed

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def hearing(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation that can hear, with one creator."""
    var = tmp_path_factory.mktemp("speech") / "var"
    with installed(var, "--no-demo", UNDERSTUDY_SPEECH__MODEL=str(model)) as installation:
        installation.command("creators", "add", "jane", "--name", "Jane")
        yield installation


def ingest(installation: Installation, *arguments: str) -> list[dict[str, str]]:
    ran = subprocess.run(
        [*COMMAND, "ingest", *arguments, "--creator", "jane", "--json"],
        env=environment(installation.var),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return json.loads(ran.stdout)["items"]


def test_a_recording_is_cited_at_the_second(hearing: Installation, clips: Path, tmp_path: Path) -> None:
    hospital = clip(clips / "fleurs-en-005.ogg")
    path = write_wav(
        tmp_path / "wards.wav",
        [
            clip(clips / "fleurs-en-000.ogg"),
            silence(20),
            hospital,
            silence(5),
            clip(clips / "fleurs-en-003.ogg"),
        ],
    )
    starts_s = 10.56 + 20
    (item,) = ingest(hearing, str(path))
    assert item["state"] == "ready", item
    asked = {"message": "What protocol did the hospital follow for infection control?", "creator_id": "jane"}
    answer = hearing.http.post("/api/v1/chat", json=asked).raise_for_status().json()
    assert answer["kind"] in {"covered", "partly_covered"}
    (citation, *_) = answer["citations"]
    assert "protocol for infection control" in citation["quote"]
    assert citation["start_ms"] / 1000 == pytest.approx(starts_s, abs=1.5)
    assert citation["title"] == "wards"
    (unchanged,) = ingest(hearing, str(path))
    assert unchanged["state"] == "unchanged"


def test_captions_win_and_what_cannot_be_heard_says_why(
    hearing: Installation, clips: Path, tmp_path: Path
) -> None:
    speech = (clips / "fleurs-en-004.ogg").read_bytes()
    german = (clips / "fleurs-de-001.ogg").read_bytes()
    cue = "WEBVTT\n\n00:00.000 --> 00:04.000\nThese words were written by hand.\n"
    for name, language, sound in (
        ("captioned01", "en", speech),
        ("spoken00001", "en", speech),
        ("german00001", "de", german),
    ):
        info = {"id": name, "title": f"About {name}", "language": language, "duration": 5}
        (tmp_path / f"{name}.info.json").write_text(json.dumps(info), encoding="utf-8")
        (tmp_path / f"{name}.ogg").write_bytes(sound)
    (tmp_path / "captioned01.en.vtt").write_text(cue, encoding="utf-8")
    (tmp_path / "quiet.wav").write_bytes((clips / "silent_1s.wav").read_bytes())
    (tmp_path / "letter.mp3").write_text("This is a letter.", encoding="utf-8")
    items = ingest(hearing, str(tmp_path), "--media")
    assert {item["name"].split(".")[0]: item["code"] or item["state"] for item in items} == {
        "captioned01": "ready",
        "spoken00001": "ready",
        "german00001": "speech_language_unsupported",
        "quiet": "no_speech_found",
        "letter": "media_not_recognised",
    }
    found = hearing.http.post("/api/v1/creators/jane/search", json={"query": "written by hand"}).json()
    assert "written by hand" in json.dumps(found)
    items = ingest(hearing, str(tmp_path), "--no-media")
    codes = {item["name"].split(".")[0]: item["code"] or item["state"] for item in items}
    assert codes["spoken00001"] == codes["quiet"] == "captions_missing"
    assert codes["captioned01"] == "unchanged"
