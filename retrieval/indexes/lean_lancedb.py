"""lancedb without what it imports and an embedded index never uses; all of `lancedb` is imported through here.

pyarrow imports pandas when it is installed (1.5 s of processor time), and `lance_namespace` a generated HTTP client
with all its routes (1.1 s) of which lancedb needs the models. Each process that opens an index would pay both.
"""

import importlib.util
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from types import ModuleType

_CLIENT = "lance_namespace_urllib3_client"


class _Missing(MetaPathFinder):
    """Has one package look as if it were not installed."""

    def __init__(self, name: str) -> None:
        self._name = name

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        """Raises ModuleNotFoundError for the package; None, "ask others", for all else."""
        del path, target
        if fullname == self._name:
            raise ModuleNotFoundError(name=fullname)


@contextmanager
def _without(name: str) -> Generator[None]:
    finder = _Missing(name)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


def _hollow(name: str) -> None:
    """Have a package there whose `__init__` has not run: its modules can be imported one by one."""
    spec = importlib.util.find_spec(name)
    if spec is not None and name not in sys.modules:
        sys.modules[name] = importlib.util.module_from_spec(spec)


_hollow(_CLIENT)
with _without("pandas"):
    import lancedb
    from lancedb.db import AsyncConnection
    from lancedb.index import FTS
    from lancedb.query import MatchQuery
    from lancedb.table import AsyncTable

__all__ = ["FTS", "AsyncConnection", "AsyncTable", "MatchQuery", "lancedb"]
