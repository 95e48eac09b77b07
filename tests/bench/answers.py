"""How many questions are answered from the right moment, and how many that were never answered are seen as such."""

import math
from collections.abc import Iterator
from typing import Any

from tests.bench.figures import Figure, plain
from tests.e2e.conftest import questions
from tests.installation import Installation

NEAR_S = 15
# Natural wording; wording deliberately unlike the speaker's; and the set that weights and thresholds were set on.
SETS = ("natural", "reporting", "tuning")


def measure(installation: Installation) -> Iterator[Figure]:
    """Each set of questions, asked by a new guest each."""
    for name in SETS:
        cases = questions(f"questions_{name}")
        covered = [_ask(installation, case) for case in cases["questions"]]
        errors = [_seek_error(*pair) for pair in zip(cases["questions"], covered, strict=True)]
        for what, near in (
            ("the stretch", [e for e, _ in errors]),
            ("its first second", [e for _, e in errors]),
        ):
            right = sum(error <= NEAR_S for error in near)
            yield plain(
                f"questions ({name}) answered within {NEAR_S} s of {what} that answers",
                f"{right} of {len(near)}",
            )
        refused = sum(answer["kind"] == "not_covered" for answer in covered)
        yield plain(f"questions ({name}) wrongly taken as not covered", f"{refused} of {len(covered)}")
        if absent := cases.get("not_covered"):
            seen = sum(_ask(installation, case)["kind"] == "not_covered" for case in absent)
            yield plain(f"questions ({name}) rightly taken as not covered", f"{seen} of {len(absent)}")


def _ask(installation: Installation, case: dict[str, Any]) -> dict[str, Any]:
    installation.http.cookies.clear()
    body = {"message": case["question"], "creator_id": case["channel"]}
    return installation.http.post("/api/v1/chat", json=body).raise_for_status().json()


def _seek_error(case: dict[str, Any], answer: dict[str, Any]) -> tuple[float, float]:
    """Seconds from the nearest citation to the stretch that answers, 0 inside it, and to its first second."""
    if answer["kind"] == "not_covered":
        return math.inf, math.inf
    starts = [c["start_ms"] / 1000 for c in answer["citations"] if c["external_id"] == case["video"]]
    to_stretch = (max(case["start_s"] - start, start - case["end_s"], 0.0) for start in starts)
    return min(to_stretch, default=math.inf), min(
        (abs(start - case["start_s"]) for start in starts), default=math.inf
    )
