"""The bytes behind uploads: kept once, removed when nothing refers to them any more, and never in between."""

from ingestion.contents.keeping import Contents
from ingestion.contents.originals import Original, address_of, original_of

__all__ = ["Contents", "Original", "address_of", "original_of"]
