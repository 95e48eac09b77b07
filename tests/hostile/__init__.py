"""Files made to harm whoever reads them, the same ones each time: small sound documents, damaged, and known attacks.

`python -m tests.hostile` has all of them read; a sample is part of the tests.
"""

import random
from collections.abc import Iterator

from tests.hostile.attacks import QUICK, attacks
from tests.hostile.sound import sound

SEED = 20_261
TRUNCATIONS, FLIPS, SPLICES = 12, 22, 6


def corpus() -> list[tuple[str, bytes]]:
    """All hostile files, names unique."""
    return [*attacks(), *_damaged()]


def sample() -> list[tuple[str, bytes]]:
    """A tenth of the damaged documents, and the families of attacks that are quickly made."""
    return [*attacks(QUICK), *list(_damaged())[::10]]


def _damaged() -> Iterator[tuple[str, bytes]]:
    for name, data in sound().items():
        dice = random.Random(f"{SEED}{name}")  # noqa: S311 - to be the same each time
        for number in range(TRUNCATIONS):
            yield f"cut{number}-{name}", data[: dice.randrange(1, len(data))]
        for number in range(FLIPS):
            yield f"flip{number}-{name}", _flipped(data, dice, dice.choice((1, 4, 16, 64, 256)))
        for number in range(SPLICES):
            yield f"splice{number}-{name}", _spliced(data, dice)


def _flipped(data: bytes, dice: random.Random, count: int) -> bytes:
    changed = bytearray(data)
    for _ in range(count):
        # The first bytes stay: with them gone it would only be of an unknown type.
        changed[dice.randrange(8, len(changed))] ^= 1 << dice.randrange(8)
    return bytes(changed)


def _spliced(data: bytes, dice: random.Random) -> bytes:
    a, b = sorted(dice.randrange(8, len(data)) for _ in range(2))
    return dice.choice((data[:a] + data[b:], data[:b] + data[a:], data[:a] + bytes(b - a) + data[b:]))
