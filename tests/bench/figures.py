"""A measured figure beside its target."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One line of the report. `reached` is None where there is no target."""

    what: str
    measured: str
    target: str = "-"
    reached: bool | None = None


def at_most(what: str, value: float, limit: float, unit: str) -> Figure:
    """A figure that should not exceed its limit."""
    return Figure(what, f"{value:.4g} {unit}", f"at most {limit:g} {unit}", value <= limit)


def at_least(what: str, value: float, limit: float, unit: str = "") -> Figure:
    """A figure that should reach its limit."""
    return Figure(what, f"{value:.4g} {unit}".strip(), f"at least {limit:g} {unit}".strip(), value >= limit)


def plain(what: str, measured: str) -> Figure:
    """A figure without a target."""
    return Figure(what, measured)


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which this share of the values lies (linear between neighbours)."""
    if len(values) == 1:
        return values[0]
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return cuts[round(share * 100) - 1]


def report(machine: str, figures: Sequence[Figure]) -> str:
    """A Markdown table of all figures."""
    marks = {True: "yes", False: "**no**", None: "-"}
    rows = [f"| {f.what} | {f.measured} | {f.target} | {marks[f.reached]} |" for f in figures]
    return "\n".join(
        [
            f"Measured on {machine}.",
            "",
            "| what | measured | target | reached |",
            "| --- | --- | --- | --- |",
            *rows,
        ]
    )
