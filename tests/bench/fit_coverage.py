"""Fits the decision of `chat/coverage.py`, and measures the choice of `chat/evidence.py`, on the tuning questions.

`python -m tests.bench.fit_coverage VAR`, where VAR is the folder of a running installation that holds the tuning
channels (`./understudy up`, then `./understudy ingest` of each). Prints the coefficients, what they give when
cross-validated, and the curve over the threshold.
"""

import asyncio
import json
import sys
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.assembly import Core, open_core
from chat.analysis import understand
from chat.citations import NEIGHBOURS, Quote, quoted
from chat.coverage import Features, features
from chat.evidence import Excerpt, Weigher, worth_quoting
from chat.responding import PASSAGES
from chat.terms import Vocabulary
from retrieval import Query
from runtime.settings import load_settings
from tests.e2e.conftest import questions

Numbers = NDArray[np.float64]
NEAR_S = 15
RIDGE = 1.0
FOLDS = 8
ROUNDS = 5


@dataclass
class Case:
    """A question, the features of its evidence, and what would be quoted."""

    question: dict[str, Any]
    seen: Features
    quotes: list[Quote]

    @property
    def covered(self) -> bool:
        return "video" in self.question

    def near(self, quote: Quote) -> bool:
        """Whether a quote begins within `NEAR_S` of the right moment."""
        start_s = (quote.start_ms or 0) / 1000
        low, high = self.question["start_s"] - NEAR_S, self.question["end_s"] + NEAR_S
        return quote.hit.external_id == self.question["video"] and low <= start_s <= high


async def gather(core: Core) -> list[Case]:
    """All tuning questions, looked up as an answer looks them up."""
    found = questions("questions_tuning")
    weigher, vocabulary = Weigher(core.embedder), Vocabulary("en")
    cases: list[Case] = []
    for question in found["questions"] + found["not_covered"]:
        async with core.database.transaction() as tx:
            creator = await core.catalogue.find(tx, question["channel"])
        asked = understand(question["question"])
        results = await core.retriever.search(Query(creator.id, asked.standalone, k=PASSAGES))
        evidence = await weigher.weigh(asked, results, vocabulary)
        quotes = [await _quote(core, excerpt) for excerpt in worth_quoting(evidence.excerpts)]
        cases.append(Case(question, features(evidence), quotes))
    return cases


async def _quote(core: Core, excerpt: Excerpt) -> Quote:
    hit = excerpt.hit
    first, last = hit.first_segment - NEIGHBOURS, hit.last_segment + NEIGHBOURS
    async with core.database.transaction() as tx:
        segments = await core.library.segments(tx, hit.source_id, hit.generation, first=first, last=last)
    return quoted(excerpt, segments)


def fit(values: Numbers, absent: Numbers) -> Numbers:
    """Weights, the bias last, of a ridge logistic regression on standardised columns, for raw ones."""
    mean, spread = values.mean(axis=0), np.maximum(values.std(axis=0), 1e-9)
    scaled = np.column_stack([(values - mean) / spread, np.ones(len(values))])
    penalty = RIDGE * np.diag([*np.ones(values.shape[1]), 1e-6])
    weights = np.zeros(scaled.shape[1])
    for _ in range(30):
        chance = 1 / (1 + np.exp(-scaled @ weights))
        gradient = scaled.T @ (chance - absent) + penalty @ weights
        weights -= np.linalg.solve((scaled.T * (chance * (1 - chance))) @ scaled + penalty, gradient)
    raw = weights[:-1] / spread
    return np.append(raw, weights[-1] - raw @ mean)


def held_out(values: Numbers, absent: Numbers) -> Numbers:
    """The chance of each case by weights fitted on others: the mean of several partings into folds."""
    random = np.random.default_rng(0)
    chances = np.zeros(len(absent))
    for _ in range(ROUNDS):
        for fold in np.array_split(random.permutation(len(absent)), FOLDS):
            rest = np.setdiff1d(np.arange(len(absent)), fold)
            weights = fit(values[rest], absent[rest])
            chances[fold] += 1 / (1 + np.exp(-(values[fold] @ weights[:-1] + weights[-1]))) / ROUNDS
    return chances


def precision_recall(chances: Numbers, absent: Numbers, threshold: float) -> tuple[float, float]:
    """Of those called not covered the share that is, and of those that are the share that is called so."""
    called = chances > threshold
    right = float((called & (absent == 1)).sum())
    return right / max(float(called.sum()), 1.0), right / float(absent.sum())


def show(cases: list[Case]) -> None:
    """Print everything."""
    names = [field.name for field in fields(Features)]
    values = np.array([astuple(case.seen) for case in cases], np.float64)
    absent = np.array([float(not case.covered) for case in cases])
    weights = fit(values, absent)
    print("feature      mean covered  mean not covered  weight")
    for index, name in enumerate(names):
        means = [values[absent == kind, index].mean() for kind in (0, 1)]
        print(f"{name:12} {means[0]:12.2f} {means[1]:17.2f} {weights[index]:7.2f}")
    print(f"bias {weights[-1]:.2f}\n\nthreshold  precision  recall (held out)")
    chances = held_out(values, absent)
    for threshold in np.arange(0.3, 0.62, 0.04):
        precision, recall = precision_recall(chances, absent, threshold)
        print(f"{threshold:9.2f} {precision:10.2f} {recall:7.2f}")
    above = chances[absent == 1][:, None] > chances[absent == 0]
    print(f"area under the curve {above.mean():.3f}")
    answered = [case for case in cases if case.covered]
    first = sum(case.near(case.quotes[0]) for case in answered if case.quotes)
    video = sum(case.quotes[0].hit.external_id == case.question["video"] for case in answered if case.quotes)
    some = sum(any(map(case.near, case.quotes)) for case in answered)
    mean = np.mean([len(case.quotes) for case in answered])
    print(f"\nof {len(answered)}: first quote within {NEAR_S} s {first}, in the right video {video},")
    print(f"any quote within {NEAR_S} s {some}; quotes an answer {mean:.1f}")


async def run(var: Path) -> None:
    state = json.loads((var / "run" / "state.json").read_text(encoding="utf-8"))
    environ = {"UNDERSTUDY_VAR": str(var), "UNDERSTUDY_DATABASE__URL": state["database_url"]}
    async with open_core(load_settings(environ)) as core:
        show(await gather(core))


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1]).resolve()))
