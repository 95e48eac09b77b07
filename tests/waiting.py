"""Waiting for what another process does: it is asked until it is so, or until it is too late."""

import time
from collections.abc import Callable

_EVERY_S = 0.05


def until(holds: Callable[[], object], *, within_s: float = 60) -> None:
    """Returns when `holds` gives something true; what it raises comes through. Fails after `within_s` seconds."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, f"not so within {within_s} s"
        time.sleep(_EVERY_S)
