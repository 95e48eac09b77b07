"""Documents of every kind, from `understudy ingest` to an answer that cites the page."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.installation import Installation, installed

pytestmark = [pytest.mark.timeout(600), pytest.mark.data]

# What becomes of each hostile file: the code of its refusal, or "ready".
OUTCOMES = {
    "DA-619p.pdf": "ready",
    "copy-protected.pdf": "ready",
    "empty.eml": "document_empty",
    "empty.txt": "document_empty",
    "example-with-scripts.html": "ready",
    "failure-after-repair.pdf": "ready",
    "fake-doc-emphasized-text.doc": "document_legacy",
    "fake-encrypted.eml": "document_encrypted",
    "fake-html-cp1252.html": "ready",
    "fake-incomplete-json.txt": "ready",
    "fake-power-point-malformed.pptx": "ready",
    "fake-text-all-whitespace.txt": "document_empty",
    "fake-text-utf-16-be.txt": "ready",
    "fake-text-utf-32.txt": "ready",
    "handbook-872p.docx": "ready",
    "invalid-pdf-structure-pdfminer-one-page.pdf": "ready",
    "password.pdf": "document_encrypted",
    "password_protected.xlsx": "document_encrypted",
}
# The largest take minutes to embed; their text is what tests/integration/ingestion/test_parsing.py reads.
LONG = {"DA-619p.pdf", "handbook-872p.docx", "failure-after-repair.pdf"}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installed(tmp_path_factory.mktemp("documents") / "var", "--no-demo") as installation:
        installation.command("creators", "add", "jane", "--name", "Jane")
        yield installation


def _ingest(library: Installation, folder: Path) -> dict[str, dict[str, Any]]:
    ran = library.command("ingest", str(folder), "--creator", "jane", check=False)
    return {item["name"]: item for item in ran["items"]}


def test_every_ordinary_document_becomes_answerable(library: Installation, test_data: Path) -> None:
    items = _ingest(library, test_data / "documents" / "ordinary")
    assert len(items) == 22
    assert {name: item["code"] for name, item in items.items() if item["state"] != "ready"} == {}
    sources = library.get("/api/v1/creators/jane/sources")["sources"]
    titles = {source["external_id"]: source["title"] for source in sources}
    assert titles["winter-sports.epub"] == "Winter Sports in Switzerland"
    body = {"query": "Dense Passage Retriever two weaknesses of ORQA pretraining", "k": 3}
    hits = library.http.post("/api/v1/creators/jane/search", json=body).json()["hits"]
    assert ("multi-column-2p.pdf", 2) in {(hit["external_id"], hit["page"]) for hit in hits}


def test_every_hostile_document_ends_with_its_reason(
    library: Installation, test_data: Path, tmp_path: Path
) -> None:
    for name in OUTCOMES.keys() - LONG:
        (tmp_path / name).write_bytes((test_data / "documents" / "hostile" / name).read_bytes())
    items = _ingest(library, tmp_path)
    expected = {name: outcome for name, outcome in OUTCOMES.items() if name not in LONG}
    assert {name: item["code"] or item["state"] for name, item in items.items()} == expected
    assert all(item["next_step"] for item in items.values() if item["state"] == "failed")


def test_an_answer_cites_the_page(library: Installation) -> None:
    answer = library.http.post(
        "/api/v1/chat", json={"message": "Which weaknesses does ORQA suffer from?", "creator_id": "jane"}
    ).json()
    cited = {(one["external_id"], one["page"]) for one in answer["citations"]}
    assert ("multi-column-2p.pdf", 2) in cited
