"""The batcher: who waits for whom, and what happens when the model fails or nobody waits any more."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence

import numpy as np
import pytest

from retrieval.embedders.batching import Batcher, TokenIds
from retrieval.types import Vector

TEXT = [1, 2, 3]


class Model:
    """Gives each text its length and first token; runs when the test lets it, and keeps what it was given."""

    def __init__(self) -> None:
        self.batches: list[list[TokenIds]] = []
        self.started = threading.Semaphore(0)
        self.allowed = threading.Semaphore(0)

    def infer(self, texts: Sequence[TokenIds]) -> Vector:
        self.batches.append([list(tokens) for tokens in texts])
        self.started.release()
        self.allowed.acquire()
        if any(tokens[0] == 13 for tokens in texts):
            raise ArithmeticError("thirteen")
        return np.array([[len(tokens), tokens[0]] for tokens in texts], np.float32)

    async def begun(self) -> None:
        """Until one more batch has begun."""
        await asyncio.to_thread(self.started.acquire)

    def let(self, batches: int) -> None:
        self.allowed.release(batches)


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
async def batcher(model: Model) -> AsyncIterator[Batcher]:
    made = Batcher(model.infer, dimension=2, threads=1, padded_tokens=12)
    yield made
    model.let(100)
    made.close()


async def test_rows_come_back_in_the_callers_order(batcher: Batcher, model: Model) -> None:
    model.let(100)
    rows = await batcher.run([[5] * 2, [6] * 9, [7] * 4])
    assert rows.tolist() == [[2, 5], [9, 6], [4, 7]]
    assert (await batcher.run([])).shape == (0, 2)


async def test_a_batch_holds_texts_of_like_length_up_to_the_limit(batcher: Batcher, model: Model) -> None:
    model.let(100)
    await batcher.run([[5] * n for n in (1, 12, 3, 4, 6, 6, 20)])
    assert [[len(tokens) for tokens in batch] for batch in model.batches] == [[20], [12], [6, 6], [1, 3, 4]]


async def test_callers_share_a_batch(batcher: Batcher, model: Model) -> None:
    busy = asyncio.ensure_future(batcher.run([[9] * 12]))
    await model.begun()
    calls = [asyncio.ensure_future(batcher.run([[n] * 3])) for n in (1, 2, 3)]
    await asyncio.sleep(0)
    model.let(2)
    assert [(await call).tolist() for call in calls] == [[[3, 1]], [[3, 2]], [[3, 3]]]
    assert (await busy).tolist() == [[12, 9]]
    assert len(model.batches) == 2


async def test_a_query_goes_before_what_has_not_begun(batcher: Batcher, model: Model) -> None:
    passages = asyncio.ensure_future(batcher.run([[9] * 12, [8] * 12, [7] * 12]))
    await model.begun()
    query = asyncio.ensure_future(batcher.run([TEXT], urgent=True))
    await asyncio.sleep(0)
    model.let(2)
    assert (await query).tolist() == [[3, 1]]
    assert not passages.done()
    model.let(2)
    await passages
    assert model.batches[1] == [TEXT]


async def test_an_error_reaches_those_in_the_batch_and_nobody_else(batcher: Batcher, model: Model) -> None:
    busy = asyncio.ensure_future(batcher.run([[9] * 12]))
    await model.begun()
    failing = asyncio.ensure_future(batcher.run([[13] * 4, [4] * 12]))
    sharing = asyncio.ensure_future(batcher.run([[5] * 4]))
    other = asyncio.ensure_future(batcher.run([[6] * 12]))
    await asyncio.sleep(0)
    model.let(100)
    for call in (failing, sharing):
        with pytest.raises(ArithmeticError, match="thirteen"):
            await call
    assert (await other).tolist() == [[12, 6]]
    assert (await busy).tolist() == [[12, 9]]
    assert (await batcher.run([TEXT])).tolist() == [[3, 1]]


async def test_what_nobody_waits_for_is_not_run(batcher: Batcher, model: Model) -> None:
    busy = asyncio.ensure_future(batcher.run([[9] * 12]))
    await model.begun()
    given_up = asyncio.ensure_future(batcher.run([[8] * 12, [7] * 12]))
    impatient = asyncio.ensure_future(batcher.run([TEXT], urgent=True))
    waiting = asyncio.ensure_future(batcher.run([[6] * 12]))
    await asyncio.sleep(0)
    given_up.cancel()
    impatient.cancel()
    await asyncio.gather(given_up, impatient, return_exceptions=True)
    model.let(100)
    assert (await waiting).tolist() == [[12, 6]]
    await busy
    assert [batch[0][0] for batch in model.batches] == [9, 6]


async def test_closing_ends_every_call(model: Model) -> None:
    batcher = Batcher(model.infer, dimension=2, threads=1, padded_tokens=12)
    running = asyncio.ensure_future(batcher.run([[9] * 12]))
    await model.begun()
    waiting = asyncio.ensure_future(batcher.run([[8] * 12]))
    await asyncio.sleep(0)
    closing = asyncio.ensure_future(asyncio.to_thread(batcher.close))
    with pytest.raises(asyncio.CancelledError):
        await waiting
    model.let(1)
    assert (await running).tolist() == [[12, 9]]
    await closing


async def test_all_threads_work(model: Model) -> None:
    batcher = Batcher(model.infer, dimension=2, threads=2, padded_tokens=12)
    call = asyncio.ensure_future(batcher.run([[9] * 12, [8] * 12]))
    await model.begun()
    await model.begun()
    model.let(2)
    assert (await call).tolist() == [[12, 9], [12, 8]]
    await asyncio.to_thread(batcher.close)
