"""How much memory processes hold."""

import threading
from collections.abc import Iterable

import psutil

SAMPLE_S = 0.5


def pss(processes: Iterable[psutil.Process]) -> int:
    """Proportional set size in bytes: pages shared between processes count once."""
    return sum(_figure(process, "pss") for process in processes)


def rss(processes: Iterable[psutil.Process]) -> int:
    """Resident set size in bytes: pages shared between processes count in each."""
    return sum(_figure(process, "rss") for process in processes)


def _figure(process: psutil.Process, name: str) -> int:
    try:
        return getattr(process.memory_full_info(), name)
    except psutil.NoSuchProcess:
        return 0


class PeakMemory(threading.Thread):
    """Samples the PSS of a process and all its children until stopped."""

    def __init__(self, root: psutil.Process) -> None:
        super().__init__(daemon=True)
        self._root = root
        self._ended = threading.Event()
        self.peak = 0

    def run(self) -> None:
        while not self._ended.wait(SAMPLE_S):
            self.peak = max(self.peak, pss([self._root, *self._root.children(recursive=True)]))

    def __enter__(self) -> "PeakMemory":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join()
