"""How long a search and an answer take through HTTP, one client."""

import time
from collections.abc import Iterator
from typing import Any

from tests.bench.figures import Figure, at_most, quantile
from tests.e2e.conftest import questions
from tests.installation import Installation

ROUNDS = 3


def measure(installation: Installation) -> Iterator[Figure]:
    """Each covered question of the tuning and the reporting set, several times, searched and asked."""
    cases = questions("questions_tuning")["questions"] + questions("questions_reporting")["questions"]
    searches = [_search(installation, case) for _ in range(ROUNDS) for case in cases][len(cases) // 4 :]
    answers = [_ask(installation, case) for _ in range(ROUNDS) for case in cases][len(cases) // 4 :]
    for what, times, p50, p95 in (("search", searches, 40, 80), ("extractive answer", answers, 100, 200)):
        yield at_most(f"{what} through HTTP, p50", quantile(times, 0.5), p50, "ms")
        yield at_most(f"{what} through HTTP, p95", quantile(times, 0.95), p95, "ms")


def _search(installation: Installation, case: dict[str, Any]) -> float:
    path = f"/api/v1/creators/{case['channel']}/search"
    return _timed(installation, path, {"query": case["question"], "k": 10})


def _ask(installation: Installation, case: dict[str, Any]) -> float:
    installation.http.cookies.clear()
    body = {"message": case["question"], "creator_id": case["channel"]}
    return _timed(installation, "/api/v1/chat", body)


def _timed(installation: Installation, path: str, body: dict[str, Any]) -> float:
    began = time.perf_counter()
    installation.http.post(path, json=body).raise_for_status()
    return (time.perf_counter() - began) * 1000


def warm(installation: Installation) -> None:
    """Ask a few questions, so that what is loaded on first use is loaded."""
    for case in questions("questions_reporting")["questions"]:
        _ask(installation, case)
