"""Runs the benchmarks and prints one table. `python -m tests.bench DATA [--only SECTION ...]`."""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.bench import answers, arriving, ingesting, latency, marks, parsing, scifact, speech, starting
from tests.bench.figures import Figure, plain, quantile, report
from tests.installation import Installation, installed, machine

SECTIONS = (
    "demo",
    "start",
    "ingest",
    "latency",
    "marks",
    "answers",
    "idle",
    "database",
    "scifact",
    "parsing",
    "speech",
    "accept",
    "video",
)
# What needs no installation, or one of its own.
ALONE = {"demo", "parsing", "speech", "accept", "video"}


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("data", type=Path, help="folder of real data, as shared/data")
    parser.add_argument("--only", nargs="*", choices=SECTIONS, default=SECTIONS, help="run only these")
    parser.add_argument(
        "--times", type=int, help="so many uploads, addresses and videos in the sections accept and video"
    )
    arguments = parser.parse_args()
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="understudy-bench-") as name:
        for figure in measure(
            Path(name), arguments.data.resolve(), set(arguments.only), times=arguments.times
        ):
            figures.append(figure)
            print(f"{figure.what}: {figure.measured}", file=sys.stderr, flush=True)
    print(report(machine(), figures))


def measure(folder: Path, data: Path, wanted: set[str], *, times: int | None = None) -> Iterator[Figure]:
    """All wanted figures, on one installation that holds all visible channels."""
    folder.chmod(0o755)  # the server's own user has to get to its data
    yield from _measure_alone(folder, data, wanted)
    yield from _measure_arriving(folder, data, wanted, times)
    if wanted <= ALONE:
        return
    with installed(folder / "var", "--no-demo") as installation:
        if wanted & {"ingest", "latency", "marks", "answers", "idle"}:
            yield from ingesting.measure(installation, data)
        if "latency" in wanted:
            yield from latency.measure(installation)
        if "marks" in wanted:
            yield from _marks(installation, data)
        if "answers" in wanted:
            yield from answers.measure(installation)
        if "start" in wanted:
            yield from starting.measure_start(installation)
        if "idle" in wanted:
            latency.warm(installation)
            yield from starting.measure_idle(installation)
        if "database" in wanted:
            yield from starting.measure_database(installation)
        if "scifact" in wanted:
            yield from scifact.measure(installation, data / "scifact")


def _measure_alone(folder: Path, data: Path, wanted: set[str]) -> Iterator[Figure]:
    """The figures that need no installation, or one of their own."""
    if "demo" in wanted:
        yield from starting.measure_demo(folder)
    if "parsing" in wanted:
        yield from parsing.measure(data / "documents")
    if "speech" in wanted:
        yield from speech.measure(data)


def _measure_arriving(folder: Path, data: Path, wanted: set[str], times: int | None) -> Iterator[Figure]:
    """On an installation that knows no text yet: what is known is not embedded again."""
    if not wanted & {"accept", "video"}:
        return
    with installed(folder / "arriving", "--no-demo") as installation:
        if "video" in wanted:
            yield from arriving.measure_videos(installation, data, folder, times or arriving.VIDEOS)
        if "accept" in wanted:
            yield from arriving.measure_accepting(installation, data, times or arriving.ACCEPTED)


def _marks(installation: Installation, data: Path) -> Iterator[Figure]:
    asked = marks.turns(data / "creators")
    found = marks.distances(installation.http, asked)
    yield plain("turns asked about / cited by their first words", f"{len(asked)} / {len(found)}")
    if found:
        yield plain("distance of a citation from the true mark, median", f"{quantile(found, 0.5):.2f} s")
        yield plain("distance of a citation from the true mark, p90", f"{quantile(found, 0.9):.2f} s")


if __name__ == "__main__":
    main()
