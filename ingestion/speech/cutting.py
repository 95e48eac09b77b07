"""Cutting a recording into pieces where nobody speaks."""

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]
Spans = list[tuple[int, int]]
"""First and last sample (exclusive) of stretches, in order."""

# Shorter than this, in samples at 16 kHz, a pause may be the closure of a consonant (up to about 150 ms).
_PAUSE: Final = 3200
_QUIET: Final = 1600
_MILLISECOND: Final = 16


@dataclass(frozen=True, slots=True)
class Cut:
    """A piece of sound from sample `start` of the recording. `last`: there is no more."""

    start: int
    samples: Samples
    last: bool

    @property
    def end(self) -> int:
        """The sample after the last one."""
        return self.start + len(self.samples)


def cut(
    blocks: Iterable[Samples],
    *,
    longest: int,
    window: int,
    speech: Callable[[Samples], Spans],
    start: int = 0,
) -> Generator[Cut]:
    """Cut into pieces of at most `longest` samples, from sample `start` on; each ends in its last `window` samples.

    There it ends in the middle of the longest pause, or at the quietest tenth of a second when there is none. `speech` tells
    where somebody speaks. Every sample from `start` on is in exactly one piece, in order. What is before is passed over.
    """
    to_pass, held, size = start, list[Samples](), 0
    for whole in blocks:
        block = whole[to_pass:]
        to_pass -= min(to_pass, len(whole))
        held.append(block)
        size += len(block)
        while size > longest:
            joined = np.concatenate(held)
            end = _place(joined[longest - window : longest], speech) + longest - window
            end -= end % _MILLISECOND  # so that a piece can be found again by its time
            yield Cut(start, joined[:end], last=False)
            start += end
            held, size = [joined[end:]], size - end
    yield Cut(start, np.concatenate(held) if held else np.zeros(0, np.int16), last=True)


def _place(samples: Samples, speech: Callable[[Samples], Spans]) -> int:
    """Where to cut; not before a millisecond has passed, so that each piece has something in it."""
    edges = [0, *(edge for span in speech(samples) for edge in span), len(samples)]
    pauses = list(zip(edges[::2], edges[1::2], strict=True))
    first, last = max(pauses, key=lambda pause: pause[1] - pause[0])
    if last - first >= _PAUSE:
        return max(_MILLISECOND, (first + last) // 2)
    whole = len(samples) // _QUIET * _QUIET
    if not whole:
        return len(samples)
    loudness = np.square(samples[:whole].astype(np.float32)).reshape(-1, _QUIET).sum(axis=1)
    return int(loudness.argmin()) * _QUIET + _QUIET // 2
