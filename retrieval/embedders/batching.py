"""Feeding a model: texts of all callers share batches, a query goes first, the processor never waits."""

import asyncio
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from types import TracebackType

import numpy as np

from retrieval.types import Vector

TokenIds = Sequence[int]
Inference = Callable[[Sequence[TokenIds]], Vector]


class _Call:
    """What one caller waits for: a row for each of its texts."""

    def __init__(self, count: int, dimension: int) -> None:
        self.rows = np.empty((count, dimension), np.float32)
        self.missing = count
        self.settled = False
        # Stays pending until it is settled, so that a caller can cancel it at any time.
        self.future = Future[Vector]()

    @property
    def wanted(self) -> bool:
        return not self.settled and not self.future.cancelled()


@dataclass(slots=True)
class _Item:
    """One text of a call. `arrival` counts all items, in the order in which they came."""

    call: _Call
    row: int
    tokens: TokenIds
    arrival: int = 0
    taken: bool = False


class Batcher:
    """Runs `infer` on `threads` threads, on batches of at most `padded_tokens` (texts x longest text).

    `infer` takes token ids and gives one vector of `dimension` for each; it must be safe to call from several
    threads. A batch starts with the text that has waited longest and takes in texts of about its length,
    whoever sent them. `close()` belongs to whoever made it.
    """

    def __init__(self, infer: Inference, *, dimension: int, threads: int, padded_tokens: int) -> None:
        self._infer = infer
        self._dimension = dimension
        self._padded_tokens = padded_tokens
        self._executor = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="embed")
        self._lock = Lock()
        self._urgent: deque[_Item] = deque()
        self._waiting: deque[_Item] = deque()
        # Ordered so that what may share a batch with a text, the same length but younger, or shorter, is before it.
        self._by_length: list[tuple[int, int, _Item]] = []
        self._arrivals = 0

    async def run(self, texts: Sequence[TokenIds], *, urgent: bool = False) -> Vector:
        """Vectors in the order of `texts`. `urgent` ones are next in line, each in a batch of its own.

        An error of the model is raised to every caller that has a text in the batch. When the caller is
        cancelled, what has not begun is dropped.
        """
        call = _Call(len(texts), self._dimension)
        if not texts:
            return call.rows
        items = [_Item(call, row, tokens) for row, tokens in enumerate(texts)]
        # Longest first: the batches that end a call are short, so all threads end at about the same time.
        items.sort(key=lambda item: -len(item.tokens))
        with self._lock:
            self._enqueue(items, urgent)
        # Each ticket takes one batch, whichever is next by then; tickets left over find nothing.
        for _ in items:
            self._executor.submit(self._run_next)
        return await asyncio.wrap_future(call.future)

    def close(self) -> None:
        """Stop: what runs is finished, what waits is cancelled."""
        with self._lock:
            left = [item.call for item in (*self._urgent, *self._waiting) if not item.taken]
            self._urgent.clear()
            self._waiting.clear()
            self._by_length.clear()
        for call in left:
            call.future.cancel()
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _enqueue(self, items: Sequence[_Item], urgent: bool) -> None:
        if urgent:
            self._urgent.extend(items)
            return
        self._waiting.extend(items)
        for item in items:
            self._arrivals += 1
            item.arrival = self._arrivals
            insort(self._by_length, (len(item.tokens), -item.arrival, item))

    def _run_next(self) -> None:
        with self._lock:
            batch = self._take()
        if not batch:
            return
        with _Failure(self, batch):
            vectors = self._infer([item.tokens for item in batch])
        for item, vector in zip(batch, vectors, strict=True):
            item.call.rows[item.row] = vector
        with self._lock:
            finished = [item.call for item in batch if self._is_last(item)]
        for call in finished:
            self.settle(call, None)

    def _take(self) -> list[_Item]:
        while self._urgent:
            item = self._urgent.popleft()
            if item.call.wanted:
                return [item]
        while self._waiting:
            oldest = self._waiting.popleft()
            batch = [] if oldest.taken else self._alike(oldest)
            if batch:
                return batch
        return []

    def _alike(self, oldest: _Item) -> list[_Item]:
        """`oldest` with as many of the next shorter texts as fit, without those that nobody waits for."""
        longest = len(oldest.tokens)
        end = bisect_left(self._by_length, (longest, 1 - oldest.arrival))
        start = max(0, end - max(1, self._padded_tokens // max(longest, 1)))
        batch = [entry[2] for entry in self._by_length[start:end]]
        del self._by_length[start:end]
        for item in batch:
            item.taken = True
        return [item for item in batch if item.call.wanted]

    @staticmethod
    def _is_last(item: _Item) -> bool:
        item.call.missing -= 1
        return item.call.missing == 0

    def settle(self, call: _Call, error: BaseException | None) -> None:
        """End a call, once, with its rows or with an error."""
        with self._lock:
            if call.settled:
                return
            call.settled = True
        if not call.future.set_running_or_notify_cancel():
            return
        if error is None:
            call.future.set_result(call.rows)
        else:
            call.future.set_exception(error)


class _Failure:
    """Hands whatever the block raises to the calls of the batch; it goes on to the executor, which drops it."""

    def __init__(self, batcher: Batcher, batch: Sequence[_Item]) -> None:
        self._batcher = batcher
        self._batch = batch

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            for item in self._batch:
                self._batcher.settle(item.call, error)
