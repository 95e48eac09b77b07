"""Jobs of one wake-up share the batches of the model, by length and not by job."""

from collections.abc import AsyncIterator, Sequence

import numpy as np
import pytest

from jobs import JobContext
from retrieval.embedders.batching import Batcher, TokenIds
from retrieval.types import Vector
from tests.integration.jobs.workbench import QUEUE, Gate, Workbench

JOBS = 4
LENGTHS = (2, 30, 4)
PADDED = 60


@pytest.fixture
async def given() -> AsyncIterator[tuple[Batcher, list[list[TokenIds]]]]:
    """A batcher of one thread, and the batches that its model was given."""
    batches: list[list[TokenIds]] = []

    def infer(texts: Sequence[TokenIds]) -> Vector:
        batches.append(list(texts))
        return np.zeros((len(texts), 2), np.float32)

    batcher = Batcher(infer, dimension=2, threads=1, padded_tokens=PADDED)
    yield batcher, batches
    batcher.close()


async def test_texts_of_several_jobs_are_in_one_batch(
    bench: Workbench, given: tuple[Batcher, list[list[TokenIds]]]
) -> None:
    batcher, batches = given
    together = Gate()

    async def handle(context: JobContext) -> None:
        mark = int(str(context.job.payload["number"]))
        together.calls += 1
        if together.calls == JOBS:
            together.let.set()
        await together.let.wait()
        await batcher.run([[mark] * length for length in LENGTHS])

    bench.on("embed", handle)
    for number in range(JOBS):
        await bench.add(f"key {number}", kind="embed", payload={"number": number})
    assert await bench.runner(concurrency=JOBS).drain(QUEUE) == JOBS
    assert sum(len(batch) for batch in batches) == JOBS * len(LENGTHS)
    shared = [batch for batch in batches if len({tokens[0] for tokens in batch}) > 1]
    assert len(shared) >= 2
    assert all(len(batch) * max(map(len, batch)) <= PADDED for batch in batches)
    assert len(batches) < JOBS * len(LENGTHS) / 2
