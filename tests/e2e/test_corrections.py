"""A misheard name, put right: from the command to the citation, through a new version of the captions and back."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.installation import Installation, installed

pytestmark = pytest.mark.timeout(300)

HEARD = "Always ask la loo before you cold set the frame of an old bike."
SAID = "Always ask Lalou before you cold set the frame of an old bike."
CUES = [
    "Hello and welcome back to the workshop, it is a rainy morning here.",
    HEARD,
    "She checks each rear triangle with a piece of string.",
    "For lunch we had soup with bread, and coffee afterwards.",
]
QUESTION = "Whom should I ask before I cold set the frame of an old bike?"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installed(tmp_path_factory.mktemp("corrections") / "var", "--no-demo") as installation:
        installation.command("creators", "add", "jane", "--name", "Jane")
        yield installation


def _ingest(library: Installation, folder: Path, *cues: str) -> None:
    info = {"id": "frameRide01", "title": "Cold setting", "extractor_key": "Youtube", "duration": 60}
    info["webpage_url"] = "https://www.youtube.com/watch?v=frameRide01"
    lines = ["WEBVTT", ""]
    for place, text in enumerate(cues):
        lines += [f"00:00:{place * 6:02}.000 --> 00:00:{place * 6 + 5:02}.500", text, ""]
    (folder / "frameRide01.info.json").write_text(json.dumps(info), encoding="utf-8")
    (folder / "frameRide01.en.vtt").write_text("\n".join(lines), encoding="utf-8")
    assert library.command("ingest", str(folder))["counts"] == {"ready": 1}


def _cited(library: Installation) -> tuple[str, int, str]:
    """What is quoted first, when, and whether it was found word for word."""
    body = {"message": QUESTION, "creator_id": "jane"}
    answer: dict[str, Any] = library.http.post("/api/v1/chat", json=body).raise_for_status().json()
    first = answer["citations"][0]
    assert first["quote"] in answer["answer"] or first["quote"].rstrip(".") in answer["answer"]
    return first["quote"], first["start_ms"], first["verified"]


def _states(library: Installation) -> list[tuple[str, str]]:
    found = library.command("corrections")["corrections"]
    return [(one["text"], one["state"]) for one in found]


def test_a_name_is_put_right_and_stays_right(library: Installation, tmp_path: Path) -> None:
    _ingest(library, tmp_path, *CUES)
    quote, start_ms, verified = _cited(library)
    assert HEARD in quote
    assert (start_ms, verified) == (6000, "exact")

    shown = library.command("corrections", "replace", "la loo", "Lalou", "--dry-run")
    assert [(one["original"], one["after"]) for one in shown["changes"]] == [(HEARD, SAID)]
    done = library.command("corrections", "set", "frameRide01", "0:06", SAID)
    assert (done["changed"], done["segments"]) == (1, 1)
    quote, start_ms, verified = _cited(library)
    assert SAID in quote
    assert (start_ms, verified) == (6000, "exact")
    assert _states(library) == [(SAID, "applied")]

    _ingest(library, tmp_path, "One announcement before we begin today.", *CUES)
    quote, start_ms, verified = _cited(library)
    assert SAID in quote
    assert (start_ms, verified) == (12000, "exact")

    kept = tmp_path / "corrections.csv"
    assert library.command("corrections", "export", str(kept))["corrections"] == 1
    library.command("corrections", "remove", "frameRide01", "0:12")
    quote, start_ms, verified = _cited(library)
    assert HEARD in quote
    assert (start_ms, verified) == (12000, "exact")
    assert _states(library) == []

    assert library.command("corrections", "import", str(kept))["changed"] == 1
    assert SAID in _cited(library)[0]
    library.command("corrections", "replace", "Lalou", "la loo", "--source", "frameRide01")
    assert HEARD in _cited(library)[0]
    assert _states(library) == []


def test_what_cannot_be_corrected_says_why(library: Installation, tmp_path: Path) -> None:
    _ingest(library, tmp_path, *CUES, "The end.")
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("source,original,corrected\nnowhere,x,y\nframeRide01,Never said.,Still kept.\n")
    taken = library.command("corrections", "import", str(wrong), check=False)
    assert [(one["place"], one["code"]) for one in taken["refused"]] == [("line 2", "source_not_found")]
    assert (taken["changed"], taken["not_applied"]) == (1, 1)
    assert _states(library) == [("Still kept.", "not_applied")]
