"""Documents of every kind, read in a child process that cannot harm anybody.

A fork server (`server`) holds the imported libraries; each file is read in a fork of it (`child`), which is confined
(`confinement`) before it sees a byte, and answers with lines of JSON (`wire`) that the caller (`client`) checks.
Only `client`, `kinds`, `types` and `wire` are ever loaded by the processes of the product.
"""

from ingestion.parsing.client import ForkServerParser
from ingestion.parsing.kinds import Kind, kind_of
from ingestion.parsing.types import DocumentParser, Limits

__all__ = ["DocumentParser", "ForkServerParser", "Kind", "Limits", "kind_of"]
