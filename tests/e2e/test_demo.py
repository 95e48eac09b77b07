"""What the demo creator's page suggests to ask is answered as she would answer it today."""

import json
from collections.abc import Iterator

import pytest

from tests.installation import ROOT, Installation, installed

DEMO = ROOT / "creators" / "demo"
PROFILE = json.loads((DEMO / "creator.json").read_text(encoding="utf-8"))
# Of each suggested question: where the first citation has to be, and words that it has to quote.
ANSWERS = {
    "How do I know when my chain is worn out?": ("demoChain22", "0.5 percent wear"),
    "Do you still think tubeless is a bad idea for touring?": ("demoPlugs25", "I've changed my mind"),
    "How far should I plan to ride in a day with bags on?": ("demoDaily25", "70 kilometres"),
    "What does Odile say about hydraulic brakes?": ("demoBrake23", "hydraulic"),
}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installed(tmp_path_factory.mktemp("demo") / "var", "--no-demo") as installation:
        profile = {name: value for name, value in PROFILE.items() if name != "demo_question"}
        installation.post("/api/v1/creators", profile)
        installation.command("ingest", str(DEMO / "library"), "--creator", profile["handle"])
        yield installation


def test_every_suggestion_has_an_expected_answer() -> None:
    assert set(ANSWERS) == set(PROFILE["persona"]["suggested_questions"])


@pytest.mark.parametrize("question", ANSWERS)
def test_a_suggested_question_is_answered(demo: Installation, question: str) -> None:
    demo.http.cookies.clear()
    body = {"message": question, "creator_id": PROFILE["handle"]}
    answer = demo.http.post("/api/v1/chat", json=body).raise_for_status().json()
    video, words = ANSWERS[question]
    first = answer["citations"][0]
    assert (answer["kind"], first["external_id"]) == ("covered", video), answer["answer"]
    assert words in first["quote"]


def test_an_opinion_that_was_taken_back_is_not_quoted_without_its_correction(demo: Installation) -> None:
    demo.http.cookies.clear()
    body = {"message": "Should I run tubeless on a touring bike?", "creator_id": PROFILE["handle"]}
    answer = demo.http.post("/api/v1/chat", json=body).raise_for_status().json()
    assert "I was wrong about that" in answer["answer"]
