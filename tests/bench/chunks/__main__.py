"""Chooses how recordings are cut. `python -m tests.bench.chunks DATA [--vectors FILE] [--only STEP ...]`.

Three steps: size; overlap and header at the size given by `--tokens`. Each prints a table whose first row is what the
others are compared with. Two sets of questions (`recordings`): those written by hand, and those that one speaker put to
another, made by rule.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from retrieval.embedders.onnx import OnnxEmbedder
from runtime.settings import ChunkingSettings
from tests.bench.chunks.recordings import Question, Recording, recordings, without_asking, written
from tests.bench.chunks.searching import Measured, Outcome, Vectors, measure
from tests.bench.chunks.variants import HEADERS, OVERLAPS, Variant

# The model reads 256 tokens, two of which open and close every text.
SIZES = (96, 128, 160, 200, 254)
STEPS = ("size", "overlap", "header")
DRAWS = 10_000
HEAD = (
    "| tokens | overlap | header | questions | right video, within 15 s: first | first five | MRR |"
    " against the first row (95%) | first quote within 15 s | any quote | passages / h | tokens / h |"
    " embedding, processor s / h |"
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.chunks", description=__doc__)
    parser.add_argument("data", type=Path, help="folder of real data, as shared/data")
    parser.add_argument("--vectors", type=Path, help="file (.npz) that keeps vectors for the next run")
    parser.add_argument("--tokens", type=int, default=ChunkingSettings().tokens)
    parser.add_argument("--sizes", nargs="*", type=int, default=SIZES, help="what --tokens is compared with")
    parser.add_argument("--only", nargs="*", choices=STEPS, default=STEPS)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = arguments.vectors or Path(folder) / "vectors.npz"
        sizes = dict.fromkeys((arguments.tokens, *arguments.sizes))
        steps = {step: variants(step, arguments.tokens, sizes) for step in arguments.only}
        asyncio.run(_run(arguments.data / "creators", file, steps))


def variants(step: str, tokens: int, sizes: Iterable[int]) -> list[Variant]:
    """What a step compares; the first is the product's at this size."""
    if step == "size":
        return [Variant(size) for size in sizes]
    if step == "overlap":
        return [Variant(tokens, overlap) for overlap in OVERLAPS.values()]
    return [Variant(tokens, header=header) for header in reversed(HEADERS)]


async def _run(creators: Path, file: Path, steps: Mapping[str, Sequence[Variant]]) -> None:
    taken = [without_asking(recording) for recording in recordings(creators)]
    sources = [recording for recording, _ in taken]
    questions = [*written(), *(question for _, asked in taken for question in asked)]
    model = OnnxEmbedder()
    try:
        vectors = Vectors(file, model)
        for step, tried in steps.items():
            await _step(step, tried, sources, questions, vectors)
    finally:
        model.close()


async def _step(
    step: str,
    tried: Sequence[Variant],
    sources: Sequence[Recording],
    questions: Sequence[Question],
    vectors: Vectors,
) -> None:
    print(f"\n{step}\n\n{HEAD}\n|{' --- |' * HEAD.count(' |')}")
    first: Measured | None = None
    for variant in tried:
        measured = await measure(variant, sources, questions, vectors)
        first = first or measured
        for kind in ("written", "asked"):
            print(row(kind, measured, first))
        sys.stdout.flush()


def row(kind: str, measured: Measured, first: Measured) -> str:
    """One line of the table."""
    variant = measured.variant
    outcomes, before = (_of(kind, one.outcomes) for one in (measured, first))
    cells = [
        variant.tokens,
        variant.overlap.name,
        variant.header,
        f"{kind} {len(outcomes)}",
        _share([outcome.rank == 1 for outcome in outcomes]),
        _share([(outcome.rank or 99) <= 5 for outcome in outcomes]),
        f"{np.mean([outcome.reciprocal for outcome in outcomes]):.3f}",
        "-" if measured is first else _difference(outcomes, before),
        _share([outcome.first_near for outcome in outcomes]),
        _share([outcome.any_near for outcome in outcomes]),
        f"{measured.passages_h:.0f}",
        f"{measured.tokens_h:.0f}",
        f"{measured.processor_s_h:.1f}",
    ]
    return f"| {' | '.join(map(str, cells))} |"


def _of(kind: str, outcomes: Sequence[Outcome]) -> list[Outcome]:
    return [outcome for outcome in outcomes if outcome.question.kind == kind]


def _share(hits: Sequence[bool]) -> str:
    return f"{sum(hits) / len(hits):.3f}"


def _difference(outcomes: Sequence[Outcome], before: Sequence[Outcome]) -> str:
    """Of the MRR, question by question: mean and its interval by bootstrap (Efron 1979, percentiles)."""
    pairs = zip(outcomes, before, strict=True)
    gains = np.array([one.reciprocal - other.reciprocal for one, other in pairs])
    drawn = np.random.default_rng(0).choice(gains, (DRAWS, len(gains))).mean(axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return f"{gains.mean():+.3f} ({low:+.3f} to {high:+.3f})"


if __name__ == "__main__":
    main()
