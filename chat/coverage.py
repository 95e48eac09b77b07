"""Whether the evidence answers the question: covered, in part, or not.

A logistic combination of four features of the evidence gives the probability that the creator never spoke about
what is asked. Fitted with `tests/bench/fit_coverage.py`, which prints the coefficients below, on the 48 covered
and 40 not covered questions of `tests/data/questions_tuning.json` over the four tuning channels (ridge penalty 1
on standardised features, so that none can dominate on so few cases). Half of the not covered questions name
something that was never mentioned, half ask for a fact that is missing about something that was.

    feature      mean of  covered  not covered   weight   what a higher value says
    cosine                   0.59         0.46   -12.96   a sentence means about what the question means
    unexpected               0.02         0.19     4.75   no passage near the top has the kind of thing asked for
    missing                  0.47         0.52     1.69   the question's words are not in the passages, by weight
    unnamed                  0.06         0.25     1.44   a name or number in the question is in no passage

Held out (8 folds, 5 times), the area under the curve is 0.87, and by threshold:

    threshold   0.30  0.34  0.38  0.42  0.46  0.50  0.54  0.58
    precision   0.69  0.72  0.73  0.77  0.80  0.81  0.83  0.84
    recall      0.85  0.82  0.82  0.82  0.80  0.75  0.75  0.65

The number of words of the question would help as much as any of these, and is left out on purpose: it is a habit
of whoever wrote the questions.
"""

import math
from dataclasses import dataclass
from typing import Literal

from chat.evidence import Evidence

Coverage = Literal["covered", "partly_covered", "not_covered"]

_WEIGHTS = {"cosine": -12.96, "unexpected": 4.75, "missing": 1.69, "unnamed": 1.44}
_BIAS = 5.11
# Above the first, the creator never spoke of it; between them, what was said answers in part.
NOT_COVERED = 0.46
PARTLY_COVERED = 0.3


@dataclass(frozen=True, slots=True)
class Features:
    """What the decision looks at, each in 0..1."""

    cosine: float
    unexpected: float
    missing: float
    unnamed: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision, the probability of `not_covered` behind it, and the question's names found nowhere."""

    coverage: Coverage
    probability: float
    unknown: tuple[str, ...]


def features(evidence: Evidence) -> Features:
    """The features of the evidence; that of an empty library is as bad as can be."""
    total = sum(evidence.weights.values())
    absent = [stem for stem in evidence.terms if stem not in evidence.held]
    return Features(
        cosine=max((excerpt.cosine for excerpt in evidence.excerpts), default=0.0),
        unexpected=evidence.unexpected,
        missing=sum(evidence.weights[stem] for stem in absent) / total if total else 0.0,
        unnamed=float(any(evidence.terms[stem].named for stem in absent)),
    )


def decide(evidence: Evidence) -> Verdict:
    """Whether the question is answered by this evidence."""
    unknown = tuple(
        term.surface for stem, term in evidence.terms.items() if term.named and stem not in evidence.held
    )
    if not evidence.excerpts:
        return Verdict("not_covered", 1.0, unknown)
    probability = not_covered(features(evidence))
    if probability > NOT_COVERED:
        return Verdict("not_covered", probability, unknown)
    partly = probability > PARTLY_COVERED or unknown
    return Verdict("partly_covered" if partly else "covered", probability, unknown)


def not_covered(seen: Features) -> float:
    """The probability that the creator never spoke about it."""
    values = {
        "cosine": seen.cosine,
        "unexpected": seen.unexpected,
        "missing": seen.missing,
        "unnamed": seen.unnamed,
    }
    log_odds = _BIAS + sum(_WEIGHTS[name] * value for name, value in values.items())
    return 1 / (1 + math.exp(-log_odds))
